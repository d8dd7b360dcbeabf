//! Faults: what happens to an affected request.

use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::protocol::answer::Answer;
use crate::protocol::payload::Ending;

/// The path of the page that [`Fault::PortalRedirect`] redirects to.
pub(crate) const PORTAL: &str = "/portal/";

/// A kind of misbehaviour, for one request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Responds with this status and doesn't apply the request. 500, 502, 503 and 504 have an HTML page,
    /// others `{"detail": …}`.
    Status(u16),
    /// Responds with this status as [`Fault::Status`] does, but applies the request: a proxy lost its server
    /// while it waited.
    StatusAfter(u16),
    /// Responds with an HTML page and status 200, as a login page or a portal in front of the server does.
    /// The request is not applied.
    Portal,
    /// Redirects with this status to such a page on the same server. The request is not applied.
    PortalRedirect(u16),
    /// Responds with 411, as some proxies do to POST, PUT and PATCH without `Content-Length`. The request is
    /// not applied. Other requests are not affected.
    LengthRequired,
    /// Responds as to an unknown route, as a server does that doesn't have the operation. The request is not
    /// applied.
    NoSuchOperation,
    /// Responds with this status and a `Retry-After` header of this many seconds. The request is not applied.
    RetryAfter(u16, u64),
    /// Closes the connection without a response. The request is not applied.
    ResetBefore,
    /// Applies the request, then closes the connection without a response.
    ResetAfter,
    /// Applies the request; the response has no body.
    EmptyBody,
    /// Waits this long, then applies the request and responds.
    Delay(Duration),
    /// Applies the request; closes the connection in the middle of the response's body.
    Truncated,
    /// Applies the request; sends half of the response's body, then nothing, and keeps the connection open.
    Stalled,
    /// Applies the request; the response has this media type.
    MediaType(String),
    /// Applies the request; objects in the response have a property that the schema doesn't declare.
    ExtraFields,
    /// Applies the request; objects in the response lack these properties, or half of all if none is named.
    MissingFields(Vec<String>),
    /// Applies the request; these properties are null, or all but `uuid` and `url` if none is named.
    NullFields(Vec<String>),
    /// Applies the request; these properties are "", or all but `uuid` and `url` if none is named.
    BlankFields(Vec<String>),
    /// Applies the request; these properties have an unknown text, or `state` and `type` if none is named.
    UnknownValues(Vec<String>),
    /// Responds to a list as if its first items, this many, had been removed since the page before.
    VanishedItems(usize),
    /// Responds as a server of late 2024, without properties added since.
    OlderServer,
    /// Applies the request and responds; closes the connection this long after the response. A request sent
    /// on it by then is not applied.
    CloseAfter(Duration),
    /// Sets the sandbox's clock when the request arrives, then applies the request and responds.
    Clock(DateTime<Utc>),
}

impl Fault {
    /// Returns one fault of most kinds, for [`Misbehaviour::any_of`](crate::Misbehaviour::any_of).
    /// Faults that stall for long or don't affect single objects are included; faults of proxies and portals
    /// in front of the server are not.
    pub fn each() -> Vec<Self> {
        vec![
            Self::Status(500),
            Self::Status(502),
            Self::Status(503),
            Self::Status(504),
            Self::Status(429),
            Self::RetryAfter(429, 1),
            Self::RetryAfter(503, 1),
            Self::ResetBefore,
            Self::ResetAfter,
            Self::EmptyBody,
            Self::Delay(Duration::from_millis(50)),
            Self::Truncated,
            Self::Stalled,
            Self::MediaType("text/html".to_owned()),
            Self::ExtraFields,
            Self::MissingFields(Vec::new()),
            Self::NullFields(Vec::new()),
            Self::BlankFields(Vec::new()),
            Self::UnknownValues(Vec::new()),
            Self::VanishedItems(1),
            Self::OlderServer,
        ]
    }

    /// Returns the response that replaces applying the request. Returns `None` if the request is applied, or
    /// never responded to.
    pub(crate) fn instead(&self) -> Option<Answer> {
        match self {
            Self::Status(status) => Some(status_answer(*status)),
            Self::Portal => Some(Answer::page(StatusCode::OK)),
            Self::PortalRedirect(status) => Some(Answer::redirect(*status, PORTAL)),
            Self::LengthRequired => Some(Answer::page(StatusCode::LENGTH_REQUIRED)),
            Self::NoSuchOperation => Some(Answer::page(StatusCode::NOT_FOUND)),
            Self::RetryAfter(status, seconds) => Some(
                status_answer(*status)
                    .with_text(HeaderName::from_static("retry-after"), &seconds.to_string()),
            ),
            _ => None,
        }
    }

    /// Returns the changed response to a request that was applied; `None` closes the connection.
    pub(crate) fn distort(&self, mut answer: Answer) -> Option<Answer> {
        let change = |answer: &mut Answer, change: &dyn Fn(&mut Map<String, Value>)| match answer.body_mut() {
            Some(Value::Object(map)) => change(map),
            Some(Value::Array(items)) => {
                items.iter_mut().filter_map(Value::as_object_mut).for_each(change);
            }
            _ => {}
        };
        match self {
            Self::ResetAfter => return None,
            Self::StatusAfter(status) => return Some(status_answer(*status)),
            Self::EmptyBody => return Some(answer.without_body()),
            Self::Truncated => return Some(answer.ending(Ending::Close)),
            Self::Stalled => return Some(answer.ending(Ending::Stall)),
            Self::MediaType(kind) => {
                if let Ok(kind) = HeaderValue::from_str(kind) {
                    return Some(answer.with(header::CONTENT_TYPE, kind));
                }
            }
            Self::ExtraFields => change(&mut answer, &|map| {
                map.insert("from_the_future".to_owned(), json!({ "nested": [1, "two", null] }));
            }),
            Self::MissingFields(names) if names.is_empty() => change(&mut answer, &|map| {
                let mut number = 0;
                map.retain(|_, _| {
                    number += 1;
                    number % 2 == 0
                });
            }),
            Self::MissingFields(names) => {
                change(&mut answer, &|map| map.retain(|name, _| !names.contains(name)))
            }
            Self::NullFields(names) => change(&mut answer, &|map| set(map, names, &Value::Null)),
            Self::BlankFields(names) => change(&mut answer, &|map| set(map, names, &"".into())),
            Self::UnknownValues(names) => change(&mut answer, &|map| {
                let usual = ["state".to_owned(), "type".to_owned()];
                let names = if names.is_empty() { &usual[..] } else { names };
                for (_, value) in map.iter_mut().filter(|(name, _)| names.contains(name)) {
                    *value = "Unheard of".into();
                }
            }),
            _ => {}
        }
        Some(answer)
    }
}

fn set(map: &mut Map<String, Value>, names: &[String], to: &Value) {
    for (name, value) in map.iter_mut() {
        let chosen = if names.is_empty() { name != "uuid" && name != "url" } else { names.contains(name) };
        if chosen {
            *value = to.clone();
        }
    }
}

fn status_answer(status: u16) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match status.as_u16() {
        411 | 500.. => Answer::page(status),
        429 => Answer::detail(status, "Request was throttled."),
        401 => Answer::unauthorized("Invalid token."),
        _ => Answer::detail(status, status.canonical_reason().unwrap_or("Refused.")),
    }
}
