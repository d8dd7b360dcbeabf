//! What a provider's agent has to carry out for resources: flags, ends, limits of users, requested lists.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::Map;
use uuid::Uuid;

use super::Seed;
use crate::store::{
    BACKEND_RESOURCE_REQUESTS, BACKEND_RESOURCES, COMPONENT_USER_USAGE_LIMITS, Collection, Content,
    GenericObject, Reference, Scope,
};

impl Seed<'_> {
    /// Sets whether a resource is paused, and whether it is downscaled.
    pub fn flags(&mut self, resource: Uuid, paused: bool, downscaled: bool) {
        if let Some(row) = self.state.resources.get_mut(resource) {
            (row.properties.paused, row.properties.downscaled) = (Some(paused), Some(downscaled));
        }
    }

    /// Sets the last day of a resource.
    pub fn end_date(&mut self, resource: Uuid, day: NaiveDate) {
        if let Some(row) = self.state.resources.get_mut(resource) {
            row.properties.end_date = Some(day);
        }
    }

    /// Sets the last day of a project.
    pub fn project_end_date(&mut self, project: Uuid, day: NaiveDate) {
        if let Some(row) = self.state.projects.get_mut(project) {
            row.properties.end_date = Some(day);
        }
    }

    /// Sets the limit of one component that an offering user has in a resource.
    pub fn user_limit(
        &mut self,
        resource: Uuid,
        component: &str,
        offering_user: Uuid,
        limit: Decimal,
    ) -> Uuid {
        let offering = self.state.resources.get(resource).map(|row| row.offering);
        let offering = offering.and_then(|uuid| self.state.offerings.get(uuid));
        let components = offering.into_iter().flat_map(|row| &row.components);
        let component = components.filter(|row| row.kind == component).map(|row| row.uuid).next();
        let references = [
            ("resource", Reference::One(Some(resource))),
            ("component", Reference::One(component)),
            ("user", Reference::One(Some(offering_user))),
        ];
        let properties = Map::from_iter([("limit".to_owned(), format!("{limit:.2}").into())]);
        let content = Content { references: references.into(), properties };
        let scope = Scope { resource: Some(resource), ..Scope::default() };
        self.generic_object(&COMPONENT_USER_USAGE_LIMITS, scope, content)
    }

    /// Adds a request for the list of the resources that can be imported into an offering.
    pub fn import_request(&mut self, offering: Uuid) -> Uuid {
        let references = [("offering", Reference::One(Some(offering)))].into();
        let scope = Scope { offering: Some(offering), ..Scope::default() };
        let content = Content { references, ..Content::default() };
        self.generic_object(&BACKEND_RESOURCE_REQUESTS, scope, content)
    }

    /// Adds a resource of the back end that can be imported into an offering.
    pub fn importable(&mut self, offering: Uuid, project: Uuid, backend_id: &str) -> Uuid {
        let references =
            [("offering", Reference::One(Some(offering))), ("project", Reference::One(Some(project)))];
        let scope = Scope { offering: Some(offering), project: Some(project), ..Scope::default() };
        let text = |name: &str| (name.to_owned(), backend_id.into());
        let properties = Map::from_iter([text("name"), text("backend_id")]);
        self.generic_object(&BACKEND_RESOURCES, scope, Content { references: references.into(), properties })
    }

    fn generic_object(&mut self, collection: &'static Collection, scope: Scope, content: Content) -> Uuid {
        let created = self.tick();
        let number = self.state.generic_objects.iter().len() + 1;
        let uuid = self.state.unused(&format!("{} {number}", collection.name));
        self.state.generic_objects.push(GenericObject {
            uuid,
            collection,
            scope: self.state.whole(scope),
            state: collection.state.to_owned(),
            content,
            created,
            modified: created,
        });
        uuid
    }
}
