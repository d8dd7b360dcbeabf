//! The first page of each list, read through the types of the client.

use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;
use uuid::Uuid;
use waldur_api_client::DecodeError;
use waldur_api_client::exchanges::{ALL, Answer, LISTS, List, Reading};

use super::visitor::{Unanswered, Visitor};
use crate::anonymous::Anonymizer;
use crate::meaning::without_indexes;
use crate::replay::Loss;
use crate::seen::Seen;

/// A list, and how its first page was read.
#[derive(Debug)]
pub struct FirstPage {
    /// The list.
    pub list: &'static List,
    /// The path, with uuids in place of parameters.
    pub(super) path: String,
    /// How it was read.
    pub outcome: Outcome,
}

/// How a page was read.
#[derive(Debug)]
pub enum Outcome {
    /// It was decoded.
    Read(Box<Page>),
    /// It can't be decoded: the reason, without values.
    Unreadable(String),
    /// The server refused the request.
    Refused(StatusCode),
    /// The server has no such route.
    Missing,
    /// The list belongs to an object, and the user sees none.
    NoObject,
    /// There is no response.
    Unanswered(Unanswered),
}

/// A page that was decoded.
#[derive(Debug, Default)]
pub struct Page {
    /// The number of items.
    pub rows: usize,
    /// The header `X-Result-Count`.
    pub count: Option<u64>,
    /// The time of the exchange.
    pub elapsed: Duration,
    /// The length of the body.
    pub bytes: usize,
    /// What doesn't fit.
    pub findings: Findings,
}

/// What doesn't fit the types, by path without indexes.
#[derive(Debug, Default)]
pub struct Findings {
    /// Values of another type than their fields: what was expected and found, and how often.
    pub misfits: BTreeMap<String, (String, usize)>,
    /// Values that are lost for another reason.
    pub lost: BTreeMap<String, usize>,
    /// Fields that the types don't have.
    pub unknown_fields: BTreeMap<String, usize>,
    /// Values of enums that the client doesn't know.
    pub unknown_values: BTreeMap<String, Vec<String>>,
}

impl Findings {
    /// Returns the differences between a body and what was read from it.
    fn of(sent: &Value, reading: &Reading) -> Self {
        let mut findings = Self::default();
        for misfit in &reading.mismatches {
            let kinds = format!("expected {}, found {}", misfit.expected, misfit.found);
            findings.misfits.entry(without_indexes(&misfit.path())).or_insert((kinds, 0)).1 += 1;
        }
        let Loss { dropped, unknown } = Loss::of_reading(sent, reading);
        let is_misfit = |path: &String| reading.mismatches.iter().any(|misfit| misfit.path() == *path);
        for path in dropped.iter().filter(|path| !is_misfit(path)) {
            *findings.lost.entry(without_indexes(path)).or_default() += 1;
        }
        for path in &unknown {
            *findings.unknown_fields.entry(without_indexes(path)).or_default() += 1;
        }
        for path in &reading.unknown_values {
            let value = value_at(sent, path).unwrap_or_default();
            let values = findings.unknown_values.entry(without_indexes(path)).or_default();
            if !values.contains(&value) {
                values.push(value);
            }
        }
        findings
    }

    /// Returns whether every value was read.
    #[must_use]
    pub fn is_lossless(&self) -> bool {
        self.misfits.is_empty() && self.lost.is_empty()
    }
}

/// Returns the text at a path such as `$[0].a.b`.
fn value_at(sent: &Value, path: &str) -> Option<String> {
    let mut pointer = String::new();
    for step in path.strip_prefix('$')?.split(['.', '[']).filter(|step| !step.is_empty()) {
        pointer.push('/');
        pointer.push_str(step.trim_end_matches(']'));
    }
    sent.pointer(&pointer)?.as_str().map(str::to_owned)
}

/// Returns whether a response says that there is no such route: a page, without the header `Allow` that every
/// response of the API has.
pub(super) fn is_no_route(seen: &Seen) -> bool {
    seen.status == StatusCode::NOT_FOUND && seen.header("allow").is_none() && !seen.is_json()
}

/// Reads the first page of each list, those without parameters first.
pub(super) async fn read(visitor: &mut Visitor) -> Vec<FirstPage> {
    let mut lists: Vec<&'static List> = LISTS.iter().collect();
    lists.sort_by_key(|list| (list.operation.path.contains('{'), list.operation.path));
    let mut pages = Vec::new();
    for list in lists {
        let path = path(visitor, list.operation.path);
        let outcome = match &path {
            Some(path) => first_page(visitor, list, path).await,
            None => Outcome::NoObject,
        };
        pages.push(FirstPage { list, path: path.unwrap_or_default(), outcome });
    }
    pages
}

/// Returns the path with the first item of the list before it, as in `/api/projects/{uuid}/list_users/`.
fn path(visitor: &Visitor, template: &str) -> Option<String> {
    let Some((collection, rest)) = template.split_once('{') else { return Some(template.to_owned()) };
    let (_, rest) = rest.split_once('}')?;
    let uuid = visitor.first_uuids.get(collection).filter(|_| !rest.contains('{'))?;
    Some(format!("{collection}{uuid}{rest}"))
}

async fn first_page(visitor: &mut Visitor, list: &'static List, path: &str) -> Outcome {
    let size = visitor.settings.page_size.to_string();
    let query = if list.facts.paged { vec![("page_size", size)] } else { Vec::new() };
    let seen = match visitor.get(path, &query).await {
        Ok(seen) => seen,
        Err(why) => return Outcome::Unanswered(why),
    };
    visitor.record(list.operation.id, &seen);
    if is_no_route(&seen) {
        return Outcome::Missing;
    }
    if !seen.status.is_success() {
        return Outcome::Refused(seen.status);
    }
    let types = ALL.iter().find(|exchange| exchange.operation.id == list.operation.id);
    let reading = match types.map(|types| types.answer) {
        Some(Answer::Json(read) | Answer::Optional(read)) => read(&seen.body),
        _ => return Outcome::Unreadable("the client doesn't decode it".to_owned()),
    };
    let sent: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
    match reading {
        Ok(reading) => {
            let rows = sent.as_array().map(Vec::as_slice).unwrap_or_default();
            let first = rows.first().and_then(|row| row["uuid"].as_str());
            if let Some(uuid) = first.filter(|text| Uuid::try_parse(text).is_ok()) {
                visitor.first_uuids.insert(list.operation.path.to_owned(), uuid.to_owned());
            }
            Outcome::Read(Box::new(Page {
                rows: rows.len(),
                count: seen.header("x-result-count").and_then(|count| count.trim().parse().ok()),
                elapsed: seen.elapsed,
                bytes: seen.body.len(),
                findings: Findings::of(&sent, &reading),
            }))
        }
        Err(DecodeError::Json(_)) if !seen.is_json() => Outcome::Unreadable("a page, not JSON".to_owned()),
        // The path can have a key of a free object.
        Err(DecodeError::TypeMismatch(misfit)) => {
            Outcome::Unreadable(format!("expected {}, found {}", misfit.expected, misfit.found))
        }
        // The text of the parser has no values.
        Err(DecodeError::Json(error)) => Outcome::Unreadable(format!("not JSON: {error}")),
        Err(_) => Outcome::Unreadable("not as expected".to_owned()),
    }
}

/// Replaces in findings what can be a personal detail: keys of free objects, and values.
pub(super) fn show_safely(lists: &mut [FirstPage], anonymizer: &Anonymizer) {
    fn keys<T>(paths: &mut BTreeMap<String, T>, anonymizer: &Anonymizer) {
        let all = std::mem::take(paths);
        paths.extend(all.into_iter().map(|(path, value)| (anonymizer.path(&path), value)));
    }
    for page in lists {
        if let Outcome::Read(page) = &mut page.outcome {
            let findings = &mut page.findings;
            for value in findings.unknown_values.values_mut().flatten() {
                if !anonymizer.may_show(value) {
                    "a value that isn't shown".clone_into(value);
                }
            }
            keys(&mut findings.misfits, anonymizer);
            keys(&mut findings.lost, anonymizer);
            keys(&mut findings.unknown_fields, anonymizer);
            keys(&mut findings.unknown_values, anonymizer);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_found_by_their_path() {
        let sent = json!([{ "a": { "b": ["x", "y"] } }]);
        assert_eq!(value_at(&sent, "$[0].a.b[1]").as_deref(), Some("y"));
        assert_eq!(value_at(&sent, "$[0].a.c"), None);
        assert_eq!(value_at(&sent, "$"), None);
    }
}
