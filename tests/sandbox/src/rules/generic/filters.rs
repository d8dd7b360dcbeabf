//! Filters of the lists of generic objects, as far as the schema declares them for a list.

use uuid::Uuid;

use crate::judge::Operation;
use crate::protocol::answer::{Answer, invalid_choice};
use crate::protocol::call::Call;
use crate::protocol::filters::contains;
use crate::store::{Collection, GenericObject, Link, Reference, State};

/// Filters by the objects that a generic object belongs to.
const SCOPES: [&str; 4] = ["offering_uuid", "resource_uuid", "project_uuid", "customer_uuid"];

/// The filters of a request.
#[derive(Debug, Default)]
pub(super) struct Filters<'a> {
    scopes: [Option<Uuid>; SCOPES.len()],
    states: Vec<&'a str>,
    backend_id: Option<&'a str>,
    name: Option<&'a str>,
    name_exact: Option<&'a str>,
    component_type: Option<&'a str>,
    /// The username of the offering user.
    username: Option<&'a str>,
}

impl<'a> Filters<'a> {
    /// Reads the filters that the list has.
    pub(super) fn read(call: &'a Call) -> Result<Self, Answer> {
        let has = |name: &str| call.operation.is_some_and(|list: &Operation| list.parameter(name).is_some());
        let text = |name: &'static str| call.text(name).filter(|_| has(name));
        let mut filters = Self {
            backend_id: text("backend_id"),
            name: text("name"),
            name_exact: text("name_exact"),
            component_type: text("component_type"),
            username: text("username"),
            ..Self::default()
        };
        for (at, name) in SCOPES.into_iter().enumerate() {
            if has(name) {
                filters.scopes[at] = call.uuid_filter(name)?;
            }
        }
        if has("state") && call.release.has_schema() {
            filters.states = call.values("state").collect();
        }
        Ok(filters)
    }

    /// Refuses a state that no action of the collection leads to or from.
    pub(super) fn check(&self, kind: &Collection) -> Result<(), Answer> {
        let is_known = |state: &str| {
            kind.actions.iter().any(|action| action.to == state || action.from.contains(&state))
        };
        match self.states.iter().find(|state| !kind.actions.is_empty() && !is_known(state)) {
            Some(state) => Err(invalid_choice("state", state)),
            None => Ok(()),
        }
    }

    pub(super) fn admit(&self, state: &State, row: &GenericObject) -> bool {
        let scope = &row.scope;
        let belongs = [scope.offering, scope.resource, scope.project, scope.customer];
        let is = |wanted: Option<&str>, name: &str| wanted.is_none_or(|wanted| row.text(name) == wanted);
        self.scopes.iter().zip(belongs).all(|(wanted, uuid)| wanted.is_none() || *wanted == uuid)
            && (self.states.is_empty() || self.states.contains(&row.state.as_str()))
            && is(self.backend_id, "backend_id")
            && is(self.name_exact, "name")
            && self.name.is_none_or(|part| contains(row.text("name"), part))
            && self.component_type.is_none_or(|kind| component_type(state, row) == Some(kind))
            && self.username.is_none_or(|name| username(state, row) == name)
    }
}

fn component_type<'s>(state: &'s State, row: &GenericObject) -> Option<&'s str> {
    let uuid = row.reference("component")?;
    let mut components = state.offerings.iter().flat_map(|row| &row.components);
    components.find(|component| component.uuid == uuid).map(|component| component.kind.as_str())
}

/// Returns the username of the offering user, or of the account that the object is.
fn username<'s>(state: &'s State, row: &'s GenericObject) -> &'s str {
    let is_account = |link: &&(&str, Link)| matches!(link, ("user", Link::OfferingUser));
    match row.collection.links.iter().find(is_account).and_then(|_| row.content.references.get("user")) {
        Some(Reference::One(Some(uuid))) => {
            state.offering_users.get(*uuid).and_then(|row| row.username.as_deref()).unwrap_or_default()
        }
        _ => row.text("username"),
    }
}
