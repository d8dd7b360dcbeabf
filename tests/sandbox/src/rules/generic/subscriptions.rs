//! Event subscriptions and their queues, and what becomes of them in the broker.

use http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::broker::Arguments;
use crate::protocol::answer::{Outcome, invalid, no_match};
use crate::protocol::call::Call;
use crate::rules::generic::body::insert;
use crate::rules::generic::{answer, changeable, remove};
use crate::store::{
    Actor, Content, EVENT_CONSUMERS, EVENT_SUBSCRIPTION_QUEUES, EVENT_SUBSCRIPTIONS, GenericObject, Scope,
    State,
};
use crate::wire::{hex, parse_uuid};

/// Subscribes the caller to events of a type of object, unless there is a subscription already, whichever
/// agent made it. A subscription whose user the broker has lost is replaced.
pub(crate) fn register_event_subscription(call: &Call, state: &mut State) -> Outcome {
    changeable(call, state)?;
    let actor = call.actor()?;
    let mut data = call.checked()?;
    let object_type = data.remove("observable_object_type").unwrap_or_default();
    let known = state.generic_objects.iter().find(|row| {
        row.is_of(&EVENT_SUBSCRIPTIONS)
            && row.scope.person == Some(actor.uuid())
            && observes(row, object_type.as_str().unwrap_or_default())
    });
    if let Some(uuid) = known.map(|row| row.uuid) {
        if state.broker.lock().has_user(&hex(uuid), &hex(actor.uuid())) {
            return answer(call, state, uuid, StatusCode::OK);
        }
        remove(state, uuid);
    }
    data.insert("observable_objects".to_owned(), json!([{ "object_type": object_type }]));
    let uuid = add(call, state, actor, data);
    answer(call, state, uuid, StatusCode::CREATED)
}

fn observes(subscription: &GenericObject, object_type: &str) -> bool {
    let observed = subscription.content.properties.get("observable_objects").and_then(Value::as_array);
    observed.into_iter().flatten().any(|one| one["object_type"] == object_type)
}

/// Adds a subscription of the caller, without an agent.
pub(crate) fn create(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let data = call.checked()?;
    let uuid = add(call, state, actor, data);
    answer(call, state, uuid, StatusCode::CREATED)
}

/// Adds a subscription and its user in the broker. The password is the token of now; nothing changes it
/// later.
fn add(call: &Call, state: &mut State, actor: Actor, properties: Map<String, Value>) -> Uuid {
    let scope = Scope { person: Some(actor.uuid()), ..Scope::default() };
    let content = Content { properties, ..Content::default() };
    let uuid = insert(state, &EVENT_SUBSCRIPTIONS, scope, content);
    state.broker.lock().add_user(&hex(uuid), &call.token, &hex(actor.uuid()));
    uuid
}

/// Makes a queue for events about one type of object of one offering, in the database and in the broker. A
/// known queue that the broker has lost is made again.
pub(crate) fn create_queue(call: &Call, state: &mut State) -> Outcome {
    let parent = changeable(call, state)?;
    let data = call.checked()?;
    let text = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default();
    let person = state.generic_objects.get(parent).and_then(|row| row.scope.person);
    let person = person.ok_or_else(|| no_match(EVENT_SUBSCRIPTIONS.model))?;
    let Some(offering) =
        parse_uuid(text("offering_uuid")).filter(|uuid| state.offerings.get(*uuid).is_some())
    else {
        return Err(invalid(json!({ "offering_uuid": ["Object does not exist."] })));
    };
    if !state.receives(person, offering) {
        let message = "You do not have access to this offering.";
        return Err(invalid(json!({ "offering_uuid": [message] })));
    }
    let (object_type, offering) = (text("object_type"), hex(offering));
    let queue = format!("subscription_{}_offering_{offering}_{object_type}", hex(parent));
    let vhost = hex(person);
    let address = (vhost.clone(), queue.clone());
    if state.broker.lock().declare(&address, Arguments::Waldur, Some(&hex(parent))).is_err() {
        return Err(invalid(json!(["Failed to create queue in RabbitMQ"])));
    }
    let known = state.generic_objects.iter().find(|row| {
        row.is_of(&EVENT_SUBSCRIPTION_QUEUES)
            && row.scope.parent == Some(parent)
            && row.text("queue_name") == queue
    });
    if let Some(uuid) = known.map(|row| row.uuid) {
        return answer(call, state, uuid, StatusCode::OK);
    }
    let properties = [
        ("object_type", object_type),
        ("offering_uuid", &offering),
        ("vhost", &vhost),
        ("queue_name", &queue),
    ];
    let properties = properties.map(|(name, text)| (name.to_owned(), text.into()));
    let content = Content { properties: properties.into_iter().collect(), ..Content::default() };
    let scope = Scope { parent: Some(parent), person: Some(person), ..Scope::default() };
    let uuid = insert(state, &EVENT_SUBSCRIPTION_QUEUES, scope, content);
    answer(call, state, uuid, StatusCode::CREATED)
}

/// Deletes the broker's users of all subscriptions of a user who has lost a token. The subscriptions stay.
pub(crate) fn lose_token(state: &State, actor: Actor) {
    let mut broker = state.broker.lock();
    for row in state.generic_objects.iter() {
        if row.is_of(&EVENT_SUBSCRIPTIONS) && row.scope.person == Some(actor.uuid()) {
            broker.delete_user(&hex(row.uuid), state.now());
        }
    }
}

/// Deletes what the broker has of a removed object: the queue of a queue, the user of a subscription. The
/// virtual host goes with the user's last subscription, even if it has other queues.
pub(super) fn forget(state: &State, row: &GenericObject) {
    let mut broker = state.broker.lock();
    let now = state.now();
    if row.is_of(&EVENT_SUBSCRIPTION_QUEUES) || row.is_of(&EVENT_CONSUMERS) {
        broker.delete_queue(&(row.text("vhost").to_owned(), row.text("queue_name").to_owned()));
    }
    if row.is_of(&EVENT_CONSUMERS) {
        broker.delete_user(row.text("rmq_username"), now);
    }
    if row.is_of(&EVENT_SUBSCRIPTIONS) {
        broker.delete_user(&hex(row.uuid), now);
        let is_other = |other: &GenericObject| {
            other.is_of(&EVENT_SUBSCRIPTIONS) && other.scope.person == row.scope.person
        };
        if let Some(person) = row.scope.person
            && !state.generic_objects.iter().any(is_other)
        {
            broker.delete_vhost(&hex(person), now);
        }
    }
}
