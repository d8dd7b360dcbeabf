//! Organizations, Waldur's customers.

use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::{Client, Error, builder, types};

use super::invoices::Invoices;
use super::new_project::NewProject;
use super::projects::Projects;
use crate::collection::collection;
use crate::row::{self, row};

row! {
    /// An organization, which is a customer in Waldur's terms.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct Customer {
        /// The organization's uuid.
        pub uuid: Uuid = need "uuid",
        /// The name.
        pub name: String = or_default "name",
        /// The abbreviation; empty if it has none.
        pub abbreviation: String = or_default "abbreviation",
        /// The estimate of this month's costs; `None` if the server sends none.
        pub price_estimate: Option<PriceEstimate> = optional "billing_price_estimate",
    }
}

row! {
    /// An estimate of the costs of the current month.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct PriceEstimate {
        /// The costs of the whole month, if nothing changes.
        pub total: Decimal = or_default "total",
        /// The costs up to today.
        pub current: Decimal = or_default "current",
        /// The tax of [`total`](Self::total).
        pub tax: Decimal = or_default "tax",
        /// The tax of [`current`](Self::current).
        pub tax_current: Decimal = or_default "tax_current",
    }
}

impl PriceEstimate {
    pub(super) fn of(model: types::NestedPriceEstimate) -> Self {
        Self {
            total: model.total.unwrap_or_default(),
            current: model.current.unwrap_or_default(),
            tax: model.tax.unwrap_or_default(),
            tax_current: model.tax_current.unwrap_or_default(),
        }
    }
}

impl From<&Customer> for Uuid {
    fn from(customer: &Customer) -> Self {
        customer.uuid
    }
}

/// The organizations that the caller may see. Filters narrow the collection; its verbs list it. Nothing is
/// sent until a verb is called. (`customers_list`)
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until a verb is called"]
pub struct Customers {
    client: Client,
    name: Option<String>,
    name_exact: Option<String>,
}

collection!(Customers, Customer);

impl Customers {
    pub(super) fn new(client: &Client) -> Self {
        Self { client: client.clone(), name: None, name_exact: None }
    }

    /// Keeps organizations whose name contains this text, in any case.
    pub fn name(mut self, part: impl Into<String>) -> Self {
        self.name = Some(part.into());
        self
    }

    /// Keeps organizations with this name.
    pub fn name_exact(mut self, name: impl Into<String>) -> Self {
        self.name_exact = Some(name.into());
        self
    }

    fn request(&self) -> builder::CustomersList {
        let mut list = self.client.customers_list();
        if let Some(part) = &self.name {
            list = list.name(part.clone());
        }
        if let Some(name) = &self.name_exact {
            list = list.name_exact(name.clone());
        }
        list
    }
}

/// A handle of one organization. Nothing is sent until a verb is called.
#[derive(Clone, Debug)]
pub struct CustomerHandle {
    pub(super) client: Client,
    pub(super) uuid: Uuid,
}

impl CustomerHandle {
    pub(super) fn new(client: &Client, uuid: Uuid) -> Self {
        Self { client: client.clone(), uuid }
    }

    /// Returns the organization's uuid.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Gets the organization. (`customers_retrieve`)
    ///
    /// # Errors
    /// [`Error::is_not_found`] if the organization doesn't exist or is not visible to the caller.
    pub async fn get(&self) -> Result<Customer, Error> {
        row::retrieve(self.client.customers_retrieve().uuid(self.uuid)).await
    }

    /// Returns the projects of the organization, to narrow and to list them.
    pub fn projects(&self) -> Projects {
        Projects::new(&self.client).customer(self.uuid)
    }

    /// Creates a project of the organization, with a name. Spaces around the name are removed, as servers do.
    /// Awaiting the request sends it. (`projects_create`)
    pub fn create_project(&self, name: impl Into<String>) -> NewProject {
        NewProject::new(&self.client, self.uuid, &name.into())
    }

    /// Returns the invoices of the organization, to narrow and to list them.
    pub fn invoices(&self) -> Invoices {
        Invoices::new(&self.client, self.uuid)
    }
}
