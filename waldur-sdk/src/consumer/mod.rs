//! Ordering, using and ending resources, as a consumer does.
//!
//! Everything begins at [`ClientExt::consumer`](crate::ClientExt::consumer):
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use waldur_sandbox::{Actor, Sandbox};
//! # use waldur_sdk::{Client, ClientExt as _};
//! # let sandbox = Sandbox::builder().seed(|seed| {
//! #     let slurm = seed.ids().offerings.slurm;
//! #     seed.billing_type(slurm, "cpu", "limit");
//! # }).start().await?;
//! # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Consumer)).build()?;
//! let consumer = client.consumer();
//! let project = consumer.projects().name("Climate").first().await?.ok_or("no such project")?;
//! let offering = consumer.offerings().name("Polar").first().await?.ok_or("no such offering")?;
//!
//! let order = consumer.project(&project).order(&offering).name("waves").limit("cpu", 4).await?;
//! # let order_uuid = order.order_uuid.ok_or("no order")?;
//! # let provider = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
//! # provider.provider().order(order_uuid).approve().await?;
//! # provider.provider().order(order_uuid).set_done().await?;
//! let resource = order.wait().on_change(|order| println!("the order is {}", order.state)).await?;
//! println!("{} is {}", resource.name, resource.state);
//! # Ok(())
//! # }
//! ```

mod attributes;
mod categories;
mod check;
mod customers;
mod invitations;
mod invoices;
mod new_invitation;
mod new_project;
mod offerings;
mod order;
mod orders;
mod people;
mod placing;
mod projects;
mod resource;
mod resource_order;
mod resources;
mod wait;

use uuid::Uuid;
use waldur_api_client::Client;

pub use self::attributes::AttributeField;
pub use self::categories::{Categories, Category};
pub use self::customers::{Customer, CustomerHandle, Customers, PriceEstimate};
pub use self::invitations::{Invitation, Invitations};
pub use self::invoices::{Invoice, InvoiceItem, Invoices};
pub use self::new_invitation::NewInvitation;
pub use self::new_project::NewProject;
pub use self::offerings::{Component, Offering, OfferingDetails, OfferingHandle, Offerings, Plan};
pub use self::order::OrderRequest;
pub use self::orders::{Order, OrderHandle, Orders};
pub use self::people::Member;
pub use self::placing::PlacedOrder;
pub use self::projects::{Project, ProjectHandle, Projects};
pub use self::resource::ResourceHandle;
pub use self::resource_order::ResourceOrder;
pub use self::resources::{ReportSection, Resource, Resources, Scope};
pub use self::wait::{EndedOrder, OrderEnd, PlacedOrderWait};

/// What a consumer sees and does. It holds nothing but the client: narrow a collection by its filters, or
/// take the handle of one object.
///
/// Lists contain what the caller may see. Members of a project see the project; owners of an organization see
/// all of its projects.
#[derive(Clone, Debug)]
pub struct Consumer {
    client: Client,
}

impl Consumer {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Returns the organizations (Waldur's customers) that the caller may see, to narrow and to list them.
    pub fn customers(&self) -> Customers {
        Customers::new(&self.client)
    }

    /// Returns a handle of one organization.
    #[must_use]
    pub fn customer(&self, customer: impl Into<Uuid>) -> CustomerHandle {
        CustomerHandle::new(&self.client, customer.into())
    }

    /// Returns the projects that the caller may see, to narrow and to list them.
    pub fn projects(&self) -> Projects {
        Projects::new(&self.client)
    }

    /// Returns a handle of one project.
    #[must_use]
    pub fn project(&self, project: impl Into<Uuid>) -> ProjectHandle {
        ProjectHandle::new(&self.client, project.into())
    }

    /// Returns the categories of the marketplace, to narrow and to list them.
    pub fn categories(&self) -> Categories {
        Categories::new(&self.client)
    }

    /// Returns the public offerings that can be ordered, to narrow and to list them.
    pub fn offerings(&self) -> Offerings {
        Offerings::new(&self.client)
    }

    /// Returns a handle of one public offering.
    #[must_use]
    pub fn offering(&self, offering: impl Into<Uuid>) -> OfferingHandle {
        OfferingHandle::new(&self.client, offering.into())
    }

    /// Returns the orders that the caller may see, to narrow and to list them.
    pub fn orders(&self) -> Orders {
        Orders::new(&self.client)
    }

    /// Returns a handle of one order.
    #[must_use]
    pub fn order(&self, order: impl Into<Uuid>) -> OrderHandle {
        OrderHandle::new(&self.client, order.into())
    }

    /// Returns the resources of the projects that the caller may see, to narrow and to list them.
    pub fn resources(&self) -> Resources {
        Resources::new(&self.client)
    }

    /// Returns a handle of one resource.
    #[must_use]
    pub fn resource(&self, resource: impl Into<Uuid>) -> ResourceHandle {
        ResourceHandle::new(&self.client, resource.into())
    }
}

/// Returns the URL of an object, which Waldur wants in request bodies.
fn address(client: &Client, collection: &str, uuid: Uuid) -> String {
    format!("{}/api/{collection}/{}/", client.url().trim_end_matches('/'), uuid.simple())
}
