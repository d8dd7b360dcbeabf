//! The course of a visit.

use http::{Method, StatusCode};
use serde_json::Value;
use waldur_api_client::ClientBuilder;

use super::fields::{self, NO_FIELD};
use super::report::{self, Report, Version};
use super::visitor::{Settings, Visitor};
use super::{lists, operations, paging, timing};
use crate::anonymous::Anonymizer;
use crate::recording::Exchange;
use crate::seen::Seen;

/// Reasons why a server can't be visited.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings of the client are missing or invalid.
    #[error("{0}")]
    Settings(waldur_api_client::Error),
    /// The limit of requests is zero.
    #[error("no request may be sent: the limit of requests is zero")]
    NoRequest,
    /// There is no response.
    #[error("the server doesn't respond: {0}")]
    NoResponse(waldur_api_client::Error),
    /// The token is refused.
    #[error("the server doesn't accept the token (401)")]
    Token,
    /// The server isn't the API of Waldur.
    #[error("/api/users/me/ is not the user of a Waldur server (status {0}): is the URL that of the API?")]
    NotWaldur(StatusCode),
}

/// The result of a visit.
#[derive(Debug)]
pub struct Visit {
    /// What was found.
    pub report: Report,
    /// The responses of lists and single objects, without personal details.
    pub recording: Vec<Exchange>,
}

/// Visits a server. Sends only requests that read.
///
/// # Errors
/// If the client has no valid settings, the server doesn't respond, or it refuses the token. Everything else
/// is in the report.
pub async fn visit(builder: ClientBuilder, settings: Settings) -> Result<Visit, Error> {
    let on_step = settings.on_step;
    let mut visitor = Visitor::new(builder, settings).map_err(Error::Settings)?;
    let me = match visitor.ask(Method::GET, "/api/users/me/", &[]).await {
        Ok(seen) => seen,
        Err((_, Some(error))) => return Err(Error::NoResponse(error)),
        Err((_, None)) => return Err(Error::NoRequest),
    };
    if me.status == StatusCode::UNAUTHORIZED {
        return Err(Error::Token);
    }
    visitor.record("users_me_retrieve", &me);
    let user = match user(&me) {
        None if is_no_object(&me) => user_of_list(&mut visitor).await,
        user => user,
    };
    let Some(user) = user else { return Err(Error::NotWaldur(me.status)) };
    let version = visitor.get("/api/version/", &[]).await;
    if let Ok(seen) = &version {
        visitor.record("version_retrieve", seen);
    }
    on_step("reading the first page of each list");
    let mut lists = lists::read(&mut visitor).await;
    on_step("looking for the operations of a provider");
    let operations = operations::find(&visitor, &lists).await;
    on_step("selecting fields");
    let fields = fields::examine(&mut visitor, &lists).await;
    on_step("reading further pages");
    let paging = paging::examine(&visitor, &lists).await;
    on_step("measuring times");
    let times = timing::measure(&visitor, &lists).await;

    let mut anonymizer = Anonymizer::new(visitor.client.url(), &[NO_FIELD]);
    visitor.recorded.iter().for_each(|(_, seen)| anonymizer.learn_names(seen));
    visitor.recorded.iter().for_each(|(_, seen)| anonymizer.learn(seen));
    let recorded = visitor.recorded.iter().enumerate();
    let recording: Vec<Exchange> = recorded
        .map(|(index, (name, seen))| anonymizer.exchange(&format!("{:03} {name}", index + 1), seen))
        .collect();
    lists::show_safely(&mut lists, &anonymizer);
    let report = Report {
        version: Version::of(version),
        is_staff: user["is_staff"] == true,
        requests: visitor.log.sent(),
        lists,
        operations,
        fields,
        paging,
        times,
        recorded_otherwise: report::recorded_otherwise(&visitor.recorded, &recording),
    };
    Ok(Visit { report, recording })
}

/// Returns the user of a successful response, which is that user or a list of one.
fn user(seen: &Seen) -> Option<Value> {
    let mut body: Value = serde_json::from_slice(&seen.body).ok().filter(|_| seen.status.is_success())?;
    let user = match body.as_array_mut() {
        Some(users) if users.len() == 1 => users.pop()?,
        _ => body,
    };
    user["uuid"].is_string().then_some(user)
}

/// Returns whether the API has the path and doesn't find the object. Servers without `/api/users/me/` take `me`
/// for the uuid of a user.
fn is_no_object(seen: &Seen) -> bool {
    seen.status == StatusCode::NOT_FOUND && seen.header("allow").is_some() && seen.is_json()
}

/// Returns the user who makes the request, from the list of users.
async fn user_of_list(visitor: &mut Visitor) -> Option<Value> {
    let current = [("current", "true".to_owned())];
    let seen = visitor.get("/api/users/", &current).await.ok()?;
    visitor.record("users_list current", &seen);
    user(&seen)
}
