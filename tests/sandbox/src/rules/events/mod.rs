//! Events: what the server publishes when its state changes, and to whom.

mod accounts;
mod orders;
mod people;
mod resources;

pub(crate) use accounts::{account, importable_resources};
pub(crate) use orders::{order, provider_info};
pub(crate) use people::{OfferingUserEvent, offering_user, user_role};
pub(crate) use resources::resource;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::broker::{BrokerFault, Content, Occasion};
use crate::store::{Actor, EVENT_SUBSCRIPTION_QUEUES, GenericObject, State};
use crate::wire::{hex, parse_uuid};

/// An event about an object of an offering.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) object_type: String,
    pub(crate) offering: Uuid,
    pub(crate) body: Map<String, Value>,
    /// What bodies have in addition in the queues of consumers of newer servers.
    pub(crate) more: Map<String, Value>,
    /// The project and the resource, by which consumers select.
    pub(crate) project: Option<Uuid>,
    pub(crate) resource: Option<Uuid>,
    pub(crate) user: Option<Uuid>,
}

impl Event {
    pub(crate) fn new(object_type: &str, offering: Uuid, body: Map<String, Value>) -> Self {
        let object_type = object_type.to_owned();
        let more = Map::new();
        Self { object_type, offering, body, more, project: None, resource: None, user: None }
    }
}

/// A queue that gets an event: virtual host and name, and the body.
struct Addressed {
    queue: (String, String),
    body: Map<String, Value>,
}

/// Publishes an event to the queues of all subscribers who may have it. Returns the number of queues.
///
/// A user with a consumer of newer servers gets nothing in the queues of subscriptions.
pub(crate) fn publish(state: &mut State, event: &Event) -> usize {
    let mut served = Vec::new();
    let mut addressed = Vec::new();
    for consumer in state.event_consumers().filter(|row| selects(state, row, event)) {
        served.extend(consumer.scope.person);
        let mut body = event.body.clone();
        body.extend(event.more.clone());
        body.insert("object_type".to_owned(), event.object_type.as_str().into());
        body.insert("schema_version".to_owned(), 1.into());
        addressed.push(Addressed { queue: address(consumer), body });
    }
    for queue in state.generic_objects.iter().filter(|row| row.is_of(&EVENT_SUBSCRIPTION_QUEUES)) {
        let is_for = queue.text("object_type") == event.object_type
            && parse_uuid(queue.text("offering_uuid")) == Some(event.offering);
        let receives = |person: &Uuid| !served.contains(person) && state.receives(*person, event.offering);
        if is_for && queue.scope.person.as_ref().is_some_and(receives) {
            addressed.push(Addressed { queue: address(queue), body: event.body.clone() });
        }
    }
    if addressed.is_empty() {
        return 0;
    }
    let fault = state.broker.lock().faults.choose(Occasion::Change, &event.object_type, "");
    if let Some(BrokerFault::LateCommit(time)) = fault {
        state.delay_commit(time);
    }
    let count = addressed.len();
    for Addressed { queue, mut body } in addressed {
        body.insert("offering_uuid".to_owned(), hex(event.offering).into());
        let content = content(state, event, &queue, Value::Object(body).to_string());
        state.broker.publish(&event.object_type, &queue, content, state.now());
    }
    count
}

fn address(row: &GenericObject) -> (String, String) {
    (row.text("vhost").to_owned(), row.text("queue_name").to_owned())
}

/// Returns whether a consumer gets an event. The roles of its user are looked at each time.
fn selects(state: &State, consumer: &GenericObject, event: &Event) -> bool {
    let property = |name: &str| consumer.content.properties.get(name).and_then(Value::as_array);
    let types = property("observable_object_types");
    if types.is_some_and(|types| !types.is_empty() && !types.iter().any(|one| *one == event.object_type)) {
        return false;
    }
    let person = consumer.scope.person.and_then(|uuid| state.people.get(uuid));
    let Some(actor) = person.and_then(|person| person.actor) else { return false };
    if consumer.scope.parent.is_some() {
        return consumer.scope.offering == Some(event.offering) && state.provides(actor, event.offering);
    }
    let scopes = property("scopes").map(Vec::as_slice).unwrap_or_default();
    if scopes.is_empty() {
        return actor == Actor::Staff;
    }
    scopes.iter().any(|scope| {
        let kind = scope["type"].as_str().unwrap_or_default();
        let uuid = scope["uuid"].as_str().and_then(parse_uuid);
        let project = event.project.and_then(|uuid| state.projects.get(uuid));
        let has = match kind {
            "customer" => {
                let provider = state.offerings.get(event.offering).map(|row| row.customer);
                uuid.is_some() && (uuid == provider || uuid == project.map(|row| row.customer))
            }
            "project" => uuid.is_some() && uuid == event.project,
            "offering" => uuid == Some(event.offering),
            "resource" => uuid.is_some() && uuid == event.resource,
            "user" => uuid.is_some() && uuid == event.user,
            _ => false,
        };
        has && uuid.is_some_and(|uuid| state.sees_events_of(actor, kind, uuid))
    })
}

/// Returns a message. Equal payloads for a queue have equal ids.
fn content(state: &State, event: &Event, queue: &(String, String), payload: String) -> Content {
    let (vhost, name) = queue;
    let digest = Sha256::digest(format!("{vhost}:{name}:{payload}"));
    let id: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let mut headers = vec![("x-message-id", id), ("auto-delete", "false".to_owned())];
    headers.push(("durable", "true".to_owned()));
    if !state.release.publishes_without_expiration() {
        headers.push(("expiration", expiration(&event.object_type).to_string()));
    }
    headers.push(("persistent", "true".to_owned()));
    headers.push(("content-type", "application/json".to_owned()));
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Content { headers, body: payload.into_bytes() }
}

/// Returns the milliseconds that a message lives. The queue's hour is the limit.
fn expiration(object_type: &str) -> u64 {
    let hours = match object_type {
        "order" => 24,
        "user_role" => 12,
        "resource" => 2,
        _ => 1,
    };
    hours * 3_600_000
}

/// Returns properties that are set.
fn map<const N: usize>(entries: [(&str, Value); N]) -> Map<String, Value> {
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Returns the offerings with an agent that have a resource in a project that isn't terminated.
fn offerings_in(state: &State, project: Uuid) -> Vec<Uuid> {
    use crate::store::ResourceState::Terminated;
    let mut offerings: Vec<Uuid> = Vec::new();
    for row in state.resources.iter().filter(|row| row.project == project && row.state != Terminated) {
        let has_agent = state.offerings.get(row.offering).is_some_and(|offering| offering.has_agent());
        if has_agent && !offerings.contains(&row.offering) {
            offerings.push(row.offering);
        }
    }
    offerings
}
