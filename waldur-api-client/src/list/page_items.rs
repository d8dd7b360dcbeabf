//! The items of a page.

/// The decoded items of a page in the server's order, and which of its items are left out, since they can't
/// be decoded.
#[derive(Debug)]
pub struct PageItems<T> {
    decoded: Vec<T>,
    /// The indices of the items that are left out, ascending.
    omitted: Vec<usize>,
}

impl<T> PageItems<T> {
    /// Returns the number of items of the page, with those that are left out.
    pub(super) fn len(&self) -> usize {
        self.decoded.len() + self.omitted.len()
    }

    /// Returns the decoded items without those that are `repeated`, by their index on the page.
    pub(super) fn without(mut self, repeated: &[bool]) -> Vec<T> {
        if repeated.contains(&true) {
            let mut repeated = repeated
                .iter()
                .enumerate()
                .filter(|(index, _)| self.omitted.binary_search(index).is_err())
                .map(|(_, repeated)| *repeated);
            self.decoded.retain(|_| !repeated.next().unwrap_or(false));
        }
        self.decoded
    }
}

impl<T> From<Vec<T>> for PageItems<T> {
    fn from(decoded: Vec<T>) -> Self {
        Self { decoded, omitted: Vec::new() }
    }
}

/// `None` is an item that is left out.
impl<T> From<Vec<Option<T>>> for PageItems<T> {
    fn from(items: Vec<Option<T>>) -> Self {
        let omitted = items.iter().enumerate().filter(|(_, item)| item.is_none());
        let omitted = omitted.map(|(index, _)| index).collect();
        Self { decoded: items.into_iter().flatten().collect(), omitted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_items_are_found_beside_those_that_are_left_out() {
        let items = || PageItems::<char>::from(vec![Some('a'), None, Some('b'), None, Some('c')]);
        let without = |repeated: &[bool]| String::from_iter(items().without(repeated));
        assert_eq!(items().len(), 5);
        assert_eq!(without(&[]), "abc");
        assert_eq!(without(&[false, true, true, false, false]), "ac");
        assert_eq!(without(&[true]), "bc");
        assert_eq!(PageItems::<char>::from(vec!['a', 'b']).without(&[false, true]), ['a']);
    }
}
