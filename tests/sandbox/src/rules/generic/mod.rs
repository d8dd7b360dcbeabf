//! The collections of generic objects: lists, creation, changes, deletion.

pub(crate) mod agents;
mod body;
pub(crate) mod consumers;
mod filters;
pub(crate) mod subscriptions;

use http::{StatusCode, header};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::protocol::answer::{Answer, Outcome, forbidden, no_match};
use crate::protocol::call::Call;
use crate::protocol::listing::{self, Fields};
use crate::render;
use crate::rules::events;
pub(crate) use crate::rules::generic::body::insert;
use crate::rules::generic::body::{read, refuse_duplicate};
use crate::rules::generic::filters::Filters;
use crate::store::{Actor, Collection, GenericObject, Project, Resource, Scope, State, Writers, collection};
use crate::wire::{hex, timestamp};

/// Returns whether the request is about generic objects.
pub(crate) fn is_generic(call: &Call) -> bool {
    collection_of(call).is_ok()
}

pub(crate) fn collection_of(call: &Call) -> Result<&'static Collection, Answer> {
    let name = call.path.trim_start_matches("/api/").split('/').next().unwrap_or_default();
    collection(name).ok_or_else(|| Answer::page(StatusCode::NOT_FOUND))
}

impl State {
    fn sees_generic_object(&self, actor: Actor, row: &GenericObject) -> bool {
        let Scope { offering, project, customer, person, .. } = row.scope;
        if actor == Actor::Staff {
            return true;
        }
        if row.collection.writers == Writers::Owner {
            return person == Some(actor.uuid());
        }
        offering.is_some_and(|uuid| self.provides(actor, uuid))
            || project.and_then(|uuid| self.projects.get(uuid)).is_some_and(|project| {
                self.sees_project(actor, project) || self.serves_project(actor, project)
            })
            || customer.is_some_and(|uuid| self.owns(actor, uuid))
    }

    /// Returns whether the project has a resource of the actor's offerings.
    fn serves_project(&self, actor: Actor, project: &Project) -> bool {
        self.resources.iter().any(|row| row.project == project.uuid && self.provides(actor, row.offering))
    }

    fn changes(&self, actor: Actor, writers: Writers, scope: &Scope) -> bool {
        let provides = || scope.offering.is_some_and(|uuid| self.provides(actor, uuid));
        let consumes = || {
            scope.project.is_some_and(|uuid| self.consumes(actor, uuid))
                || scope.customer.is_some_and(|uuid| self.owns(actor, uuid))
        };
        actor == Actor::Staff
            || match writers {
                Writers::Provider => provides(),
                Writers::Consumer => consumes(),
                Writers::Either => provides() || consumes(),
                Writers::Owner => scope.person == Some(actor.uuid()),
            }
    }
}

pub(crate) fn list(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let kind = collection_of(call)?;
    let filters = Filters::read(call, kind)?;
    let admits = |row: &GenericObject| row.is_of(kind) && filters.admit(state, row);
    listed(call, state, |row| admits(row) && state.sees_generic_object(actor, row))
}

/// Lists generic objects, in whatever list.
pub(crate) fn listed(call: &Call, state: &State, admits: impl Fn(&GenericObject) -> bool) -> Outcome {
    let rows: Vec<&GenericObject> =
        state.generic_objects.iter().filter(|row| !row.is_hidden() && admits(row)).collect();
    listing::page(call, &rows, |row, fields| {
        render::generic_object(call, state, row, call.fields_if_newer(fields))
    })
}

pub(crate) fn retrieve(call: &Call, state: &mut State) -> Outcome {
    let row = visible(call, state)?;
    listing::one(call, |fields| render::generic_object(call, state, row, call.fields_if_newer(fields)))
}

fn visible<'a>(call: &Call, state: &'a State) -> Result<&'a GenericObject, Answer> {
    let actor = call.actor()?;
    let kind = collection_of(call)?;
    call.uuid()
        .and_then(|uuid| state.generic_objects.get(uuid))
        .filter(|row| row.is_of(kind) && !row.is_hidden())
        .filter(|row| state.sees_generic_object(actor, row))
        .ok_or_else(|| no_match(kind.model))
}

/// Returns an object that the caller may change.
pub(crate) fn changeable(call: &Call, state: &State) -> Result<Uuid, Answer> {
    let row = visible(call, state)?;
    let kind = collection_of(call)?;
    if !state.changes(call.actor()?, kind.writers, &row.scope) {
        return Err(forbidden());
    }
    Ok(row.uuid)
}

pub(crate) fn create(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let kind = collection_of(call)?;
    let start = Scope { person: Some(actor.uuid()), ..Scope::default() };
    let (mut content, scope) = read(state, kind, call.checked()?, start)?;
    if !state.changes(actor, kind.writers, &scope) {
        return Err(forbidden());
    }
    refuse_duplicate(state, kind, &content, None)?;
    if kind.token {
        name_account(state, &mut content.properties);
    }
    let uuid = insert(state, kind, scope, content);
    events::account(state, uuid, "create");
    events::importable_resources(state, uuid);
    let made = answer(call, state, uuid, StatusCode::CREATED)?;
    Ok(if kind.token { with_token(state, made) } else { made })
}

/// Sets the username of a new service account: the preferred one, or a generated one.
fn name_account(state: &mut State, properties: &mut Map<String, Value>) {
    let wanted = ["username", "preferred_identifier"].into_iter().filter_map(|name| properties.get(name));
    let wanted = wanted.filter_map(Value::as_str).find(|name| !name.is_empty()).map(str::to_owned);
    let name = wanted.unwrap_or_else(|| format!("svc-{}", &hex(state.fresh_uuid())[..8]));
    properties.insert("username".to_owned(), name.into());
}

/// Adds a new token to the response, which shows it only once.
fn with_token(state: &mut State, answer: Answer) -> Answer {
    let until = state.now() + chrono::TimeDelta::days(90);
    let token = hex(state.fresh_uuid());
    answer.with_fields([("token", token.into()), ("expires_at", timestamp(until).into())])
}

pub(crate) fn answer(call: &Call, state: &State, uuid: Uuid, status: StatusCode) -> Outcome {
    let row = state.generic_objects.get(uuid).ok_or_else(|| no_match("Document"))?;
    let body = Value::Object(render::generic_object(call, state, row, &Fields::ALL));
    let answer = Answer::json(status, body);
    if status != StatusCode::CREATED {
        return Ok(answer);
    }
    Ok(answer.with_text(header::LOCATION, &render::generic_address(call, row)))
}

/// Changes an object. PUT keeps what it doesn't name, as PATCH does.
pub(crate) fn update(call: &Call, state: &mut State) -> Outcome {
    let uuid = changeable(call, state)?;
    let kind = collection_of(call)?;
    let before = state.generic_objects.get(uuid).map(|row| (row.scope, row.content.clone()));
    let (scope, mut content) = before.ok_or_else(|| no_match(kind.model))?;
    let (new, scope) = read(state, kind, call.checked()?, scope)?;
    content.extend(new);
    refuse_duplicate(state, kind, &content, Some(uuid))?;
    if let Some(row) = state.generic_objects.get_mut(uuid) {
        (row.scope, row.content, row.modified) = (scope, content, call.now);
    }
    answer(call, state, uuid, StatusCode::OK)
}

pub(crate) fn destroy(call: &Call, state: &mut State) -> Outcome {
    let uuid = changeable(call, state)?;
    let kind = collection_of(call)?;
    match state.generic_objects.get_mut(uuid) {
        Some(row) if row.is_closed() => {
            return Err(wrong_state(&["OK", "Erred"]));
        }
        Some(row) if !kind.closed.is_empty() => {
            kind.closed.clone_into(&mut row.state);
            row.modified = call.now;
            events::account(state, uuid, "delete");
        }
        _ => remove(state, uuid),
    }
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

/// Removes an object and its children.
pub(crate) fn remove(state: &mut State, uuid: Uuid) {
    let belonging: Vec<Uuid> = state
        .generic_objects
        .iter()
        .filter(|row| row.scope.parent == Some(uuid))
        .map(|row| row.uuid)
        .collect();
    for uuid in belonging {
        remove(state, uuid);
    }
    if let Some(row) = state.generic_objects.remove(uuid) {
        subscriptions::forget(state, &row);
    }
}

/// Changes the state by the action in the path. Robot accounts respond with the object, backend resource
/// requests with a status.
pub(crate) fn act(call: &Call, state: &mut State) -> Outcome {
    let uuid = changeable(call, state)?;
    let kind = collection_of(call)?;
    let name = call.action();
    let action = kind.actions.iter().find(|action| action.name == name);
    let action = action.ok_or_else(|| Answer::page(StatusCode::NOT_FOUND))?;
    let row = state.generic_objects.get_mut(uuid).ok_or_else(|| no_match(kind.model))?;
    if !action.from.contains(&row.state.as_str()) {
        return Err(wrong_state(action.from));
    }
    let data = call.checked()?;
    let now = call.now;
    row.modified = now;
    action.to.clone_into(&mut row.state);
    row.content.properties.extend(data);
    let moment = match action.to {
        "Processing" => "started",
        "Done" | "Erred" => "finished",
        _ => return answer(call, state, uuid, StatusCode::OK),
    };
    row.content.properties.insert(moment.to_owned(), timestamp(now).into());
    Ok(Answer::ok(json!({ "status": format!("Request is {}.", action.to.to_lowercase()) })))
}

fn wrong_state(valid: &[&str]) -> Answer {
    Answer::detail(StatusCode::CONFLICT, format!("Valid states for operation: {}.", valid.join(", ")))
}

/// Replaces the key of a service account.
pub(crate) fn rotate_api_key(call: &Call, state: &mut State) -> Outcome {
    let uuid = changeable(call, state)?;
    if let Some(row) = state.generic_objects.get_mut(uuid) {
        if row.state != "OK" {
            return Err(wrong_state(&["OK"]));
        }
        row.modified = call.now;
    }
    let rotated = answer(call, state, uuid, StatusCode::OK)?;
    Ok(with_token(state, rotated))
}

/// Returns whether an account's project or customer has a resource of these offerings.
pub(crate) fn serves(state: &State, account: &GenericObject, offerings: &[Uuid]) -> bool {
    let Scope { project, customer, .. } = account.scope;
    let customer_of = |row: &Resource| state.projects.get(row.project).map(|project| project.customer);
    state.resources.iter().filter(|row| offerings.contains(&row.offering)).any(|row| match project {
        Some(project) => project == row.project,
        None => customer.is_some() && customer_of(row) == customer,
    })
}
