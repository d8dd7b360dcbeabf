//! From a request to its handler.

use std::time::Instant;

use http::{Method, StatusCode, header};

use crate::judge;
use crate::protocol::answer::{Answer, Outcome};
use crate::protocol::call::Call;
use crate::server::fault::PORTAL;
use crate::server::routes::Found;
use crate::server::shared::{Shared, lock};
use crate::server::{corruption, routes};
use crate::store::Actor;

/// Returns the response to a request, and the time from which its change can be read if that is later.
///
/// Refusals are checked in the server's order: route, media type of the
/// response, caller, method.
pub(crate) fn dispatch(
    shared: &Shared,
    mut call: Call,
    query: &str,
    caller: Result<Option<Actor>, Answer>,
) -> (Answer, Option<Instant>) {
    if call.path == PORTAL {
        return (Answer::page(StatusCode::OK), None);
    }
    let mut committed = None;
    let found = match routes::find(&call.path, call.release) {
        Found::Slash if query.is_empty() => return (Answer::moved(&format!("{}/", call.path)), None),
        Found::Slash => return (Answer::moved(&format!("{}/?{query}", call.path)), None),
        Found::Nowhere => return (Answer::page(StatusCode::NOT_FOUND), None),
        Found::Route(route, segments) => {
            call.segments = segments;
            Some(route)
        }
        Found::Missing => None,
    };
    let allow = match found {
        Some(route) => route.allow.to_owned(),
        None => judge::operations_at(&call.path).unwrap_or_default().join(", "),
    };
    let outcome: Outcome = acceptable(&call).and(caller).and_then(|caller| {
        call.caller = caller;
        let state = &mut lock(&shared.state);
        if let Some(actor) = caller
            && state.person(actor).is_some_and(|person| !person.active)
        {
            return Err(Answer::unauthorized("User inactive or deleted."));
        }
        if !found.is_some_and(|route| route.public) {
            call.actor()?;
        }
        match found.and_then(|route| route.handler(&call.method, call.release)) {
            Some(handler) if matches!(call.method, Method::GET | Method::HEAD | Method::OPTIONS) => {
                state.without_pending(|state| handler(&call, state))
            }
            Some(handler) => {
                state.begin_change();
                let outcome = handler(&call, state);
                committed = state.end_change();
                outcome
            }
            None if call.method == Method::OPTIONS => Ok(description(&call)),
            None if allow.split(", ").any(|method| method == call.method.as_str()) => {
                Err(Answer::page(StatusCode::NOT_IMPLEMENTED))
            }
            None => Err(Answer::detail(
                StatusCode::METHOD_NOT_ALLOWED,
                format!("Method \"{}\" not allowed.", call.method),
            )),
        }
    });
    let mut answer = outcome.unwrap_or_else(|refusal| refusal);
    if answer.status() < 300 && call.method != Method::OPTIONS {
        shared.complete(&call, &mut answer);
        corruption::apply(&lock(&shared.corruptions), &call, &mut answer);
    }
    if answer.status() < 500 {
        answer = answer.with_text(header::ALLOW, &allow);
    }
    (answer, committed)
}

/// Refuses requests that accept neither JSON nor HTML.
fn acceptable(call: &Call) -> Result<(), Answer> {
    let good = call.accept.is_empty()
        || call.accept.split(',').any(|kind| {
            let kind = kind.split(';').next().unwrap_or_default().trim();
            matches!(kind, "*/*" | "application/*" | "application/json" | "text/*" | "text/html")
        });
    if good {
        return Ok(());
    }
    Err(Answer::detail(StatusCode::NOT_ACCEPTABLE, "Could not satisfy the request Accept header."))
}

/// Returns the body of the response to OPTIONS.
fn description(call: &Call) -> Answer {
    let name = call.path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    Answer::ok(serde_json::json!({
        "name": name,
        "description": "",
        "renders": ["application/json", "text/html"],
        "parses": ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"],
    }))
}
