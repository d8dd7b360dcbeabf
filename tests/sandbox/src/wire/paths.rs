//! Lookup of paths by templates with variable segments.

use matchit::Router;

/// Values by path template. A variable segment of a template is `*` or `{name}`; a fixed segment precedes a
/// variable one in the same place.
pub(crate) struct Paths<T>(Router<T>);

impl<T> Paths<T> {
    /// Collects templates with their values. Of templates for the same paths the first counts.
    pub(crate) fn new<'a>(templates: impl IntoIterator<Item = (&'a str, T)>) -> Self {
        let mut router = Router::new();
        for (template, value) in templates {
            let segments: Vec<String> = template.split('/').enumerate().map(segment).collect();
            let inserted = router.insert(segments.join("/"), value);
            debug_assert!(inserted.is_ok(), "{template}: {inserted:?}");
        }
        Self(router)
    }

    /// Returns the value for a path, and the path's variable segments.
    pub(crate) fn find<'p>(&self, path: &'p str) -> Option<(&T, Vec<&'p str>)> {
        let found = self.0.at(path).ok()?;
        Some((found.value, found.params.iter().map(|(_, segment)| segment).collect()))
    }
}

/// Names a variable segment by its place, since all templates have to name it alike.
fn segment((at, text): (usize, &str)) -> String {
    if text == "*" || text.starts_with('{') { format!("{{{at}}}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_segments_precede_variable_ones() {
        let paths = Paths::new([("", 0), ("users/{uuid}/", 1), ("users/me/", 2), ("users/*/keys/*/", 3)]);
        let found = |path: &'static str| paths.find(path).map(|(value, segments)| (*value, segments));
        assert_eq!(found(""), Some((0, vec![])));
        assert_eq!(found("users/me/"), Some((2, vec![])));
        assert_eq!(found("users/mei/"), Some((1, vec!["mei"])));
        assert_eq!(found("users/me/keys/7/"), Some((3, vec!["me", "7"])));
        for path in ["users/", "users//", "users/me", "users/a/b/", "/"] {
            assert_eq!(found(path), None, "{path}");
        }
    }
}
