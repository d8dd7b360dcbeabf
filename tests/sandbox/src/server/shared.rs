//! State that all connections share, and the validation of requests and responses.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Method;
use serde_json::Value;

use crate::broker::{self, Broker};
use crate::judge::{self, Operation, Party, Sent, Violation};
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::release::Release;
use crate::rules::generic;
use crate::server::corruption::Corruption;
use crate::server::fault::{Fault, PORTAL};
use crate::server::misbehaviour::Faults;
use crate::server::routes;
use crate::server::tokens::Tokens;
use crate::store::{Actor, State};
use crate::wire::Upload;

/// A request that the sandbox received.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path, from `/api/` on.
    pub path: String,
    /// The query as sent, without the question mark; empty if there was none.
    pub query: String,
    /// The status of the response; 0 if the connection was closed without one.
    pub status: u16,
    /// The caller; `None` if it is unknown.
    pub actor: Option<Actor>,
    /// The body; `None` if it is empty or not JSON.
    pub body: Option<Value>,
    /// The files of a body of `multipart/form-data`.
    pub files: Vec<Upload>,
    /// The fault that affected it.
    pub fault: Option<Fault>,
}

/// State that all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    pub(crate) broker: Broker,
    pub(crate) log: Mutex<Vec<Request>>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) corruptions: Mutex<Vec<Corruption>>,
    pub(crate) tokens: Tokens,
    pub(crate) violations: Mutex<Vec<Violation>>,
    pub(crate) print_violations: bool,
    pub(crate) release: Release,
    pub(crate) latency: Duration,
    pub(crate) address: SocketAddr,
}

/// Locks a mutex, also after a panic: its data can still be read.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Returns the sandbox's clock, for the broker.
    pub(crate) fn clock(self: &Arc<Self>) -> broker::Clock {
        let shared = Arc::clone(self);
        Arc::new(move || lock(&shared.state).now())
    }

    /// Validates a request against the schema and records violations.
    pub(crate) fn validate(
        &self,
        method: &Method,
        path: &str,
        sent: &Sent<'_>,
    ) -> Option<&'static Operation> {
        let whole = |at: &str, what: String| vec![(at.to_owned(), what)];
        let (operation, findings) = match judge::find(method, path) {
            judge::Found::Operation(operation, wrong) => {
                let mut findings: Vec<_> = wrong
                    .into_iter()
                    .map(|name| (format!("path.{name}"), "not of the form that the schema wants".to_owned()))
                    .collect();
                findings.extend(operation.check(sent).into_iter().map(|found| (found.at, found.what)));
                // Parameters that only newer servers have are valid.
                findings.retain(|(at, _)| {
                    let parameter = at.strip_prefix("query.").unwrap_or_default();
                    operation.parameter(parameter).is_some()
                        || !self.release.has(&format!("{}.{parameter}", operation.id))
                });
                (Some(operation), findings)
            }
            judge::Found::Method(template) => {
                (None, whole("path", format!("{template} has no operation for this method")))
            }
            judge::Found::Slash(operation) => {
                (operation, whole("path", "the slash at the end is missing".to_owned()))
            }
            judge::Found::Nowhere if path == PORTAL => return None,
            judge::Found::Nowhere if routes::is_probed(path) => return None,
            judge::Found::Nowhere if routes::is_since_newer(method, path, self.release) => return None,
            judge::Found::Nowhere => (None, whole("path", "the schema has no such path".to_owned())),
        };
        self.record(Party::Program, operation, method, path, findings);
        operation
    }

    fn record(
        &self,
        party: Party,
        operation: Option<&Operation>,
        method: &Method,
        path: &str,
        findings: Vec<(String, String)>,
    ) {
        for (at, what) in findings {
            let violation = Violation {
                party,
                operation: operation.map(|operation| operation.id.clone()),
                method: method.to_string(),
                path: path.to_owned(),
                at,
                what,
            };
            if self.print_violations {
                eprintln!("{violation}");
            }
            lock(&self.violations).push(violation);
        }
    }

    /// Completes a response by the schema, validates it and records violations.
    pub(crate) fn complete(&self, call: &Call, answer: &mut Answer) {
        let Some(operation) = call.operation else { return };
        let fields = call.fields();
        let wants = |name: &str| fields.wants(name);
        let chosen: Option<&dyn Fn(&str) -> bool> =
            if fields.is_all() || fields.selects_only_undeclared() { None } else { Some(&wants) };
        if let Some(body) = answer.body_mut() {
            match call.looks {
                Release::Schema | Release::Newer => judge::complete(operation, body, chosen),
                Release::Late2024 => {
                    if generic::is_generic(call) {
                        judge::complete_rows(operation, body);
                    }
                    judge::remove_newer(operation, body);
                }
            }
        }
        if call.method == Method::HEAD || !call.looks.has_schema() {
            return;
        }
        let findings = judge::check_answer(operation, answer.status(), answer.body(), chosen);
        let findings = findings.into_iter().map(|found| (found.at, found.what)).collect();
        self.record(Party::Sandbox, Some(operation), &call.method, &call.path, findings);
    }
}
