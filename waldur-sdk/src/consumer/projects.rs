//! Projects, in which resources are ordered.

use chrono::NaiveDate;
use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::{Client, Error, builder};

use super::customers::PriceEstimate;
use super::order::OrderRequest;
use super::orders::Orders;
use super::resources::Resources;
use crate::collection::collection;
use crate::row::{self, row};

row! {
    /// A project.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct Project {
        /// The project's uuid.
        pub uuid: Uuid = need "uuid",
        /// The name.
        pub name: String = or_default "name",
        /// The description; empty if it has none.
        pub description: String = or_default "description",
        /// The organization (Waldur's customer) that the project belongs to.
        pub customer_uuid: Option<Uuid> = optional "customer_uuid",
        /// The name of that organization.
        pub customer_name: String = or_default "customer_name",
        /// The first day; orders that are placed before it wait for it.
        pub start_date: Option<NaiveDate> = optional "start_date",
        /// The last day; `None` if the project has no end.
        pub end_date: Option<NaiveDate> = optional "end_date",
        /// The estimate of this month's costs; `None` if the server sends none.
        pub price_estimate: Option<PriceEstimate> = optional "billing_price_estimate",
    }
}

impl From<&Project> for Uuid {
    fn from(project: &Project) -> Self {
        project.uuid
    }
}

/// The projects that the caller may see. Filters narrow the collection; its verbs list it. Nothing is sent
/// until a verb is called. (`projects_list`)
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until a verb is called"]
pub struct Projects {
    client: Client,
    customer: Option<Uuid>,
    name: Option<String>,
    name_exact: Option<String>,
}

collection!(Projects, Project);

impl Projects {
    pub(super) fn new(client: &Client) -> Self {
        Self { client: client.clone(), customer: None, name: None, name_exact: None }
    }

    /// Keeps projects of this organization.
    pub fn customer(mut self, customer: impl Into<Uuid>) -> Self {
        self.customer = Some(customer.into());
        self
    }

    /// Keeps projects whose name contains this text, in any case.
    pub fn name(mut self, part: impl Into<String>) -> Self {
        self.name = Some(part.into());
        self
    }

    /// Keeps projects with this name.
    pub fn name_exact(mut self, name: impl Into<String>) -> Self {
        self.name_exact = Some(name.into());
        self
    }

    fn request(&self) -> builder::ProjectsList {
        let mut list = self.client.projects_list();
        if let Some(customer) = self.customer {
            list = list.customer([customer]);
        }
        if let Some(part) = &self.name {
            list = list.name(part.clone());
        }
        if let Some(name) = &self.name_exact {
            list = list.name_exact(name.clone());
        }
        list
    }
}

/// A handle of one project. Nothing is sent until a verb is called.
#[derive(Clone, Debug)]
pub struct ProjectHandle {
    pub(super) client: Client,
    pub(super) uuid: Uuid,
}

impl ProjectHandle {
    pub(super) fn new(client: &Client, uuid: Uuid) -> Self {
        Self { client: client.clone(), uuid }
    }

    /// Returns the project's uuid.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Gets the project. (`projects_retrieve`)
    ///
    /// # Errors
    /// [`Error::is_not_found`] if the project doesn't exist or is not visible to the caller.
    pub async fn get(&self) -> Result<Project, Error> {
        row::retrieve(self.client.projects_retrieve().uuid(self.uuid)).await
    }

    /// Orders a resource of an offering in the project. Awaiting the request sends it.
    /// (`marketplace_orders_create`)
    pub fn order(&self, offering: impl Into<Uuid>) -> OrderRequest {
        OrderRequest::new(&self.client, self.uuid, offering.into())
    }

    /// Returns the orders of the project, to narrow and to list them.
    pub fn orders(&self) -> Orders {
        Orders::new(&self.client).project(self.uuid)
    }

    /// Returns the resources of the project, to narrow and to list them.
    pub fn resources(&self) -> Resources {
        Resources::new(&self.client).project(self.uuid)
    }
}
