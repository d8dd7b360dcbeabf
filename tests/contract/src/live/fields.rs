//! How lists treat the parameter `field`.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::Value;

use super::lists::{FirstPage, Outcome};
use super::visitor::Visitor;
use crate::seen::Seen;

/// A name that no list has as a field.
pub const NO_FIELD: &str = "no_such_field";

/// How a list treats a selection of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Selection {
    /// The items have the selected fields only.
    Honoured,
    /// The items have other fields as well.
    Ignored,
    /// The request is refused.
    Refused(StatusCode),
    /// There is no item, or no response.
    NotKnown,
}

/// How each list treats two known fields, and a known one with an unknown one. By operation.
pub type Fields = BTreeMap<&'static str, (Selection, Selection)>;

/// Asks each list that has the parameter and an item for some fields.
pub(super) async fn examine(visitor: &mut Visitor, lists: &[FirstPage]) -> Fields {
    let mut found = Fields::new();
    for page in lists {
        let (Outcome::Read(read), Some(names)) = (&page.outcome, page.list.facts.fields) else { continue };
        if read.rows == 0 {
            continue;
        }
        let (known, other) = chosen(names);
        let id = page.list.operation.id;
        let two = select(visitor, id, &page.path, [known, other]).await;
        let unknown = select(visitor, id, &page.path, [known, NO_FIELD]).await;
        found.insert(id, (two, unknown));
    }
    found
}

/// Returns two names: `uuid` and another one, if there are.
fn chosen(names: &'static [&'static str]) -> (&'static str, &'static str) {
    let preferred = ["uuid", "name", "state", "created"];
    let mut ordered = preferred.into_iter().filter(|name| names.contains(name)).chain(names.iter().copied());
    let first = ordered.next().unwrap_or_default();
    (first, ordered.find(|name| *name != first).unwrap_or(first))
}

async fn select(visitor: &mut Visitor, id: &str, path: &str, names: [&str; 2]) -> Selection {
    let mut query: Vec<_> = names.map(|name| ("field", name.to_owned())).into();
    query.push(("page_size", "2".to_owned()));
    let Ok(seen) = visitor.get(path, &query).await else { return Selection::NotKnown };
    visitor.record(&format!("{id} field={}", names[1]), &seen);
    of_response(&seen, &names)
}

fn of_response(seen: &Seen, names: &[&str]) -> Selection {
    if !seen.status.is_success() {
        return Selection::Refused(seen.status);
    }
    let rows: Vec<Value> = serde_json::from_slice(&seen.body).unwrap_or_default();
    let mut keys = rows.iter().filter_map(Value::as_object).flat_map(|row| row.keys()).peekable();
    if keys.peek().is_none() {
        return Selection::NotKnown;
    }
    if keys.all(|key| names.contains(&key.as_str())) { Selection::Honoured } else { Selection::Ignored }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, Method};

    use super::*;

    #[test]
    fn the_names_of_the_items_decide() {
        let of = |status: u16, body: &'static str| {
            let seen = Seen {
                method: Method::GET,
                path: "/api/keys/".to_owned(),
                status: StatusCode::from_u16(status).unwrap(),
                headers: HeaderMap::new(),
                body: body.into(),
                elapsed: Duration::ZERO,
            };
            of_response(&seen, &["uuid", "name"])
        };
        assert_eq!(of(200, r#"[{"uuid": 1}, {"uuid": 2, "name": 3}]"#), Selection::Honoured);
        assert_eq!(of(200, r#"[{"uuid": 1}, {"uuid": 2, "type": 3}]"#), Selection::Ignored);
        assert_eq!(of(400, r#"{"field": ["?"]}"#), Selection::Refused(StatusCode::BAD_REQUEST));
        for body in ["[]", "[{}]", "<p>"] {
            assert_eq!(of(200, body), Selection::NotKnown, "{body}");
        }
    }

    #[test]
    fn two_different_names_are_chosen() {
        assert_eq!(chosen(&["name", "uuid"]), ("uuid", "name"));
        assert_eq!(chosen(&["a", "b", "uuid"]), ("uuid", "a"));
        assert_eq!(chosen(&["a", "b"]), ("a", "b"));
        assert_eq!(chosen(&["a"]), ("a", "a"));
    }
}
