//! The collections that have little of their own: accounts of robots, services and courses, agents and what
//! they register, subscriptions, back-end resources, limits and roles of users.
//!
//! What each holds and how it looks is the schema's; here is what it belongs to, who may change it, what is
//! unique, and which states follow which.

use chrono::{DateTime, Utc};
use http::{StatusCode, header};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::actor::Actor;
use crate::answer::{Answer, Outcome, forbidden, hex, invalid, invalid_whole, no_match, timestamp};
use crate::call::{Call, Form, parse_uuid};
use crate::contract::{Object, Operation, Schema};
use crate::listing::{self, Fields};
use crate::model::{Offering, Person, Project, Resource};
use crate::state::State;

/// What a document is about; whatever follows from the rest is filled in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    pub(crate) resource: Option<Uuid>,
    pub(crate) offering: Option<Uuid>,
    pub(crate) project: Option<Uuid>,
    pub(crate) customer: Option<Uuid>,
    pub(crate) person: Option<Uuid>,
    /// The document that it belongs to.
    pub(crate) parent: Option<Uuid>,
}

#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) uuid: Uuid,
    pub(crate) collection: &'static str,
    pub(crate) place: Place,
    pub(crate) created: DateTime<Utc>,
    pub(crate) modified: DateTime<Utc>,
    /// As they were sent, or set since.
    pub(crate) values: Map<String, Value>,
}

impl Document {
    pub(crate) fn text(&self, name: &str) -> &str {
        self.values.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Deletion closed it, and nobody sees it any more.
    fn is_hidden(&self) -> bool {
        collection(self.collection).is_some_and(|kind| kind.token && self.text("state") == kind.closed)
    }
}

/// What a property of a request points at, by address or uuid.
#[derive(Clone, Copy, Debug)]
enum Link {
    Resource,
    Offering,
    Project,
    Customer,
    Person,
    Component,
    Role,
}

/// Who may change a collection's documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Provider,
    Consumer,
    Either,
    /// Everybody their own, which nobody else sees.
    Own,
}

/// From which states an action leads to which.
#[derive(Debug)]
struct Action {
    name: &'static str,
    from: &'static [&'static str],
    to: &'static str,
}

#[derive(Debug)]
struct Collection {
    name: &'static str,
    model: &'static str,
    side: Side,
    links: &'static [(&'static str, Link)],
    /// Properties that no two documents have in common.
    unique: &'static [&'static str],
    /// The state to start with, if it has states.
    state: &'static str,
    /// The state that deletion leads to; without one, the document goes.
    closed: &'static str,
    /// Making one, or a new key for one, shows a token, this once; and nobody sees a closed one.
    token: bool,
    actions: &'static [Action],
}

impl Collection {
    const NONE: Self = Self {
        name: "",
        model: "",
        side: Side::Either,
        links: &[],
        unique: &[],
        state: "",
        closed: "",
        token: false,
        actions: &[],
    };
}

// One that is made over the API is OK at once; the states before come from elsewhere.
const ROBOTS: &[Action] = &[
    Action { name: "set_state_creating", from: &["Requested"], to: "Creating" },
    Action { name: "set_state_ok", from: &["Creating"], to: "OK" },
    Action { name: "set_state_request_deletion", from: &["OK"], to: "Requested deletion" },
    Action { name: "set_state_deleted", from: &["Requested deletion"], to: "Deleted" },
    Action { name: "set_state_erred", from: &["OK"], to: "Error" },
];

const BACKEND_REQUESTS: &[Action] = &[
    Action { name: "start_processing", from: &["Sent"], to: "Processing" },
    Action { name: "set_done", from: &["Processing"], to: "Done" },
    Action { name: "set_erred", from: &["Sent", "Processing"], to: "Erred" },
];

const COLLECTIONS: &[Collection] = &[
    Collection {
        name: "marketplace-robot-accounts",
        model: "RobotAccount",
        side: Side::Provider,
        links: &[("resource", Link::Resource), ("responsible_user", Link::Person), ("users", Link::Person)],
        unique: &["resource", "type"],
        state: "OK",
        actions: ROBOTS,
        ..Collection::NONE
    },
    Collection {
        name: "marketplace-project-service-accounts",
        model: "ProjectServiceAccount",
        side: Side::Consumer,
        links: &[("project", Link::Project)],
        state: "OK",
        closed: "Closed",
        token: true,
        ..Collection::NONE
    },
    Collection {
        name: "marketplace-customer-service-accounts",
        model: "CustomerServiceAccount",
        side: Side::Consumer,
        links: &[("customer", Link::Customer)],
        state: "OK",
        closed: "Closed",
        token: true,
        ..Collection::NONE
    },
    Collection {
        name: "marketplace-course-accounts",
        model: "CourseAccount",
        side: Side::Consumer,
        links: &[("project", Link::Project)],
        state: "OK",
        closed: "Closed",
        ..Collection::NONE
    },
    Collection {
        name: "marketplace-site-agent-identities",
        model: "AgentIdentity",
        side: Side::Provider,
        links: &[("offering", Link::Offering)],
        ..Collection::NONE
    },
    Collection {
        name: "marketplace-site-agent-services",
        model: "AgentService",
        side: Side::Provider,
        state: "Active",
        ..Collection::NONE
    },
    Collection {
        name: "marketplace-site-agent-processors",
        model: "AgentProcessor",
        side: Side::Provider,
        ..Collection::NONE
    },
    Collection {
        name: "event-subscriptions",
        model: "EventSubscription",
        side: Side::Own,
        ..Collection::NONE
    },
    Collection {
        name: "event-subscription-queues",
        model: "EventSubscriptionQueue",
        side: Side::Own,
        ..Collection::NONE
    },
    Collection {
        name: "backend-resources",
        model: "BackendResource",
        side: Side::Provider,
        links: &[("offering", Link::Offering), ("project", Link::Project)],
        unique: &["offering", "backend_id"],
        ..Collection::NONE
    },
    Collection {
        name: "backend-resource-requests",
        model: "BackendResourceRequest",
        side: Side::Provider,
        links: &[("offering", Link::Offering)],
        state: "Sent",
        actions: BACKEND_REQUESTS,
        ..Collection::NONE
    },
    Collection {
        name: "component-user-usage-limits",
        model: "ComponentUserUsageLimit",
        side: Side::Either,
        links: &[("resource", Link::Resource), ("component", Link::Component), ("user", Link::Person)],
        unique: &["resource", "component", "user"],
        ..Collection::NONE
    },
    Collection {
        name: "marketplace-resource-users",
        model: "ResourceUser",
        side: Side::Either,
        links: &[("resource", Link::Resource), ("role", Link::Role), ("user", Link::Person)],
        unique: &["resource", "role", "user"],
        ..Collection::NONE
    },
    Collection {
        name: "marketplace-offering-user-roles",
        model: "OfferingUserRole",
        side: Side::Provider,
        links: &[("offering", Link::Offering)],
        unique: &["offering", "name"],
        ..Collection::NONE
    },
    Collection {
        name: "marketplace-slurm-periodic-usage-policies",
        model: "SlurmPeriodicUsagePolicy",
        side: Side::Provider,
        links: &[("scope", Link::Offering)],
        ..Collection::NONE
    },
];

fn collection(name: &str) -> Option<&'static Collection> {
    COLLECTIONS.iter().find(|collection| collection.name == name)
}

/// Whether the call is about documents, for whose properties the schema stands.
pub(crate) fn is_about_them(call: &Call) -> bool {
    here(call).is_ok()
}

fn here(call: &Call) -> Result<&'static Collection, Answer> {
    let name = call.path.trim_start_matches("/api/").split('/').next().unwrap_or_default();
    collection(name).ok_or_else(|| Answer::page(StatusCode::NOT_FOUND))
}

impl State {
    fn sees_document(&self, actor: Actor, document: &Document) -> bool {
        let Place { offering, project, customer, person, .. } = document.place;
        if actor == Actor::Staff {
            return true;
        }
        if collection(document.collection).is_some_and(|collection| collection.side == Side::Own) {
            return person == Some(actor.uuid());
        }
        offering.is_some_and(|uuid| self.provides(actor, uuid))
            || project.and_then(|uuid| self.projects.get(uuid)).is_some_and(|project| {
                self.sees_project(actor, project) || self.serves_project(actor, project)
            })
            || customer.is_some_and(|uuid| self.owns(actor, uuid))
    }

    /// The project has something of one of the actor's offerings.
    fn serves_project(&self, actor: Actor, project: &Project) -> bool {
        self.resources.iter().any(|row| row.project == project.uuid && self.provides(actor, row.offering))
    }

    fn changes(&self, actor: Actor, side: Side, place: &Place) -> bool {
        let provides = || place.offering.is_some_and(|uuid| self.provides(actor, uuid));
        let consumes = || {
            place.project.is_some_and(|uuid| self.consumes(actor, uuid))
                || place.customer.is_some_and(|uuid| self.owns(actor, uuid))
        };
        actor == Actor::Staff
            || match side {
                Side::Provider => provides(),
                Side::Consumer => consumes(),
                Side::Either => provides() || consumes(),
                Side::Own => place.person == Some(actor.uuid()),
            }
    }

    /// What follows from what is known of a place.
    pub(crate) fn whole(&self, mut place: Place) -> Place {
        if let Some(row) = place.resource.and_then(|uuid| self.resources.get(uuid)) {
            place.offering = Some(row.offering);
            place.project = Some(row.project);
        }
        if let Some(row) = place.project.and_then(|uuid| self.projects.get(uuid)) {
            place.customer = Some(row.customer);
        }
        place
    }
}

/// A property that points at something: its value, once that is known to be there.
fn follow(
    state: &State,
    form: &mut Form,
    place: &mut Place,
    (name, link): (&str, Link),
    value: &Value,
) -> Option<Value> {
    if let Value::Array(values) = value {
        let followed: Option<Vec<Value>> =
            values.iter().map(|value| follow(state, form, place, (name, link), value)).collect();
        return followed.map(Value::Array);
    }
    if value.is_null() {
        return Some(Value::Null);
    }
    let text = value.as_str().unwrap_or_default();
    let uuid = text.trim_end_matches('/').rsplit('/').next().and_then(parse_uuid);
    let known = uuid.filter(|&uuid| match link {
        Link::Resource => state.resources.get(uuid).is_some(),
        Link::Offering => state.offerings.get(uuid).is_some(),
        Link::Project => state.projects.get(uuid).is_some(),
        Link::Customer => state.customers.get(uuid).is_some(),
        Link::Person => state.people.get(uuid).is_some(),
        Link::Component => state.offerings.iter().any(|row| row.components.iter().any(|c| c.uuid == uuid)),
        Link::Role => state
            .documents
            .get(uuid)
            .is_some_and(|document| document.collection == "marketplace-offering-user-roles"),
    });
    let Some(uuid) = known else {
        let message = if text.contains('/') {
            "Invalid hyperlink - Object does not exist.".to_owned()
        } else {
            format!("Object with uuid={text} does not exist.")
        };
        form.refuse(name, message);
        return None;
    };
    match link {
        Link::Resource => place.resource = Some(uuid),
        Link::Offering => place.offering = Some(uuid),
        Link::Project => place.project = Some(uuid),
        Link::Customer => place.customer = Some(uuid),
        // The user of a robot is not whose account it is.
        Link::Person if name == "user" => place.person = Some(uuid),
        Link::Person | Link::Component | Link::Role => {}
    }
    Some(hex(uuid).into())
}

/// The links among the data, followed.
fn read(
    state: &State,
    kind: &Collection,
    data: Map<String, Value>,
    mut place: Place,
) -> Result<(Map<String, Value>, Place), Answer> {
    let mut form = Form::default();
    let mut values = Map::new();
    for (name, value) in data {
        match kind.links.iter().find(|(link, _)| *link == name) {
            None => {
                values.insert(name, value);
            }
            Some(&link) => {
                if let Some(value) = follow(state, &mut form, &mut place, link, &value) {
                    values.insert(name, value);
                }
            }
        }
    }
    form.finish()?;
    Ok((values, state.whole(place)))
}

fn refuse_twins(
    state: &State,
    kind: &Collection,
    values: &Map<String, Value>,
    but: Option<Uuid>,
) -> Result<(), Answer> {
    let twin = |document: &Document| {
        document.collection == kind.name
            && Some(document.uuid) != but
            && kind.unique.iter().all(|name| document.values.get(*name) == values.get(*name))
    };
    if !kind.unique.is_empty() && state.documents.iter().any(twin) {
        let names = kind.unique.join(", ");
        return Err(invalid_whole(format!("The fields {names} must make a unique set.")));
    }
    Ok(())
}

/// Puts a document in, with the state that its collection starts with.
pub(crate) fn insert(
    state: &mut State,
    name: &'static str,
    place: Place,
    mut values: Map<String, Value>,
) -> Uuid {
    let uuid = state.fresh_uuid();
    let now = state.now();
    if let Some(kind) = collection(name).filter(|kind| !kind.state.is_empty()) {
        values.entry("state").or_insert_with(|| kind.state.into());
    }
    let place = state.whole(place);
    state.documents.push(Document { uuid, collection: name, place, created: now, modified: now, values });
    uuid
}

pub(crate) fn list(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let kind = here(call)?;
    listed(call, state, |document| document.collection == kind.name && state.sees_document(actor, document))
}

/// A page of documents, wherever their list is.
pub(crate) fn listed(call: &Call, state: &State, admits: impl Fn(&Document) -> bool) -> Outcome {
    let rows: Vec<&Document> =
        state.documents.iter().filter(|document| !document.is_hidden() && admits(document)).collect();
    listing::page(call, &rows, |document, fields| {
        render(call, state, document, call.looks.young_field(fields))
    })
}

pub(crate) fn retrieve(call: &Call, state: &mut State) -> Outcome {
    let document = visible(call, state)?;
    listing::one(call, |fields| render(call, state, document, call.looks.young_field(fields)))
}

fn visible<'a>(call: &Call, state: &'a State) -> Result<&'a Document, Answer> {
    let actor = call.actor()?;
    let kind = here(call)?;
    call.uuid()
        .and_then(|uuid| state.documents.get(uuid))
        .filter(|document| document.collection == kind.name && !document.is_hidden())
        .filter(|document| state.sees_document(actor, document))
        .ok_or_else(|| no_match(kind.model))
}

/// A document to be changed by those who may.
fn own(call: &Call, state: &State) -> Result<Uuid, Answer> {
    let document = visible(call, state)?;
    let kind = here(call)?;
    if !state.changes(call.actor()?, kind.side, &document.place) {
        return Err(forbidden());
    }
    Ok(document.uuid)
}

pub(crate) fn create(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let kind = here(call)?;
    let start = Place { person: Some(actor.uuid()), ..Place::default() };
    let (mut values, place) = read(state, kind, call.checked()?, start)?;
    if !state.changes(actor, kind.side, &place) {
        return Err(forbidden());
    }
    refuse_twins(state, kind, &values, None)?;
    if kind.token {
        name_account(state, &mut values);
    }
    let uuid = insert(state, kind.name, place, values);
    let made = answer(call, state, uuid, StatusCode::CREATED)?;
    Ok(if kind.token { with_token(state, made) } else { made })
}

/// The service that makes accounts names them, as it is asked to or not.
fn name_account(state: &mut State, values: &mut Map<String, Value>) {
    let wanted = ["username", "preferred_identifier"].into_iter().filter_map(|name| values.get(name));
    let wanted = wanted.filter_map(Value::as_str).find(|name| !name.is_empty()).map(str::to_owned);
    let name = wanted.unwrap_or_else(|| format!("svc-{}", &hex(state.fresh_uuid())[..8]));
    values.insert("username".to_owned(), name.into());
}

/// The answer with a new token, which is shown this once.
fn with_token(state: &mut State, answer: Answer) -> Answer {
    let until = state.now() + chrono::TimeDelta::days(90);
    let token = hex(state.fresh_uuid());
    answer.with_fields([("token", token.into()), ("expires_at", timestamp(until).into())])
}

fn answer(call: &Call, state: &State, uuid: Uuid, status: StatusCode) -> Outcome {
    let document = state.documents.get(uuid).ok_or_else(|| no_match("Document"))?;
    let body = Value::Object(render(call, state, document, &Fields::ALL));
    let answer = Answer::json(status, body);
    if status != StatusCode::CREATED {
        return Ok(answer);
    }
    Ok(answer.with_text(header::LOCATION, &address(call, document)))
}

/// PUT and PATCH: what was sent replaces what was there.
pub(crate) fn update(call: &Call, state: &mut State) -> Outcome {
    let uuid = own(call, state)?;
    let kind = here(call)?;
    let before = state.documents.get(uuid).map(|document| (document.place, document.values.clone()));
    let (place, mut values) = before.ok_or_else(|| no_match(kind.model))?;
    let (new, place) = read(state, kind, call.checked()?, place)?;
    values.extend(new);
    refuse_twins(state, kind, &values, Some(uuid))?;
    if let Some(document) = state.documents.get_mut(uuid) {
        (document.place, document.values, document.modified) = (place, values, call.now);
    }
    answer(call, state, uuid, StatusCode::OK)
}

pub(crate) fn destroy(call: &Call, state: &mut State) -> Outcome {
    let uuid = own(call, state)?;
    let kind = here(call)?;
    match state.documents.get_mut(uuid) {
        Some(document) if !kind.closed.is_empty() && document.text("state") == kind.closed => {
            return Err(wrong_state(&["OK", "Erred"]));
        }
        Some(document) if !kind.closed.is_empty() => {
            document.values.insert("state".to_owned(), kind.closed.into());
            document.modified = call.now;
        }
        _ => remove(state, uuid),
    }
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

/// A document and what belongs to it.
fn remove(state: &mut State, uuid: Uuid) {
    let belonging: Vec<Uuid> = state
        .documents
        .iter()
        .filter(|document| document.place.parent == Some(uuid))
        .map(|document| document.uuid)
        .collect();
    for uuid in belonging {
        remove(state, uuid);
    }
    state.documents.remove(uuid);
}

/// Takes a document to the next state. Robots answer with themselves, requests with a status.
pub(crate) fn act(call: &Call, state: &mut State) -> Outcome {
    let uuid = own(call, state)?;
    let kind = here(call)?;
    let name = call.action();
    let action = kind.actions.iter().find(|action| action.name == name);
    let action = action.ok_or_else(|| Answer::page(StatusCode::NOT_FOUND))?;
    let document = state.documents.get_mut(uuid).ok_or_else(|| no_match(kind.model))?;
    if !action.from.contains(&document.text("state")) {
        return Err(wrong_state(action.from));
    }
    let data = call.checked()?;
    let now = call.now;
    document.modified = now;
    document.values.insert("state".to_owned(), action.to.into());
    document.values.extend(data);
    let moment = match action.to {
        "Processing" => "started",
        "Done" | "Erred" => "finished",
        _ => return answer(call, state, uuid, StatusCode::OK),
    };
    document.values.insert(moment.to_owned(), timestamp(now).into());
    Ok(Answer::ok(json!({ "status": format!("Request is {}.", action.to.to_lowercase()) })))
}

fn wrong_state(valid: &[&str]) -> Answer {
    Answer::detail(StatusCode::CONFLICT, format!("Valid states for operation: {}.", valid.join(", ")))
}

/// A new key for a service account.
pub(crate) fn rotate_api_key(call: &Call, state: &mut State) -> Outcome {
    let uuid = own(call, state)?;
    if let Some(document) = state.documents.get_mut(uuid) {
        if document.text("state") != "OK" {
            return Err(wrong_state(&["OK"]));
        }
        document.modified = call.now;
    }
    let rotated = answer(call, state, uuid, StatusCode::OK)?;
    Ok(with_token(state, rotated))
}

/// A child with this value of a property, or a new one: 200 for the former, 201 for the latter.
fn find_or_insert(
    state: &mut State,
    collection: &'static str,
    place: Place,
    key: &str,
    values: Map<String, Value>,
) -> (Uuid, StatusCode) {
    let now = state.now();
    let known = state.documents.iter().find(|document| {
        document.collection == collection
            && document.place.parent == place.parent
            && document.values.get(key) == values.get(key)
    });
    match known.map(|document| document.uuid) {
        Some(uuid) => {
            if let Some(document) = state.documents.get_mut(uuid) {
                document.values.extend(values);
                document.modified = now;
            }
            (uuid, StatusCode::OK)
        }
        None => (insert(state, collection, place, values), StatusCode::CREATED),
    }
}

/// Registers a service of an agent, or a processor of a service, by its name.
pub(crate) fn register(call: &Call, state: &mut State) -> Outcome {
    let parent = own(call, state)?;
    let data = call.checked()?;
    let offering = state.documents.get(parent).and_then(|document| document.place.offering);
    let place = Place { parent: Some(parent), offering, ..Place::default() };
    let collection = match call.action() {
        "register_service" => "marketplace-site-agent-services",
        _ => "marketplace-site-agent-processors",
    };
    let (uuid, status) = find_or_insert(state, collection, place, "name", data);
    answer(call, state, uuid, status)
}

/// Subscribes an agent to what happens to one kind of object.
pub(crate) fn register_event_subscription(call: &Call, state: &mut State) -> Outcome {
    let parent = own(call, state)?;
    let actor = call.actor()?;
    let mut data = call.checked()?;
    let object_type = data.remove("observable_object_type").unwrap_or_default();
    data.insert("observable_objects".to_owned(), json!([{ "object_type": object_type }]));
    let place = Place { parent: Some(parent), person: Some(actor.uuid()), ..Place::default() };
    let (uuid, status) = find_or_insert(state, "event-subscriptions", place, "observable_objects", data);
    answer(call, state, uuid, status)
}

/// A queue for the events of one kind of object of one offering.
pub(crate) fn create_queue(call: &Call, state: &mut State) -> Outcome {
    let parent = own(call, state)?;
    let data = call.checked()?;
    let text = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default();
    let Some(offering) = parse_uuid(text("offering_uuid")).and_then(|uuid| state.offerings.get(uuid)) else {
        return Err(invalid(json!({ "offering_uuid": ["Object does not exist."] })));
    };
    let (object_type, offering_uuid) = (text("object_type").to_owned(), hex(offering.uuid));
    let person = state.documents.get(parent).and_then(|document| document.place.person);
    let mut values = Map::new();
    let queue = format!("subscription_{}_offering_{offering_uuid}_{object_type}", hex(parent));
    for (name, text) in [
        ("object_type", object_type),
        ("offering_uuid", offering_uuid),
        ("vhost", person.map(hex).unwrap_or_default()),
        ("queue_name", queue),
    ] {
        values.insert(name.to_owned(), text.into());
    }
    let place = Place { parent: Some(parent), person, ..Place::default() };
    let (uuid, status) = find_or_insert(state, "event-subscription-queues", place, "queue_name", values);
    answer(call, state, uuid, status)
}

/// What a service has counted.
pub(crate) fn set_statistics(call: &Call, state: &mut State) -> Outcome {
    let uuid = own(call, state)?;
    let data = call.checked()?;
    if let Some(document) = state.documents.get_mut(uuid) {
        document.values.extend(data);
        document.modified = call.now;
    }
    answer(call, state, uuid, StatusCode::OK)
}

/// Takes out identities without services, or services not heard of for a while; or says which it would, which
/// is what it does unless told otherwise. Staff only.
pub(crate) fn cleanup(call: &Call, state: &mut State) -> Outcome {
    if call.actor()? != Actor::Staff {
        return Err(forbidden());
    }
    let kind = here(call)?;
    let data = call.checked()?;
    let dry_run = data.get("dry_run").and_then(Value::as_bool).unwrap_or(true);
    let hours = data.get("older_than_hours").and_then(Value::as_i64).unwrap_or(24);
    let before = chrono::TimeDelta::try_hours(hours).and_then(|time| call.now.checked_sub_signed(time));
    let stale: Vec<(Uuid, Value)> = state
        .documents
        .iter()
        .filter(|document| document.collection == kind.name)
        .filter(|document| {
            if call.action() == "cleanup_stale" {
                before.is_some_and(|before| document.modified <= before)
            } else {
                !state.documents.iter().any(|other| other.place.parent == Some(document.uuid))
            }
        })
        .map(|document| (document.uuid, json!({ "uuid": hex(document.uuid), "name": document.text("name") })))
        .collect();
    if !dry_run {
        for (uuid, _) in &stale {
            remove(state, *uuid);
        }
    }
    let items: Vec<Value> = stale.into_iter().map(|(_, item)| item).collect();
    Ok(Answer::ok(json!({ "deleted_count": items.len(), "dry_run": dry_run, "items": items })))
}

/// Makes a resource of what the back end has: in use, with its back-end id.
pub(crate) fn import_resource(call: &Call, state: &mut State) -> Outcome {
    let uuid = own(call, state)?;
    call.checked()?;
    let found = state.documents.get(uuid).map(|document| {
        (document.place, document.text("name").to_owned(), document.text("backend_id").to_owned())
    });
    let Some((Place { offering: Some(offering), project: Some(project), .. }, name, backend_id)) = found
    else {
        return Err(no_match("BackendResource"));
    };
    let resource = crate::orders::import(state, call.actor()?, offering, project, &name, &backend_id);
    remove(state, uuid);
    let row = state.resources.get(resource).ok_or_else(|| no_match("Resource"))?;
    Ok(Answer::created(Value::Object(crate::resources::render(call, state, row, &Fields::ALL))))
}

/// What a policy's command did; it is taken note of and no more.
pub(crate) fn report_command_result(call: &Call, state: &mut State) -> Outcome {
    let uuid = own(call, state)?;
    let data = call.checked()?;
    if let Some(document) = state.documents.get_mut(uuid) {
        document.values.insert("last_result".to_owned(), Value::Object(data));
        document.modified = call.now;
    }
    Ok(Answer::empty(StatusCode::OK))
}

fn address(call: &Call, document: &Document) -> String {
    call.url(&format!("{}/{}/", document.collection, hex(document.uuid)))
}

/// A document as the schema of the answer wants it: what it doesn't hold is filled in afterwards.
pub(crate) fn render(call: &Call, state: &State, document: &Document, fields: &Fields) -> Map<String, Value> {
    let object = call.operation.and_then(Operation::item).and_then(Schema::object);
    object.map(|object| render_as(call, state, document, object, fields)).unwrap_or_default()
}

fn render_as(
    call: &Call,
    state: &State,
    document: &Document,
    object: &Object,
    fields: &Fields,
) -> Map<String, Value> {
    let mut map = Map::new();
    for (name, schema, _) in object.properties.iter().filter(|(name, _, _)| fields.wants(name)) {
        if let Some(value) = property(call, state, document, name, schema) {
            map.insert(name.clone(), value);
        }
    }
    map
}

fn property(call: &Call, state: &State, document: &Document, name: &str, schema: &Schema) -> Option<Value> {
    let kind = collection(document.collection)?;
    if let Some((_, link)) = kind.links.iter().find(|(link, _)| *link == name) {
        return document.values.get(name).map(|value| point(call, state, *link, value, schema));
    }
    if let Some(value) = document.values.get(name) {
        return Some(value.clone());
    }
    if kind.token && matches!(name, "token" | "expires_at") {
        return Some(Value::Null);
    }
    let place = &document.place;
    let offering = || place.offering.and_then(|uuid| state.offerings.get(uuid));
    let resource = || place.resource.and_then(|uuid| state.resources.get(uuid));
    let project = || place.project.and_then(|uuid| state.projects.get(uuid));
    let customer = || place.customer.and_then(|uuid| state.customers.get(uuid));
    let person = || place.person.and_then(|uuid| state.people.get(uuid));
    let parent = || place.parent.and_then(|uuid| state.documents.get(uuid));
    let provider = || offering().and_then(|row: &Offering| state.customers.get(row.customer));
    Some(match name {
        "url" => address(call, document).into(),
        "uuid" => hex(document.uuid).into(),
        "created" => timestamp(document.created).into(),
        "modified" => timestamp(document.modified).into(),
        "keys" => Value::Array(Vec::new()),
        "offering_plugin_options" => json!({ "username_generation_policy": "service_provider" }),
        "offering_name" | "scope_name" => offering()?.name.clone().into(),
        "offering_uuid" | "scope_uuid" => hex(place.offering?).into(),
        "offering_url" => {
            call.url(&format!("marketplace-provider-offerings/{}/", hex(place.offering?))).into()
        }
        "resource_name" => resource()?.name.clone().into(),
        "resource_uuid" => hex(place.resource?).into(),
        "project_name" => project()?.name.clone().into(),
        "project_uuid" => hex(place.project?).into(),
        "project_slug" => project()?.slug.clone().into(),
        "project_url" => call.url(&format!("projects/{}/", hex(place.project?))).into(),
        "project_start_date" => project()?.created.date_naive().to_string().into(),
        "project_end_date" => {
            project()?.set.get("end_date").filter(|date| !date.is_null()).cloned().unwrap_or_else(|| {
                (document.created + chrono::TimeDelta::days(365)).date_naive().to_string().into()
            })
        }
        "customer_name" => customer()?.name.clone().into(),
        "customer_uuid" => hex(place.customer?).into(),
        "customer_abbreviation" => customer()?.abbreviation.clone().into(),
        "provider_name" => provider()?.name.clone().into(),
        "provider_uuid" => hex(provider()?.uuid).into(),
        "user" => call.url(&format!("users/{}/", hex(place.person?))).into(),
        "user_uuid" => hex(place.person?).into(),
        "user_username" => person()?.username().into(),
        "user_full_name" => person()?.full_name().into(),
        "component_type" => {
            let uuid = parse_uuid(document.text("component"))?;
            let mut components = state.offerings.iter().flat_map(|row| &row.components);
            components.find(|component| component.uuid == uuid)?.kind.clone().into()
        }
        "role_uuid" => document.text("role").into(),
        "role_name" => state.documents.get(parse_uuid(document.text("role"))?)?.text("name").into(),
        "identity" | "service" | "event_subscription_uuid" => hex(place.parent?).into(),
        "event_subscription" => address(call, parent()?).into(),
        "identity_name" | "service_name" => parent()?.text("name").into(),
        "services" | "processors" => children(call, state, document, schema),
        _ => return None,
    })
}

/// The documents that belong to one.
fn children(call: &Call, state: &State, document: &Document, schema: &Schema) -> Value {
    let Some(object) = schema.items().and_then(Schema::object) else { return json!([]) };
    state
        .documents
        .iter()
        .filter(|child| {
            child.place.parent == Some(document.uuid) && child.collection != "event-subscriptions"
        })
        .map(|child| Value::Object(render_as(call, state, child, object, &Fields::ALL)))
        .collect()
}

/// A link as the schema has it: an address, a uuid, or the whole user.
fn point(call: &Call, state: &State, link: Link, value: &Value, schema: &Schema) -> Value {
    if let Value::Array(values) = value {
        let items = schema.items();
        return values
            .iter()
            .map(|value| items.map_or_else(|| value.clone(), |items| point(call, state, link, value, items)))
            .collect();
    }
    let Some(uuid) = value.as_str().and_then(parse_uuid) else { return Value::Null };
    let path = match link {
        Link::Resource => "marketplace-resources",
        Link::Offering => "marketplace-provider-offerings",
        Link::Project => "projects",
        Link::Customer => "customers",
        Link::Person => "users",
        Link::Component => "marketplace-components",
        Link::Role => "marketplace-offering-user-roles",
    };
    match (schema.format(), link) {
        ("uri", _) => call.url(&format!("{path}/{}/", hex(uuid))).into(),
        ("uuid", _) => hex(uuid).into(),
        (_, Link::Person) => state.people.get(uuid).map_or(Value::Null, |person| basic_user(call, person)),
        _ => value.clone(),
    }
}

fn basic_user(call: &Call, person: &Person) -> Value {
    json!({
        "url": call.url(&format!("users/{}/", hex(person.uuid))),
        "uuid": hex(person.uuid),
        "username": person.username(),
        "full_name": person.full_name(),
        "native_name": person.native_name,
        "email": person.email(),
        "image": null,
    })
}

/// Whether an account is one of a project or an organisation that has something of these offerings.
pub(crate) fn serves(state: &State, document: &Document, offerings: &[Uuid]) -> bool {
    let ours = |row: &Resource| offerings.contains(&row.offering);
    state.resources.iter().any(|row| {
        ours(row)
            && (document.place.project == Some(row.project)
                || document.place.project.is_none()
                    && document.place.customer.is_some()
                    && state.projects.get(row.project).map(|project| project.customer)
                        == document.place.customer)
    })
}
