//! Paging, field selection and order, which all lists share.

use std::cmp::Ordering;
use std::collections::HashSet;

use http::{HeaderName, StatusCode, header};
use serde_json::{Map, Value};

use crate::judge::{Operation, Schema};
use crate::protocol::answer::{Answer, Outcome, invalid_choice};
use crate::protocol::call::Call;
use crate::protocol::filters;
use crate::wire::encode_query;

const PAGE_SIZE: usize = 10;

const MAX_PAGE_SIZE: usize = 300;

/// The properties that a request selects.
#[derive(Debug)]
pub(crate) struct Fields {
    names: Option<HashSet<String>>,
    /// Whether the schema declares any of the names.
    declared: bool,
}

impl Fields {
    pub(crate) const ALL: Self = Self { names: None, declared: false };

    pub(crate) fn new<'a>(names: impl Iterator<Item = &'a str>, operation: Option<&Operation>) -> Self {
        let names: HashSet<_> = names.map(str::to_owned).collect();
        let object = operation.and_then(Operation::item).and_then(Schema::object);
        let declared = object.is_some_and(|object| names.iter().any(|name| object.property(name).is_some()));
        Self { names: if names.is_empty() { None } else { Some(names) }, declared }
    }

    /// Returns whether the whole object is selected.
    pub(crate) fn is_all(&self) -> bool {
        self.names.is_none()
    }

    /// Returns whether only undeclared names are selected.
    pub(crate) fn selects_only_undeclared(&self) -> bool {
        self.names.is_some() && !self.declared
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        self.names.as_ref().is_none_or(|names| names.contains(name))
    }

    /// Returns the selected properties. Undeclared names are ignored. If all are undeclared (a comma makes
    /// them so), the whole object is returned.
    pub(crate) fn pick(&self, render: impl Fn(&Self) -> Map<String, Value>) -> Value {
        let picked = render(self);
        Value::Object(if picked.is_empty() && !self.declared { render(&Self::ALL) } else { picked })
    }
}

/// Builds an object; only selected properties are computed.
macro_rules! object {
    ($fields:expr; $($key:literal: $value:expr),* $(,)?) => {{
        let mut map = serde_json::Map::new();
        $(if $fields.wants($key) {
            map.insert($key.to_owned(), serde_json::Value::from($value));
        })*
        map
    }};
}
pub(crate) use object;

/// A property to order by: its name, and the comparison of two rows.
pub(crate) type Ordered<T> = (&'static str, fn(&T, &T) -> Ordering);

/// Sorts rows by `o`: names joined by commas; `-` before a name reverses the order.
pub(crate) fn order<T>(call: &Call, rows: &mut [&T], known: &[Ordered<T>]) -> Result<(), Answer> {
    let keys = keys(call, &|name| known.iter().position(|(key, _)| *key == name))?;
    if keys.is_empty() {
        return Ok(());
    }
    let places = places(rows.len(), &|a, b| {
        keys.iter().fold(Ordering::Equal, |sofar, &(key, descending)| {
            let (a, b) = if descending { (b, a) } else { (a, b) };
            sofar.then_with(|| known[key].1(rows[a], rows[b]))
        })
    });
    let sorted: Vec<&T> = places.into_iter().map(|place| rows[place]).collect();
    rows.copy_from_slice(&sorted);
    Ok(())
}

/// Reads `o`: the places of its names, as `find` knows them, and whether each reverses the order. Is empty if
/// there is nothing to sort by yet.
fn keys(call: &Call, find: &dyn Fn(&str) -> Option<usize>) -> Result<Vec<(usize, bool)>, Answer> {
    let Some(text) = call.text("o") else { return Ok(Vec::new()) };
    let mut keys = Vec::new();
    for name in text.split(',') {
        let (plain, descending) = match name.strip_prefix('-') {
            Some(plain) => (plain, true),
            None => (name, false),
        };
        match find(plain) {
            Some(key) => keys.push((key, descending)),
            None if filters::orders_by(call, name) => {
                call.order_by_answer.set(true);
                return Ok(Vec::new());
            }
            None => return Err(invalid_choice("o", name)),
        }
    }
    Ok(keys)
}

/// Returns the places of `count` rows in their order. Sorting is much code, which is compiled once for all
/// kinds of rows.
fn places(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..count).collect();
    places.sort_by(|&a, &b| compare(a, b));
    places
}

/// Returns one page of the rows, with the total count and links to other pages.
pub(crate) fn page<T>(
    call: &Call,
    rows: &[T],
    render: impl Fn(&T, &Fields) -> Map<String, Value>,
) -> Outcome {
    page_of(call, rows.len(), &|at, fields| render(&rows[at], fields))
}

/// Returns one page of `count` rows.
fn page_of(call: &Call, count: usize, render: &dyn Fn(usize, &Fields) -> Map<String, Value>) -> Outcome {
    let chosen = filters::choose(call, count, &|at| render(at, &Fields::ALL))?;
    let rows = chosen.unwrap_or_else(|| (0..count).collect());
    let rows = rows.get(call.vanished.min(rows.len())..).unwrap_or_default();
    let size = match call.value("page_size").map(str::parse::<usize>) {
        Some(Ok(size)) if size > 0 => size.min(MAX_PAGE_SIZE),
        _ => PAGE_SIZE,
    };
    let last = rows.len().div_ceil(size).max(1);
    let number = match call.value("page") {
        None => Some(1),
        Some("last") => Some(last),
        Some(text) => text.parse::<usize>().ok().filter(|number| (1..=last).contains(number)),
    };
    let Some(number) = number else {
        return Err(Answer::detail(StatusCode::NOT_FOUND, "Invalid page."));
    };
    let mut links = vec![link(call, 1, "first")];
    if number > 1 {
        links.push(link(call, number - 1, "prev"));
    }
    if number < last {
        links.push(link(call, number + 1, "next"));
    }
    links.push(link(call, last, "last"));
    let fields = call.fields();
    let on_page = rows.iter().skip((number - 1) * size).take(size);
    let items: Vec<Value> = on_page.map(|&at| fields.pick(|fields| render(at, fields))).collect();
    Ok(Answer::ok(items)
        .with_text(HeaderName::from_static("x-result-count"), &rows.len().to_string())
        .with_text(header::LINK, &links.join(", ")))
}

/// Returns the link to a page. Keys are sorted, and the first page has no number.
fn link(call: &Call, number: usize, rel: &str) -> String {
    let number = number.to_string();
    let mut pairs: Vec<(&str, &str)> = call
        .query
        .iter()
        .filter(|(key, _)| key != "page")
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    if number != "1" {
        pairs.push(("page", &number));
    }
    pairs.sort_by_key(|(key, _)| *key);
    let query = encode_query(pairs);
    let mark = if query.is_empty() { "" } else { "?" };
    format!("<{}{}{mark}{query}>; rel=\"{rel}\"", call.origin, call.path)
}

/// Returns a list without pages and count.
pub(crate) fn whole<T>(
    call: &Call,
    rows: impl IntoIterator<Item = T>,
    render: impl Fn(&T, &Fields) -> Map<String, Value>,
) -> Outcome {
    let fields = call.fields();
    let items: Vec<Value> = rows.into_iter().map(|row| fields.pick(|fields| render(&row, fields))).collect();
    Ok(Answer::ok(items))
}

/// Returns a single object.
pub(crate) fn one(call: &Call, render: impl Fn(&Fields) -> Map<String, Value>) -> Outcome {
    Ok(Answer::ok(call.fields().pick(render)))
}
