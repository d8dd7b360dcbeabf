//! Filters of lists, checked on the rows before something is changed: a server that doesn't know a filter
//! ignores it.

use uuid::Uuid;
use waldur_api_client::Operation;

use crate::row::{Rows, UnreadableRow, unusable};

/// Keeps the rows that match the filters. A row that doesn't tell is set aside: `matches` returns the name of
/// the field that it lacks.
pub(crate) fn keep_matching<T>(
    rows: &mut Rows<T>,
    list: &'static Operation,
    matches: impl Fn(&T) -> Result<bool, &'static str>,
) where
    Uuid: for<'a> From<&'a T>,
{
    rows.keep(|row| {
        let unreadable =
            |field| UnreadableRow { operation: list.id, uuid: Some(row.into()), problem: unusable(field) };
        matches(row).map_err(unreadable)
    });
}

/// Returns whether a field has the value that a filter asks for; `None` asks for any.
///
/// # Errors
/// The name of the field, if the row lacks it.
pub(crate) fn matches(
    wanted: Option<Uuid>,
    found: Option<Uuid>,
    field: &'static str,
) -> Result<bool, &'static str> {
    match (wanted, found) {
        (None, _) => Ok(true),
        (Some(_), None) => Err(field),
        (wanted, found) => Ok(wanted == found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_filter_needs_the_field() {
        let (one, other) = (Some(Uuid::from_u128(1)), Some(Uuid::from_u128(2)));
        for (wanted, found, expected) in [
            (None, None, Ok(true)),
            (None, one, Ok(true)),
            (one, one, Ok(true)),
            (one, other, Ok(false)),
            (one, None, Err("uuid")),
        ] {
            assert_eq!(matches(wanted, found, "uuid"), expected, "{wanted:?} {found:?}");
        }
    }
}
