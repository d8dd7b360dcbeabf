//! Offerings: their components and plans, and components to match a set.

mod apply;
mod definition;
mod details;
mod handle;
mod plan;

use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::types::OfferingState;
use waldur_api_client::{Client, builder};

pub use self::definition::ComponentDefinition;
pub use self::details::{OfferingComponent, OfferingDetails, OfferingPlan};
pub use self::handle::OfferingHandle;
pub use self::plan::{ComponentPlan, ComponentStep};
use crate::collection::collection;
use crate::row::row;

row! {
    /// An offering, as its provider sees it in a list.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct Offering {
        /// The offering's uuid.
        pub uuid: Uuid = need "uuid",
        /// Its name.
        pub name: String = or_default "name",
        /// Its state.
        pub state: OfferingState = or_unknown "state",
        /// Its type, such as `Marketplace.Slurm`.
        #[serde(rename = "type")]
        pub type_: String = or_default "type",
        /// The provider's organization (Waldur's customer).
        pub customer_uuid: Option<Uuid> = optional "customer_uuid",
        /// The name of that organization.
        pub customer_name: String = or_default "customer_name",
    }
}

impl From<&Offering> for Uuid {
    fn from(offering: &Offering) -> Self {
        offering.uuid
    }
}

/// The offerings of a provider: narrowed by filters, then listed. Nothing is sent until a verb is called.
/// (`marketplace_provider_offerings_list`)
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sandbox::{Actor, Sandbox};
/// # use waldur_sdk::{Client, ClientExt as _};
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// let provider = client.provider();
/// for offering in provider.offerings().type_("Marketplace.Slurm").all().await? {
///     let details = provider.offering(&offering).get().await?;
///     println!("{} has {} components", offering.name, details.components.len());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until a verb is called"]
pub struct Offerings {
    client: Client,
    states: Vec<OfferingState>,
    types: Vec<String>,
    customer: Option<Uuid>,
    name: Option<String>,
}

collection!(Offerings, Offering);

impl Offerings {
    pub(crate) fn new(client: &Client) -> Self {
        Self { client: client.clone(), states: Vec::new(), types: Vec::new(), customer: None, name: None }
    }

    /// Keeps offerings in `state`. Call it again to accept further states.
    pub fn state(mut self, state: OfferingState) -> Self {
        self.states.push(state);
        self
    }

    /// Keeps offerings of this type, such as `Marketplace.Slurm`. Call it again to accept further types.
    pub fn type_(mut self, type_: impl Into<String>) -> Self {
        self.types.push(type_.into());
        self
    }

    /// Keeps offerings of this provider, by the uuid of the provider's organization.
    pub fn provider(mut self, customer: impl Into<Uuid>) -> Self {
        self.customer = Some(customer.into());
        self
    }

    /// Keeps offerings whose name contains this text.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    fn request(&self) -> builder::MarketplaceProviderOfferingsList {
        let mut list = self.client.marketplace_provider_offerings_list();
        if !self.states.is_empty() {
            list = list.state(self.states.clone());
        }
        if !self.types.is_empty() {
            list = list.type_(self.types.clone());
        }
        if let Some(uuid) = self.customer {
            list = list.customer_uuid(uuid);
        }
        if let Some(name) = &self.name {
            list = list.name(name.clone());
        }
        list
    }
}
