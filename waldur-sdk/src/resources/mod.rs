//! Resources, as their provider sees and changes them.

mod backend_id;
mod changes;
mod endpoints;
mod handle;
mod state;
mod team;

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::types::ResourceState;
use waldur_api_client::{Client, Error, ErrorKind, Operation, builder};

#[cfg(feature = "agent")]
pub(crate) use self::backend_id::{Check as BackendIdCheck, check as check_backend_id};
#[cfg(feature = "agent")]
pub(crate) use self::changes::{holds, send_backend_id, send_last_sync, send_limits, send_metadata};
pub use self::endpoints::Endpoint;
pub use self::handle::ResourceHandle;
#[cfg(feature = "agent")]
pub(crate) use self::state::{send_erred, send_ok, shows_erred};
pub use self::team::TeamMember;
use crate::collection::collection;
use crate::filter::{keep_matching, matches};
use crate::row::{self, Row, Rows, row};

const LIST: &Operation = builder::MarketplaceProviderResourcesList::OPERATION;

row! {
    /// A resource, as its provider sees it. Displays as `resource`, the uuid and the name.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct Resource {
        /// The resource's uuid.
        pub uuid: Uuid = need "uuid",
        /// The resource's name.
        pub name: String = or_default "name",
        /// The state; `Other("")` if the server doesn't send it.
        pub state: ResourceState = or_unknown "state",
        /// The id in the provider's back end; empty if none is set.
        pub backend_id: String = or_default "backend_id",
        /// The offering.
        pub offering_uuid: Option<Uuid> = optional "offering_uuid",
        /// The name of the offering.
        pub offering_name: String = or_default "offering_name",
        /// The project that the resource belongs to.
        pub project_uuid: Option<Uuid> = optional "project_uuid",
        /// The name of the project.
        pub project_name: String = or_default "project_name",
        /// The organization (Waldur's customer) of the project.
        pub customer_uuid: Option<Uuid> = optional "customer_uuid",
        /// The provider's organization.
        pub provider_uuid: Option<Uuid> = optional "provider_uuid",
        /// The plan; `None` if the resource has none.
        pub plan_uuid: Option<Uuid> = optional "plan_uuid",
        /// The limits, by the component's type, in the component's unit. A limit that isn't a number, or is
        /// too large for a [`Decimal`], is left out with a warning.
        pub limits: BTreeMap<String, Decimal> = or_default "limits",
        /// Whether the resource is paused.
        pub paused: bool = or_default "paused",
        /// Whether the resource is downscaled.
        pub downscaled: bool = or_default "downscaled",
        /// Whether members have no access to the resource.
        pub restrict_member_access: bool = or_default "restrict_member_access",
        /// The last day of the resource; `None` if it has no end.
        pub end_date: Option<NaiveDate> = optional "end_date",
        /// When the resource was last synchronised with the back end (see [`ResourceHandle::touch`]); servers
        /// before 2025 don't send it.
        pub last_sync: Option<DateTime<Utc>> = optional "last_sync",
        /// The error message; empty if there is none.
        pub error_message: String = or_default "error_message",
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "resource {}", self.uuid.simple())?;
        match self.name.as_str() {
            "" => Ok(()),
            name => write!(f, " ({name})"),
        }
    }
}

impl From<&Resource> for Uuid {
    fn from(resource: &Resource) -> Self {
        resource.uuid
    }
}

/// The resources of a provider. Filters narrow the collection; its verbs list the resources or report their
/// usage. Nothing is sent until a verb is called. (`marketplace_provider_resources_list`)
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sandbox::{Actor, Sandbox};
/// # use waldur_sdk::{Client, ClientExt as _};
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// use waldur_sdk::Uuid;
///
/// let provider = client.provider();
/// for resource in provider.resources().live().all().await? {
///     println!("{} of {}: {:?}", resource.name, resource.offering_name, resource.limits);
///     for member in provider.resource(&resource).team().await? {
///         println!("  {} is {}", member.username, member.role);
///     }
/// }
///
/// // With fields of your own.
/// #[derive(serde::Deserialize)]
/// struct Row {
///     uuid: Uuid,
///     slug: String,
/// }
/// let rows: Vec<Row> = provider.resources().live().select().all().await?;
/// println!("{} {}", rows[0].uuid, rows[0].slug);
/// # Ok(())
/// # }
/// ```
///
/// Staff see the resources of all providers: filter by [`offering`](Self::offering) or
/// [`provider`](Self::provider).
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until a verb is called"]
pub struct Resources {
    pub(crate) client: Client,
    states: Vec<ResourceState>,
    offering: Option<Uuid>,
    project: Option<Uuid>,
    customer: Option<Uuid>,
    provider: Option<Uuid>,
    backend_id: Option<String>,
}

collection!(Resources, Resource);

impl Resources {
    pub(crate) fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            states: Vec::new(),
            offering: None,
            project: None,
            customer: None,
            provider: None,
            backend_id: None,
        }
    }

    /// Keeps resources in `state`. Call it again to accept further states.
    pub fn state(mut self, state: ResourceState) -> Self {
        self.states.push(state);
        self
    }

    /// Keeps resources in the state OK. Those that are being changed, and erred ones, aren't among them; see
    /// [`not_terminated`](Self::not_terminated).
    pub fn live(self) -> Self {
        self.state(ResourceState::Ok)
    }

    /// Keeps resources that aren't terminated.
    pub fn not_terminated(mut self) -> Self {
        use ResourceState::{Creating, Erred, Ok, Terminating, Updating};
        self.states.extend([Creating, Ok, Erred, Updating, Terminating]);
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

    /// Keeps resources of this provider's offerings, by the uuid of the provider's organization.
    pub fn provider(mut self, customer: impl Into<Uuid>) -> Self {
        self.provider = Some(customer.into());
        self
    }

    /// Keeps resources with this backend id.
    pub fn backend_id(mut self, id: impl Into<String>) -> Self {
        self.backend_id = Some(id.into());
        self
    }

    /// Returns the operation `marketplace_provider_resources_list` with these filters.
    pub(crate) fn request(&self) -> builder::MarketplaceProviderResourcesList {
        let mut list = self.client.marketplace_provider_resources_list();
        if !self.states.is_empty() {
            list = list.state(self.states.clone());
        }
        if let Some(uuid) = self.provider {
            list = list.provider_uuid(uuid);
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
        if let Some(id) = &self.backend_id {
            list = list.backend_id(id.clone());
        }
        list
    }

    /// Lists the resources, without those that a server lists because it doesn't know a filter.
    pub(crate) async fn all_matching(self) -> Result<Rows<Resource>, Error> {
        let mut resources = self.clone().all().await?;
        keep_matching(&mut resources, LIST, |resource| {
            let is_in_state = match &resource.state {
                _ if self.states.is_empty() => true,
                ResourceState::Other(text) if text.is_empty() => return Err("state"),
                state => self.states.contains(state),
            };
            Ok(is_in_state
                && self.backend_id.as_ref().is_none_or(|id| *id == resource.backend_id)
                && matches(self.offering, resource.offering_uuid, "offering_uuid")?
                && matches(self.project, resource.project_uuid, "project_uuid")?
                && matches(self.customer, resource.customer_uuid, "customer_uuid")?
                && matches(self.provider, resource.provider_uuid, "provider_uuid")?)
        });
        Ok(resources)
    }

    /// Finds the resource with this backend id. Returns `None` if no resource has it.
    ///
    /// A terminated resource keeps its backend id. It is returned only if no other resource has the id.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # use waldur_sdk::{Client, ClientExt as _};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// # let resource = sandbox.ids().resources.ok;
    /// let provider = client.provider();
    /// provider.resource(resource).set_backend_id("cluster-17").await?;
    /// let found = provider.resources().find_by_backend_id("cluster-17").await?;
    /// assert_eq!(found.map(|found| found.uuid), Some(resource));
    /// assert_eq!(provider.resources().find_by_backend_id("another").await?, None);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::is_validation`] if `id` is empty, before anything is sent, or if several resources have the
    /// id; and the errors of [`all`](Self::all).
    pub async fn find_by_backend_id(self, id: &str) -> Result<Option<Resource>, Error> {
        let refused = |problem| Err(Error::new(ErrorKind::Validation, problem).with_operation(LIST));
        if id.is_empty() {
            return refused(
                "backend_id is empty: all resources without a backend id would be found".to_owned(),
            );
        }
        let mut found = self.backend_id(id).all().await?;
        // A server that doesn't know the filter ignores it.
        found.retain(|resource| resource.backend_id == id);
        if found.iter().any(|resource| resource.state != ResourceState::Terminated) {
            found.retain(|resource| resource.state != ResourceState::Terminated);
        }
        match found.len() {
            0 | 1 => Ok(found.pop()),
            count => refused(format!("backend_id: {count} resources have `{id}`")),
        }
    }
}

/// Reads the fields of `R` of a resource.
///
/// # Errors
/// [`Error::is_not_found`] if the resource doesn't exist or is not visible to the caller, and
/// [`Error::is_unexpected_response`] if a required field can't be read.
pub(crate) async fn read<R: Row>(client: &Client, resource: Uuid) -> Result<R, Error> {
    row::retrieve(client.marketplace_provider_resources_retrieve().uuid(resource)).await
}
