//! The report of a visit.

mod sections;

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::Value;

use super::fields::{Fields, Selection};
use super::lists::{FirstPage, Outcome};
use super::operations::Operations;
use super::paging::{Check, Held};
use super::timing::Times;
use super::visitor::Unanswered;
use crate::anonymous;
use crate::recording::Exchange;
use crate::replay::{Verdict, replay};
use crate::seen::Seen;

/// What a visit found.
#[derive(Debug)]
pub struct Report {
    /// The version of the server.
    pub version: Version,
    /// Whether the user is staff, who sees everything.
    pub is_staff: bool,
    /// The number of requests that were sent.
    pub requests: usize,
    /// The first page of each list.
    pub lists: Vec<FirstPage>,
    /// Whether the server has the operations that a provider's software needs.
    pub operations: Operations,
    /// How the lists treat `field`.
    pub fields: Fields,
    /// What holds of the pages of lists.
    pub paging: Vec<Check>,
    /// Times of lists.
    pub times: Vec<Times>,
    /// Exchanges that the types read otherwise once details are replaced, by their names.
    pub recorded_otherwise: Vec<String>,
}

/// The version of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// The version that it shows.
    Shown(String),
    /// It doesn't show the version to this user.
    Refused(StatusCode),
    /// The response has nothing of the form of a version.
    Unreadable,
    /// There is no response.
    Unanswered(Unanswered),
}

impl Version {
    pub(super) fn of(answer: Result<Seen, Unanswered>) -> Self {
        match answer {
            Ok(seen) if !seen.status.is_success() => Self::Refused(seen.status),
            Ok(seen) => {
                let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
                anonymous::version(&body).map_or(Self::Unreadable, |text| Self::Shown(text.to_owned()))
            }
            Err(why) => Self::Unanswered(why),
        }
    }
}

/// Returns the names of the exchanges whose replay differs from that of the originals.
pub(super) fn recorded_otherwise(seen: &[(String, Seen)], recording: &[Exchange]) -> Vec<String> {
    let verdict = |exchange: &Exchange| match replay(exchange, false) {
        Verdict::Ok { dropped, unknown } => format!("{} {}", dropped.len(), unknown.len()),
        Verdict::Refused(error) => format!("{:?}", error.status()),
        Verdict::Skipped => "skipped".to_owned(),
        Verdict::Failed(_) => "failed".to_owned(),
    };
    let originals = seen.iter().map(|(_, seen)| verdict(&original(seen)));
    let pairs = originals.zip(recording).filter(|(original, exchange)| *original != verdict(exchange));
    pairs.map(|(_, exchange)| exchange.name.clone()).collect()
}

/// Returns an exchange as it was.
fn original(seen: &Seen) -> Exchange {
    use crate::recording::{Request, Response};
    let body = serde_json::from_slice(&seen.body).ok().filter(|_| seen.is_json());
    let kind = seen.header("content-type").filter(|_| body.is_some() || !seen.is_json());
    let kind = kind.unwrap_or("text/plain").to_owned();
    let text = || match seen.body.trim_ascii() {
        b"" => Value::Null,
        text => String::from_utf8_lossy(text).into(),
    };
    Exchange {
        name: String::new(),
        request: Request {
            method: seen.method.to_string(),
            path: seen.path.clone(),
            content_type: None,
            body: Value::Null,
        },
        response: Response {
            status: seen.status.as_u16(),
            headers: BTreeMap::from([("content-type".to_owned(), kind)]),
            body: body.unwrap_or_else(text),
        },
    }
}

/// Returns whether a status depends neither on the version of the server nor on the rights of the user. The
/// user was accepted at first, so 401 says that the token has expired.
fn is_failure(status: StatusCode) -> bool {
    let of_time = [StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS];
    !status.is_client_error() || of_time.contains(&status)
}

impl Report {
    /// Returns what doesn't hold: values that are lost, lists that can't be read or fail, pages that are not
    /// as expected, and a recording that is read otherwise. Empty if everything holds.
    ///
    /// Unknown fields and values, missing operations and refusals are not among them: they depend on the
    /// version of the server and the rights of the user. A token that expires and too many requests are.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for page in &self.lists {
            let id = page.list.operation.id;
            match &page.outcome {
                Outcome::Read(page) if page.findings.is_lossless() => {}
                Outcome::Read(page) => {
                    let findings = &page.findings;
                    let paths = findings.misfits.keys().chain(findings.lost.keys());
                    problems.extend(paths.map(|path| format!("{id}: {path} is lost")));
                }
                Outcome::Unreadable(why) => problems.push(format!("{id}: can't be read: {why}")),
                Outcome::Refused(status) if is_failure(*status) => {
                    problems.push(format!("{id}: fails with {}", status.as_u16()));
                }
                Outcome::Unanswered(why @ (Unanswered::Timeout | Unanswered::Connection)) => {
                    problems.push(format!("{id}: {why}"));
                }
                Outcome::Refused(_) | Outcome::Missing | Outcome::NoObject | Outcome::Unanswered(_) => {}
            }
        }
        for (id, (known, unknown)) in &self.fields {
            let failed = [known, unknown].into_iter().find_map(|selection| match selection {
                Selection::Refused(status) if is_failure(*status) => Some(status.as_u16()),
                _ => None,
            });
            problems.extend(failed.map(|status| format!("{id}: fails with {status} for some fields")));
        }
        let unheld = self.paging.iter().filter(|check| check.held == Held::No);
        problems.extend(unheld.map(|check| format!("{}: not so: {}", check.list, check.expected)));
        let otherwise = self.recorded_otherwise.iter();
        problems.extend(otherwise.map(|name| format!("the recording of {name} is read otherwise")));
        problems
    }
}
