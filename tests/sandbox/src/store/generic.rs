//! Objects of the collections that have few rules of their own.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::Collection;
use crate::wire::hex;

/// The objects that a generic object belongs to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scope {
    pub(crate) resource: Option<Uuid>,
    pub(crate) offering: Option<Uuid>,
    pub(crate) project: Option<Uuid>,
    pub(crate) customer: Option<Uuid>,
    pub(crate) person: Option<Uuid>,
    /// Another generic object.
    pub(crate) parent: Option<Uuid>,
}

/// The objects that a property refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    One(Option<Uuid>),
    Many(Vec<Uuid>),
}

/// The properties of a generic object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    /// Properties that refer to other objects.
    pub(crate) references: BTreeMap<&'static str, Reference>,
    /// Other properties, as sent or set since.
    pub(crate) properties: Map<String, Value>,
}

impl Content {
    /// Returns whether both have the same value of a property, or neither has one.
    pub(crate) fn agrees(&self, other: &Self, name: &str) -> bool {
        self.references.get(name) == other.references.get(name)
            && self.properties.get(name) == other.properties.get(name)
    }

    pub(crate) fn extend(&mut self, newer: Self) {
        self.references.extend(newer.references);
        self.properties.extend(newer.properties);
    }
}

#[derive(Clone, Debug)]
pub(crate) struct GenericObject {
    pub(crate) uuid: Uuid,
    pub(crate) collection: &'static Collection,
    pub(crate) scope: Scope,
    /// Empty where the collection has no states.
    pub(crate) state: String,
    pub(crate) content: Content,
    pub(crate) created: DateTime<Utc>,
    pub(crate) modified: DateTime<Utc>,
}

impl GenericObject {
    /// Returns a property that is a text; "" if it isn't one.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.content.properties.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Returns the object that a property refers to.
    pub(crate) fn reference(&self, name: &str) -> Option<Uuid> {
        match self.content.references.get(name)? {
            Reference::One(uuid) => *uuid,
            Reference::Many(_) => None,
        }
    }

    pub(crate) fn is_of(&self, collection: &Collection) -> bool {
        self.collection.name == collection.name
    }

    pub(crate) fn is_closed(&self) -> bool {
        !self.collection.closed.is_empty() && self.state == self.collection.closed
    }

    /// Returns whether the object is closed and hidden.
    pub(crate) fn is_hidden(&self) -> bool {
        self.collection.token && self.is_closed()
    }

    /// Returns all properties and the state, with uuids for references.
    pub(crate) fn to_map(&self) -> Map<String, Value> {
        let mut map = self.content.properties.clone();
        for (name, reference) in &self.content.references {
            let value = match reference {
                Reference::One(uuid) => uuid.map(hex).into(),
                Reference::Many(uuids) => uuids.iter().copied().map(hex).collect(),
            };
            map.insert((*name).to_owned(), value);
        }
        if !self.state.is_empty() {
            map.insert("state".to_owned(), self.state.as_str().into());
        }
        map
    }
}
