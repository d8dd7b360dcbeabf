//! Registration: the queues that the server makes for the events of an offering, and how to log in to them.
//!
//! There are two schemes. Newer servers have one call for all kinds of events, `register_queue`, which makes
//! one queue. Older ones make a queue for each kind: the legacy scheme. Names of logins, vhosts and queues
//! are those of the responses.

mod legacy;
mod unified;

use uuid::Uuid;
use waldur_api_client::{Client, Error, ErrorKind, Operation};

use super::event::EventKind;
use crate::agent_identity::AgentIdentity;

/// Who registers for what.
#[derive(Clone, Debug)]
pub(super) struct Registrant {
    pub(super) client: Client,
    pub(super) offering: Uuid,
    /// The name and the version of the agent.
    pub(super) identity: (String, String),
    /// The kinds of events; all if there are none.
    pub(super) kinds: Vec<EventKind>,
}

/// The logins to the broker for an offering.
#[derive(Clone, Debug)]
pub(super) struct Registration {
    pub(super) scheme: Scheme,
    pub(super) logins: Vec<Login>,
}

/// How queues are registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// By `register_queue`.
    Unified,
    /// By subscriptions, of which each has one kind of events.
    Legacy,
}

impl Scheme {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Unified => "unified",
            Self::Legacy => "legacy",
        }
    }
}

/// A login to the broker, with its queues. The passcode is the client's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) login: String,
    pub(super) vhost: String,
    pub(super) queues: Vec<Queue>,
    /// The subscription of the legacy scheme.
    subscription: Option<Uuid>,
}

/// A queue of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Queue {
    pub(super) name: String,
    /// The kind of its events, if it has one.
    pub(super) kind: Option<EventKind>,
}

impl Registrant {
    /// Registers the queues, or finds those that are there.
    ///
    /// # Errors
    /// If the identity or a queue can't be registered. The same call may be repeated after any error.
    pub(super) async fn register(&self) -> Result<Registration, Error> {
        let (name, version) = &self.identity;
        let identity = AgentIdentity::register(&self.client, self.offering, name, version).await?;
        match self.register_queue(identity.uuid).await {
            Err(error) if is_missing(&error) => self.register_subscriptions(identity.uuid).await,
            registered => registered,
        }
    }

    /// Removes what keeps a login from being accepted though it is registered, so that the next registration
    /// makes a new one.
    ///
    /// # Errors
    /// If it can't be removed.
    pub(super) async fn discard(&self, login: &Login) -> Result<(), Error> {
        match login.subscription {
            Some(subscription) => self.remove_subscription(subscription).await,
            None => Ok(()),
        }
    }
}

/// Returns whether the server has no such operation. Proxies and older servers answer in both ways.
fn is_missing(error: &Error) -> bool {
    matches!(error.status(), Some(404 | 405))
}

/// Returns the error of a response without a value that is needed.
fn lacks(field: &str) -> Error {
    Error::new(ErrorKind::UnexpectedResponse, format!("the response has no usable `{field}`"))
}

/// Returns the error of a response of `operation` without a value that is needed.
fn lacks_of(operation: &'static Operation, field: &str) -> Error {
    lacks(field).with_operation(operation)
}
