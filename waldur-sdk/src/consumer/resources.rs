//! Resources, as a consumer sees them.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;
use waldur_api_client::types::ResourceState;
use waldur_api_client::{Client, Error, builder};

use crate::collection::collection;
use crate::resources::Endpoint;
use crate::row::{self, Row, row};

row! {
    /// A resource, as its consumer sees it.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct Resource {
        /// The resource's uuid.
        pub uuid: Uuid = need "uuid",
        /// The name.
        pub name: String = or_default "name",
        /// The description; empty if it has none.
        pub description: String = or_default "description",
        /// The state; `Other("")` if the server doesn't send it.
        pub state: ResourceState = or_unknown "state",
        /// When the resource was ordered.
        pub created: Option<DateTime<Utc>> = optional "created",
        /// The offering.
        pub offering_uuid: Option<Uuid> = optional "offering_uuid",
        /// The name of the offering.
        pub offering_name: String = or_default "offering_name",
        /// The type of the offering, such as `Marketplace.Slurm`.
        pub offering_type: String = or_default "offering_type",
        /// The project.
        pub project_uuid: Option<Uuid> = optional "project_uuid",
        /// The name of the project.
        pub project_name: String = or_default "project_name",
        /// The plan; `None` if the resource has none.
        pub plan_uuid: Option<Uuid> = optional "plan_uuid",
        /// The name of the plan.
        pub plan_name: String = or_default "plan_name",
        /// The limits, by the component's type, in the component's unit.
        pub limits: BTreeMap<String, Decimal> = or_default "limits",
        /// The usage of limited components, by the component's type.
        pub limit_usage: BTreeMap<String, Decimal> = or_default "limit_usage",
        /// The usage of this month, by the component's type.
        pub current_usages: BTreeMap<String, Decimal> = or_default "current_usages",
        /// The attributes that were ordered: any JSON.
        pub attributes: Value = or_default "attributes",
        /// The URLs at which the resource can be reached.
        pub endpoints: Vec<Endpoint> = or_default "endpoints",
        /// The provider's report: how to use the resource.
        pub report: Vec<ReportSection> = or_default "report",
        /// The caller's username in the back end; `None` if there is none.
        pub username: Option<String> = non_empty "username",
        /// The id in the provider's back end; empty if none is set.
        pub backend_id: String = or_default "backend_id",
        /// The last day of the resource; `None` if it has no end.
        pub end_date: Option<NaiveDate> = optional "end_date",
        /// Whether the resource is paused.
        pub paused: bool = or_default "paused",
        /// Whether the resource is downscaled.
        pub downscaled: bool = or_default "downscaled",
        /// The error message; empty if there is none.
        pub error_message: String = or_default "error_message",
        /// The uuid of the plugin's object: see [`scope`](Self::scope).
        pub scope_uuid: Option<Uuid> = optional "resource_uuid",
        /// The URL of the plugin's object.
        pub scope_url: Option<String> = non_empty "scope",
        /// The type of the plugin's object, such as `OpenStack.Instance`.
        pub scope_type: Option<String> = non_empty "resource_type",
    }
}

row! {
    /// A section of the provider's report.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct ReportSection {
        /// The header.
        pub header: String = or_default "header",
        /// The text.
        pub body: String = or_default "body",
    }
}

/// The plugin's own object behind a resource, such as a virtual machine or an allocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Scope {
    /// The uuid, which operations of the plugin take.
    pub uuid: Uuid,
    /// The URL; empty if the server sends none.
    pub url: String,
    /// The type, such as `OpenStack.Instance`; empty if the server sends none.
    #[serde(rename = "type")]
    pub type_: String,
}

impl Resource {
    /// Returns the plugin's own object. `None` if the offering's type has none, or not yet.
    #[must_use]
    pub fn scope(&self) -> Option<Scope> {
        Some(Scope {
            uuid: self.scope_uuid?,
            url: self.scope_url.clone().unwrap_or_default(),
            type_: self.scope_type.clone().unwrap_or_default(),
        })
    }
}

impl From<&Resource> for Uuid {
    fn from(resource: &Resource) -> Self {
        resource.uuid
    }
}

/// The resources of the projects that the caller may see. Filters narrow the collection; its verbs list it.
/// Nothing is sent until a verb is called. (`marketplace_resources_list`)
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until a verb is called"]
pub struct Resources {
    client: Client,
    states: Vec<ResourceState>,
    name: Option<String>,
    name_exact: Option<String>,
    offering: Option<Uuid>,
    project: Option<Uuid>,
    customer: Option<Uuid>,
    category: Option<Uuid>,
}

collection!(Resources, Resource);

impl Resources {
    pub(super) fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            states: Vec::new(),
            name: None,
            name_exact: None,
            offering: None,
            project: None,
            customer: None,
            category: None,
        }
    }

    /// Keeps resources in `state`. Call it again to accept further states.
    pub fn state(mut self, state: ResourceState) -> Self {
        self.states.push(state);
        self
    }

    /// Keeps resources that aren't terminated.
    pub fn not_terminated(mut self) -> Self {
        use ResourceState::{Creating, Erred, Ok, Terminating, Updating};
        self.states.extend([Creating, Ok, Erred, Updating, Terminating]);
        self
    }

    /// Keeps resources whose name contains this text, in any case.
    pub fn name(mut self, part: impl Into<String>) -> Self {
        self.name = Some(part.into());
        self
    }

    /// Keeps resources with this name.
    pub fn name_exact(mut self, name: impl Into<String>) -> Self {
        self.name_exact = Some(name.into());
        self
    }

    /// Keeps resources of this offering.
    pub fn offering(mut self, offering: impl Into<Uuid>) -> Self {
        self.offering = Some(offering.into());
        self
    }

    /// Keeps resources of this project.
    pub fn project(mut self, project: impl Into<Uuid>) -> Self {
        self.project = Some(project.into());
        self
    }

    /// Keeps resources of this organization's projects.
    pub fn customer(mut self, customer: impl Into<Uuid>) -> Self {
        self.customer = Some(customer.into());
        self
    }

    /// Keeps resources of offerings in this category.
    pub fn category(mut self, category: impl Into<Uuid>) -> Self {
        self.category = Some(category.into());
        self
    }

    fn request(&self) -> builder::MarketplaceResourcesList {
        let mut list = self.client.marketplace_resources_list();
        if !self.states.is_empty() {
            list = list.state(self.states.clone());
        }
        if let Some(part) = &self.name {
            list = list.name(part.clone());
        }
        if let Some(name) = &self.name_exact {
            list = list.name_exact(name.clone());
        }
        if let Some(uuid) = self.offering {
            list = list.offering_uuid([uuid]);
        }
        if let Some(uuid) = self.project {
            list = list.project_uuid(uuid);
        }
        if let Some(uuid) = self.customer {
            list = list.customer_uuid(uuid);
        }
        if let Some(uuid) = self.category {
            list = list.category_uuid(uuid);
        }
        list
    }
}

/// Reads the fields of `R` of a resource.
///
/// # Errors
/// [`Error::is_not_found`] if the resource doesn't exist or is not visible to the caller, and
/// [`Error::is_unexpected_response`] if a required field can't be read.
pub(super) async fn read<R: Row>(client: &Client, resource: Uuid) -> Result<R, Error> {
    row::retrieve(client.marketplace_resources_retrieve().uuid(resource)).await
}
