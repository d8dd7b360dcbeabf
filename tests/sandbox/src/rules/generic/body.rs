//! Bodies of generic objects: references and uniqueness.

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::protocol::answer::{Answer, invalid_whole};
use crate::protocol::form::Form;
use crate::store::{Collection, Content, GenericObject, Link, OFFERING_USER_ROLES, Reference, Scope, State};
use crate::wire::parse_uuid;

fn exists(state: &State, link: Link, uuid: Uuid) -> bool {
    match link {
        Link::Resource => state.resources.get(uuid).is_some(),
        Link::Offering => state.offerings.get(uuid).is_some(),
        Link::Project => state.projects.get(uuid).is_some(),
        Link::Customer => state.customers.get(uuid).is_some(),
        Link::Person => state.people.get(uuid).is_some(),
        Link::OfferingUser => state.offering_users.get(uuid).is_some(),
        Link::Component => state.offerings.iter().any(|row| row.components.iter().any(|c| c.uuid == uuid)),
        Link::Role => state.generic_objects.get(uuid).is_some_and(|row| row.is_of(&OFFERING_USER_ROLES)),
    }
}

/// Returns the object that a value refers to by address or uuid; refuses the property otherwise.
fn follow(state: &State, form: &mut Form, (name, link): (&str, Link), value: &Value) -> Option<Uuid> {
    let text = value.as_str().unwrap_or_default();
    let uuid = text.trim_end_matches('/').rsplit('/').next().and_then(parse_uuid);
    let known = uuid.filter(|uuid| exists(state, link, *uuid));
    if known.is_none() {
        let message = if text.contains('/') {
            "Invalid hyperlink - Object does not exist.".to_owned()
        } else {
            format!("Object with uuid={text} does not exist.")
        };
        form.refuse(name, message);
    }
    known
}

/// Sets the part of a scope that follows from a reference.
fn narrow(scope: &mut Scope, (name, link): (&str, Link), uuid: Uuid) {
    match link {
        Link::Resource => scope.resource = Some(uuid),
        Link::Offering => scope.offering = Some(uuid),
        Link::Project => scope.project = Some(uuid),
        Link::Customer => scope.customer = Some(uuid),
        // The user of a robot account is not its owner.
        Link::Person if name == "user" => scope.person = Some(uuid),
        Link::Person | Link::OfferingUser | Link::Component | Link::Role => {}
    }
}

/// Returns the content of a body, and the scope by its references.
pub(super) fn read(
    state: &State,
    kind: &Collection,
    data: Map<String, Value>,
    mut scope: Scope,
) -> Result<(Content, Scope), Answer> {
    let mut form = Form::default();
    let mut content = Content::default();
    for (name, value) in data {
        let Some(&(known, link)) = kind.links.iter().find(|(link, _)| *link == name) else {
            content.properties.insert(name, value);
            continue;
        };
        let reference = match &value {
            Value::Null => Reference::One(None),
            Value::Array(values) => Reference::Many(
                values.iter().filter_map(|value| follow(state, &mut form, (known, link), value)).collect(),
            ),
            value => Reference::One(follow(state, &mut form, (known, link), value)),
        };
        if let Reference::One(Some(uuid)) = reference {
            narrow(&mut scope, (known, link), uuid);
        }
        content.references.insert(known, reference);
    }
    form.finish()?;
    Ok((content, state.whole(scope)))
}

/// Refuses an object that has the same unique properties as another.
pub(super) fn refuse_duplicate(
    state: &State,
    kind: &Collection,
    content: &Content,
    except: Option<Uuid>,
) -> Result<(), Answer> {
    let is_duplicate = |row: &GenericObject| {
        row.is_of(kind)
            && Some(row.uuid) != except
            && kind.unique.iter().all(|name| row.content.agrees(content, name))
    };
    if !kind.unique.is_empty() && state.generic_objects.iter().any(is_duplicate) {
        let names = kind.unique.join(", ");
        return Err(invalid_whole(format!("The fields {names} must make a unique set.")));
    }
    Ok(())
}

/// Adds an object in the state that its collection starts with.
pub(crate) fn insert(state: &mut State, kind: &'static Collection, scope: Scope, content: Content) -> Uuid {
    let uuid = state.fresh_uuid();
    let now = state.now();
    let scope = state.whole(scope);
    state.generic_objects.push(GenericObject {
        uuid,
        collection: kind,
        scope,
        state: kind.state.to_owned(),
        content,
        created: now,
        modified: now,
    });
    uuid
}
