//! Which of a provider's operations a server has.
//!
//! Every response of the API has the header `Allow` with the methods of its path, whatever the status; the
//! page for an unknown path doesn't. So OPTIONS decides, without changing anything. Where it doesn't, GET
//! does: to a path that takes only POST, the server responds with 405 and `Allow`.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use serde::Deserialize;
use waldur_api_client::Operation;
use waldur_api_client::exchanges::{ALL, Exchange, PATHS, Parameter};

use super::lists::{FirstPage, Outcome, is_no_route};
use super::visitor::{Unanswered, Visitor};
use crate::seen::Seen;

/// The features of the client, with the operations that a provider's software needs.
const FEATURES: &str = include_str!("../../../../openapi/features.toml");

/// The uuid of no object.
const NOBODY: &str = "00000000000000000000000000000000";

/// Whether a server has an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It has it; it may still refuse the user.
    There,
    /// It doesn't have it.
    Missing,
    /// Requests that read don't tell: the reason.
    NotKnown(String),
}

/// The operations that a provider's software needs, and whether the server has them.
pub type Operations = BTreeMap<String, Presence>;

/// Returns the ids of the operations that a provider's software needs.
///
/// # Errors
/// If `openapi/features.toml` isn't as expected.
pub fn of_providers() -> Result<Vec<String>, toml::de::Error> {
    #[derive(Deserialize)]
    struct Features {
        feature: BTreeMap<String, Feature>,
    }
    #[derive(Deserialize)]
    struct Feature {
        #[serde(default)]
        operations: Vec<String>,
    }
    let mut features: Features = toml::from_str(FEATURES)?;
    Ok(features.feature.remove("provider").map(|provider| provider.operations).unwrap_or_default())
}

/// Finds out which of a provider's operations the server has.
pub(super) async fn find(visitor: &Visitor, lists: &[FirstPage]) -> Operations {
    let mut seen = BTreeMap::new();
    let mut operations = Operations::new();
    // A test reads the same file.
    for id in of_providers().unwrap_or_default() {
        let presence = match ALL.iter().find(|exchange| exchange.operation.id == id) {
            Some(exchange) => match of_list(exchange.operation, lists) {
                Some(presence) => presence,
                None => of_path(visitor, exchange, &mut seen).await,
            },
            None => Presence::NotKnown("not in the schema of this build".to_owned()),
        };
        operations.insert(id, presence);
    }
    operations
}

/// Returns what reading the list told, if it told something.
fn of_list(operation: &Operation, lists: &[FirstPage]) -> Option<Presence> {
    let page = lists.iter().find(|page| page.list.operation.id == operation.id)?;
    match &page.outcome {
        Outcome::Read(_) => Some(Presence::There),
        Outcome::Missing => Some(Presence::Missing),
        _ => None,
    }
}

async fn of_path(
    visitor: &Visitor,
    exchange: &Exchange,
    answers: &mut BTreeMap<String, Result<Seen, Unanswered>>,
) -> Presence {
    let path = path_of(exchange);
    if !answers.contains_key(&path) {
        let answer = described(visitor, &path).await;
        answers.insert(path.clone(), answer);
    }
    let method = exchange.operation.method;
    let presence = match answers.get(&path) {
        Some(Ok(seen)) => decide(method, seen),
        Some(Err(why)) => Presence::NotKnown(why.to_string()),
        None => Presence::NotKnown(Unanswered::Connection.to_string()),
    };
    if presence != Presence::There || !may_be_of_an_object(exchange.operation) {
        return presence;
    }
    // `Allow` is that of the operation, or of an object whose uuid is the last word of the path.
    let read = method == "GET" || method == "HEAD";
    match if read { visitor.get(&path, &[]).await } else { Err(Unanswered::Connection) } {
        Ok(seen) if seen.status.is_success() => Presence::There,
        _ => Presence::NotKnown("its path can also be that of an object".to_owned()),
    }
}

/// Returns a response with the header `Allow` of a path, if the server sends one.
async fn described(visitor: &Visitor, path: &str) -> Result<Seen, Unanswered> {
    let options = visitor.ask(Method::OPTIONS, path, &[]).await.map_err(|(why, _)| why)?;
    // Not every server, and not every proxy, responds to OPTIONS.
    if options.header("allow").is_some() || is_no_route(&options) {
        return Ok(options);
    }
    visitor.get(path, &[]).await
}

/// Decides by a response to OPTIONS or GET whether there is an operation with this method at the path.
fn decide(method: &str, seen: &Seen) -> Presence {
    match seen.header("allow") {
        Some(allow) if allow.split(',').any(|one| one.trim().eq_ignore_ascii_case(method)) => Presence::There,
        // A proxy that refuses OPTIONS may name the methods that it lets pass.
        Some(_) if seen.is_json() || seen.status != StatusCode::METHOD_NOT_ALLOWED => Presence::Missing,
        None if is_no_route(seen) => Presence::Missing,
        _ => Presence::NotKnown(format!("the response ({}) doesn't tell", seen.status.as_u16())),
    }
}

/// Returns the path with parameters that belong to no object.
fn path_of(exchange: &Exchange) -> String {
    let mut path = exchange.operation.path.to_owned();
    for (name, parameter) in exchange.parameters {
        let value = match parameter {
            Parameter::Uuid => NOBODY,
            Parameter::Integer => "0",
            Parameter::Text => "none",
        };
        path = path.replace(&format!("{{{name}}}"), value);
    }
    path
}

/// Returns whether a server without the operation could take its path for that of an object, as
/// `/api/things/stats/` for that of the thing `stats`. Objects are not read or changed by POST.
fn may_be_of_an_object(operation: &Operation) -> bool {
    let is_variable = |segment: &str| segment.contains('{');
    let fits = |template: &&&str| {
        let segments = || template.split('/').zip(operation.path.split('/'));
        template.split('/').count() == operation.path.split('/').count()
            && segments().all(|(one, own)| one == own || is_variable(one))
            && segments().any(|(one, own)| is_variable(one) && !is_variable(own))
    };
    operation.method != "POST" && PATHS.iter().filter(fits).count() > 0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderMap;

    use super::*;

    fn seen(status: u16, headers: &[(&'static str, &str)]) -> Seen {
        let headers = headers.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), http::HeaderValue::from_str(value).unwrap())
        });
        Seen {
            method: Method::OPTIONS,
            path: "/api/".to_owned(),
            status: StatusCode::from_u16(status).unwrap(),
            headers: headers.collect::<HeaderMap>(),
            body: "".into(),
            elapsed: Duration::ZERO,
        }
    }

    #[test]
    fn the_header_allow_decides_whatever_the_status() {
        let json = ("content-type", "application/json");
        let page = ("content-type", "text/html");
        let action = ("allow", "POST, OPTIONS");
        for (status, headers, expected) in [
            (200, vec![json, action], Presence::There),
            (403, vec![json, action], Presence::There),
            (404, vec![json, action], Presence::There),
            (405, vec![json, action], Presence::There),
            (200, vec![json, ("allow", "GET, HEAD, OPTIONS")], Presence::Missing),
            (405, vec![json, ("allow", "GET, HEAD, OPTIONS")], Presence::Missing),
            (404, vec![page], Presence::Missing),
        ] {
            assert_eq!(decide("POST", &seen(status, &headers)), expected, "{status} {headers:?}");
        }
        for (status, headers) in [
            (404, vec![json]),
            (405, vec![page, ("allow", "GET")]),
            (405, vec![page]),
            (500, vec![page]),
            (200, vec![page]),
            (204, vec![]),
        ] {
            let presence = decide("POST", &seen(status, &headers));
            assert!(matches!(presence, Presence::NotKnown(_)), "{status} {headers:?}: {presence:?}");
        }
    }

    #[test]
    fn a_word_in_the_place_of_a_uuid_is_ambiguous_unless_it_is_posted_to() {
        let find = |id: &str| ALL.iter().find(|exchange| exchange.operation.id == id).unwrap().operation;
        assert!(may_be_of_an_object(find("users_me_retrieve")));
        for id in ["users_list", "marketplace_orders_retrieve", "marketplace_component_usages_set_usage"] {
            assert!(!may_be_of_an_object(find(id)), "{id}");
        }
    }

    #[test]
    fn the_operations_of_providers_are_known() {
        let ids = of_providers().unwrap();
        assert!(ids.len() > 150 && ids.iter().any(|id| id == "marketplace_orders_list"), "{ids:?}");
    }
}
