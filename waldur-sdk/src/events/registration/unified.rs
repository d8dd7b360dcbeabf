//! The scheme of newer servers: one queue for all kinds of events.

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use waldur_api_client::{Error, Method};

use super::{Login, Queue, Registrant, Registration, Scheme, lacks};
use crate::events::event::EventKind;

#[derive(Serialize)]
struct Request<'a> {
    /// All kinds if it is empty. If it were absent, the server would leave the kinds as they are.
    object_types: &'a [EventKind],
}

#[derive(Deserialize)]
struct Answer {
    rmq_username: Option<String>,
    vhost: Option<String>,
    queue_name: Option<String>,
}

impl Registrant {
    /// Registers the queue of an identity. The server finds the one that is there, and sets its passcode to
    /// the token of the request, so the request may be repeated.
    pub(super) async fn register_queue(&self, identity: Uuid) -> Result<Registration, Error> {
        let path = format!("/api/marketplace-site-agent-identities/{}/register_queue/", identity.simple());
        let request = self.client.request(Method::POST, path).json(&Request { object_types: &self.kinds });
        let answer: Answer = request.assume_idempotent().send().await?.json()?;
        let filled = |text: Option<String>, field| text.filter(|text| !text.is_empty()).ok_or(lacks(field));
        let login = Login {
            login: filled(answer.rmq_username, "rmq_username")?,
            vhost: filled(answer.vhost, "vhost")?,
            queues: vec![Queue { name: filled(answer.queue_name, "queue_name")?, kind: None }],
            subscription: None,
        };
        Ok(Registration { scheme: Scheme::Unified, logins: vec![login] })
    }
}
