//! Counts in messages.

/// Returns a count with its noun: `1 operation`, `2 operations`.
pub(crate) fn counted(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn one_is_singular() {
        let modules = [0, 1, 2].map(|count| counted(count, "dependency", "dependencies"));
        assert_eq!(modules, ["0 dependencies", "1 dependency", "2 dependencies"]);
    }
}
