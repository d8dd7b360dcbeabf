//! Misbehaviour on demand.

use http::{HeaderName, Method, StatusCode};

use crate::answer::Answer;

/// A way to misbehave, once for each request that it is set for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This status instead of the answer; the request is not applied. 500, 502, 503 and 504 come with a page
    /// for people, others with `{"detail": …}`.
    Status(u16),
    /// The same with a `Retry-After` header of this many seconds.
    RetryAfter(u16, u64),
    /// The connection closes without an answer; the request is not applied.
    ResetBefore,
    /// The request is applied; then the connection closes without an answer.
    ResetAfter,
    /// The request is applied and answered, but the answer has no body.
    EmptyBody,
}

impl Fault {
    /// What to answer instead of applying the request; `None` when it is applied, or never answered.
    pub(crate) fn instead(&self) -> Option<Answer> {
        match self {
            Self::Status(status) => Some(status_answer(*status)),
            Self::RetryAfter(status, seconds) => Some(
                status_answer(*status)
                    .with_text(HeaderName::from_static("retry-after"), &seconds.to_string()),
            ),
            Self::ResetBefore | Self::ResetAfter | Self::EmptyBody => None,
        }
    }
}

fn status_answer(status: u16) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match status.as_u16() {
        500.. => Answer::page(status),
        429 => Answer::detail(status, "Request was throttled."),
        401 => Answer::unauthorized("Invalid token."),
        _ => Answer::detail(status, status.canonical_reason().unwrap_or("Refused.")),
    }
}

/// A fault that waits for requests to strike.
#[derive(Debug)]
struct Trap {
    left: usize,
    method: String,
    path_end: String,
    fault: Fault,
}

#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Trap>);

impl Faults {
    pub(crate) fn add(&mut self, left: usize, method: &str, path_end: &str, fault: Fault) {
        self.0.push(Trap { left, method: method.to_ascii_uppercase(), path_end: path_end.to_owned(), fault });
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The fault that strikes this request, the one set first if there are several.
    pub(crate) fn strike(&mut self, method: &Method, path: &str) -> Option<Fault> {
        let trap = self.0.iter_mut().find(|trap| {
            trap.left > 0
                && (trap.method == "*" || trap.method == method.as_str())
                && path.ends_with(&trap.path_end)
        })?;
        trap.left -= 1;
        let fault = trap.fault.clone();
        self.0.retain(|trap| trap.left > 0);
        Some(fault)
    }
}
