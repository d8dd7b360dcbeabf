//! Validation of requests and responses against the recorded schema.

mod answer;
mod deviations;
mod operation;
mod pin;
mod schema;

pub(crate) use answer::{check as check_answer, complete, complete_rows, remove_newer};
pub(crate) use operation::{Operation, Parameter, Sent};
#[cfg(test)]
pub(crate) use pin::place_of;
pub(crate) use pin::{Found, collections, find, has_objects, operation, operations_at};
pub(crate) use schema::{Object, Schema};

/// The party that violated the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Party {
    /// The program under test, by a request.
    Program,
    /// The sandbox itself, by an answer.
    Sandbox,
}

/// A violation of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The party that violated the schema.
    pub party: Party,
    /// The operation, such as `marketplace_orders_list`; `None` if the schema has no operation for the path.
    pub operation: Option<String>,
    /// `GET`, `POST`, …
    pub method: String,
    /// The path of the request.
    pub path: String,
    /// The place: `path`, `path.uuid`, `query.state`, `content-type`, `status`, or a JSON path such as
    /// `$.usages[0].amount`.
    pub at: String,
    /// The problem.
    pub what: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let party = match self.party {
            Party::Program => "request",
            Party::Sandbox => "answer",
        };
        let operation = self.operation.as_deref().unwrap_or("no operation");
        let Self { method, path, at, what, .. } = self;
        write!(f, "{operation}: {party} {method} {path}: {at}: {what}")
    }
}

/// A problem and its place, before it is attributed to a party.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) at: String,
    pub(crate) what: String,
}

impl Finding {
    fn new(at: impl Into<String>, what: impl Into<String>) -> Self {
        Self { at: at.into(), what: what.into() }
    }
}

/// Kinds of problems, by which known deviations of the real server are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// A required property is missing.
    Absent,
    /// Null where it may not be.
    Null,
    /// Another kind of JSON value.
    Kind,
    /// The right kind, but not a value that is allowed.
    Value,
    /// A property or parameter that the schema doesn't have.
    Extra,
}
