//! The categories of the marketplace.

use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::{Client, builder};

use crate::collection::collection;
use crate::row::row;

row! {
    /// A category of the marketplace.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct Category {
        /// The category's uuid.
        pub uuid: Uuid = need "uuid",
        /// The title.
        pub title: String = or_default "title",
        /// The description; empty if it has none.
        pub description: String = or_default "description",
        /// The group of categories that it belongs to.
        pub group_uuid: Option<Uuid> = by_address "group",
        /// The number of its offerings; `None` if the server doesn't send it.
        pub offering_count: Option<u64> = optional "offering_count",
        /// The number of its offerings that the caller can order; `None` if the server doesn't send it.
        pub available_offerings_count: Option<u64> = optional "available_offerings_count",
    }
}

impl From<&Category> for Uuid {
    fn from(category: &Category) -> Self {
        category.uuid
    }
}

/// The categories of the marketplace. Filters narrow the collection; its verbs list it. Nothing is sent until
/// a verb is called. (`marketplace_categories_list`)
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sandbox::{Actor, Sandbox};
/// # use waldur_sdk::{Client, ClientExt as _};
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Alice)).build()?;
/// let consumer = client.consumer();
/// for category in consumer.categories().all().await? {
///     println!("{}", category.title);
///     for offering in consumer.offerings().category(&category).all().await? {
///         println!("  {}", offering.name);
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until a verb is called"]
pub struct Categories {
    client: Client,
    title: Option<String>,
    group: Option<Uuid>,
    offering_name: Option<String>,
    provider: Option<Uuid>,
    used_in_project: Option<Uuid>,
    used_by_customer: Option<Uuid>,
    is_shared: bool,
}

collection!(Categories, Category);

impl Categories {
    pub(super) fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            title: None,
            group: None,
            offering_name: None,
            provider: None,
            used_in_project: None,
            used_by_customer: None,
            is_shared: false,
        }
    }

    /// Keeps categories whose title contains this text, in any case.
    pub fn title(mut self, part: impl Into<String>) -> Self {
        self.title = Some(part.into());
        self
    }

    /// Keeps categories of this group.
    pub fn group(mut self, group: impl Into<Uuid>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Keeps categories with an offering whose name contains this text, in any case.
    pub fn offering_name(mut self, part: impl Into<String>) -> Self {
        self.offering_name = Some(part.into());
        self
    }

    /// Keeps categories with an offering of this provider, by the uuid of the provider's organization.
    pub fn provider(mut self, customer: impl Into<Uuid>) -> Self {
        self.provider = Some(customer.into());
        self
    }

    /// Keeps categories of which this project has a resource.
    pub fn used_in_project(mut self, project: impl Into<Uuid>) -> Self {
        self.used_in_project = Some(project.into());
        self
    }

    /// Keeps categories of which this organization's projects have a resource.
    pub fn used_by_customer(mut self, customer: impl Into<Uuid>) -> Self {
        self.used_by_customer = Some(customer.into());
        self
    }

    /// Keeps categories with a shared offering, which every organization can order.
    pub fn shared(mut self) -> Self {
        self.is_shared = true;
        self
    }

    fn request(&self) -> builder::MarketplaceCategoriesList {
        let mut list = self.client.marketplace_categories_list();
        if let Some(part) = &self.title {
            list = list.title(part.clone());
        }
        if let Some(uuid) = self.group {
            list = list.group_uuid(uuid);
        }
        if let Some(part) = &self.offering_name {
            list = list.offering_name(part.clone());
        }
        if let Some(uuid) = self.provider {
            list = list.customer_uuid(uuid);
        }
        if let Some(uuid) = self.used_in_project {
            list = list.resource_project_uuid(uuid);
        }
        if let Some(uuid) = self.used_by_customer {
            list = list.resource_customer_uuid(uuid);
        }
        if self.is_shared {
            list = list.has_shared(true);
        }
        list
    }
}
