//! The recorded schema as the judge: what a request or an answer breaks of it.

mod answer;
mod drifts;
mod operation;
mod pin;
mod schema;

pub(crate) use answer::{check as check_answer, complete, complete_rows, rejuvenate};
pub(crate) use operation::{Operation, Parameter, Sent};
#[cfg(test)]
pub(crate) use pin::place_of;
pub(crate) use pin::{Found, collections, find, operation, operations_at};
pub(crate) use schema::{Object, Schema};

/// Who broke the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Side {
    /// The program under test.
    Request,
    /// The sandbox itself.
    Answer,
}

/// One thing that the schema doesn't allow.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// Who broke it.
    pub side: Side,
    /// The operation, such as `marketplace_orders_list`; `None` if the schema has none for this path.
    pub operation: Option<String>,
    /// `GET`, `POST`, …
    pub method: String,
    /// The path of the request.
    pub path: String,
    /// Where: `path`, `path.uuid`, `query.state`, `content-type`, `status`, or a JSON path such as
    /// `$.usages[0].amount`.
    pub at: String,
    /// What is wrong there.
    pub what: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let side = match self.side {
            Side::Request => "request",
            Side::Answer => "answer",
        };
        let operation = self.operation.as_deref().unwrap_or("no operation");
        let Self { method, path, at, what, .. } = self;
        write!(f, "{operation}: {side} {method} {path}: {at}: {what}")
    }
}

/// What is wrong and where, before it is known whose it is.
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

/// The ways to be wrong that drifts of the real server are told apart by.
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
