//! Resources: what a provider sees of them, and what it tells about them.

mod changes;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use http::Method;
use rust_decimal::Decimal;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value, json};
use uuid::Uuid;
use waldur_api_client::{Nullable, Operation, builder};

use super::Provider;
use crate::confirm::{Confirm, Seen};
use crate::row::{self, Row, Rows, row};
use waldur_api_client::ListExt as _;
use waldur_api_client::types::{
    CheckUniqueBackendIdRequest, ReportSectionRequest, ResourceBackendIdRequest,
    ResourceBackendMetadataRequest, ResourceDownscaledRequest, ResourceEndDateByProviderRequest,
    ResourcePausedRequest, ResourceReportRequest, ResourceRestrictMemberAccessRequest,
    ResourceSetLimitsRequest, ResourceSetStateErredRequest, ResourceState,
};
use waldur_api_client::{Error, ErrorKind};

const LIST: &Operation = builder::MarketplaceProviderResourcesList::OPERATION;
const CHECK_UNIQUE: &Operation = builder::MarketplaceProviderOfferingsCheckUniqueBackendId::OPERATION;
const SET_BACKEND_ID: &Operation = builder::MarketplaceProviderResourcesSetBackendId::OPERATION;
const SUBMIT_REPORT: &Operation = builder::MarketplaceProviderResourcesSubmitReport::OPERATION;

/// The longest backend id that Waldur accepts.
const BACKEND_ID_LENGTH: usize = 255;

row! {
    /// A resource, as its provider sees it.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct Resource {
        /// The resource's uuid.
        pub uuid: Uuid = need "uuid",
        /// Its name.
        pub name: String = or_default "name",
        /// Where it stands; `Other("")` if the server doesn't say.
        pub state: ResourceState = or_unknown "state",
        /// Its id in the provider's back end; empty if it has none yet.
        pub backend_id: String = or_default "backend_id",
        /// Its offering.
        pub offering_uuid: Option<Uuid> = optional "offering_uuid",
        /// The project that has it.
        pub project_uuid: Option<Uuid> = optional "project_uuid",
        /// The name of that project.
        pub project_name: String = or_default "project_name",
        /// The organisation of the project.
        pub customer_uuid: Option<Uuid> = optional "customer_uuid",
        /// Its plan, if it has one.
        pub plan_uuid: Option<Uuid> = optional "plan_uuid",
        /// How much of each component it may use, by the component's type. A limit that isn't a number, or is
        /// too large for a [`Decimal`], is left out with a warning.
        pub limits: BTreeMap<String, Decimal> = or_default "limits",
        /// Whether it is paused.
        pub paused: bool = or_default "paused",
        /// Whether it is downscaled.
        pub downscaled: bool = or_default "downscaled",
        /// Whether its members have no access.
        pub restrict_member_access: bool = or_default "restrict_member_access",
        /// Its last day, if it has one.
        pub end_date: Option<NaiveDate> = optional "end_date",
        /// When it was last seen in the back end; servers before 2025 don't say it.
        pub last_sync: Option<DateTime<Utc>> = optional "last_sync",
        /// What went wrong with it; empty if nothing.
        pub error_message: String = or_default "error_message",
    }
}

row! {
    /// Where a resource can be reached.
    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
    pub struct Endpoint {
        /// What it is, such as `login node`.
        pub name: String = or_default "name",
        /// Its address.
        pub url: String = need "url",
    }
}

row! {
    struct EndpointsRow {
        endpoints: Vec<Endpoint> = or_default "endpoints",
    }
}

row! {
    struct LimitsRow {
        limits: BTreeMap<String, Decimal> = exact "limits",
    }
}

row! {
    struct ReportRow {
        report: Vec<Section> = or_default "report",
    }
}

row! {
    /// A section of the report of a resource.
    #[derive(PartialEq)]
    struct Section {
        header: String = or_default "header",
        body: String = or_default "body",
    }
}

row! {
    struct MetadataRow {
        backend_metadata: Value = or_default "backend_metadata",
    }
}

row! {
    struct EndDateRow {
        end_date: Option<NaiveDate> = optional "end_date",
    }
}

row! {
    /// What it takes to see whether a backend id is free.
    struct BackendIdRow {
        offering_uuid: Uuid = need "offering_uuid",
        backend_id: String = exact "backend_id",
    }
}

/// Filter for listing resources. Matches all of them until narrowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct ResourceFilter {
    states: Vec<ResourceState>,
    offering: Option<Uuid>,
    project: Option<Uuid>,
    customer: Option<Uuid>,
    backend_id: Option<String>,
}

impl ResourceFilter {
    /// All resources.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only resources in `state`. Call again to accept further states.
    pub fn state(mut self, state: ResourceState) -> Self {
        self.states.push(state);
        self
    }

    /// Those of this offering, whichever the [`Provider`] is narrowed to.
    pub fn offering(mut self, offering: Uuid) -> Self {
        self.offering = Some(offering);
        self
    }

    /// Those of this project.
    pub fn project(mut self, project: Uuid) -> Self {
        self.project = Some(project);
        self
    }

    /// Those of this organisation, as a customer.
    pub fn customer(mut self, customer: Uuid) -> Self {
        self.customer = Some(customer);
        self
    }

    /// Those with this id in the back end.
    pub fn backend_id(mut self, id: impl Into<String>) -> Self {
        self.backend_id = Some(id.into());
        self
    }
}

impl Provider {
    /// All resources that the filter lets through, from the provider's view.
    /// (`marketplace_provider_resources_list`)
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sdk::ClientExt as _;
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// use waldur_sdk::types::ResourceState;
    /// use waldur_sdk::{ResourceFilter, Uuid};
    ///
    /// let provider = client.provider();
    /// let live = ResourceFilter::new().state(ResourceState::Ok);
    /// for resource in provider.resources(live.clone()).await? {
    ///     println!("{} {} {:?}", resource.uuid, resource.name, resource.limits);
    ///     for member in provider.team(resource.uuid).await? {
    ///         println!("  {} is {}", member.username, member.role);
    ///     }
    /// }
    ///
    /// // With fields of one's own.
    /// #[derive(serde::Deserialize)]
    /// struct Row {
    ///     uuid: Uuid,
    ///     slug: String,
    /// }
    /// let rows: Vec<Row> = provider.select_resources(live).await?;
    /// let (resource, id) = (rows[0].uuid, rows[0].slug.as_str());
    ///
    /// provider.set_unique_backend_id(resource, id).await?;
    /// assert_eq!(provider.resource_by_backend_id(id).await?.map(|found| found.uuid), Some(resource));
    /// provider.set_limits(resource, [("cpu", 500)]).await?;
    /// provider.submit_report(resource, [("Quota", "500 CPU hours")]).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If they can't be listed.
    pub async fn resources(&self, filter: ResourceFilter) -> Result<Rows<Resource>, Error> {
        self.rows(self.list_of_resources(filter)).await
    }

    /// [`Provider::resources`] with other fields: those of `Row`, see
    /// [`ListExt::select`](crate::ListExt::select).
    ///
    /// # Errors
    /// If they can't be listed, or `Row` has a field that the operation doesn't have.
    pub async fn select_resources<Row: DeserializeOwned + Send + 'static>(
        &self,
        filter: ResourceFilter,
    ) -> Result<Vec<Row>, Error> {
        let list = self.list_of_resources(filter);
        list.select::<Row>().concurrency(self.client.bulk_concurrency()).dedup().all().await
    }

    /// The list of resources that the filter lets through.
    pub(super) fn list_of_resources(
        &self,
        filter: ResourceFilter,
    ) -> builder::MarketplaceProviderResourcesList {
        let mut list = self.client.marketplace_provider_resources_list();
        if !filter.states.is_empty() {
            list = list.state(filter.states);
        }
        if let Some(uuid) = self.provider_uuid {
            list = list.provider_uuid(uuid);
        }
        if let Some(uuid) = filter.offering.or(self.offering_uuid) {
            list = list.offering_uuid([uuid]);
        }
        if let Some(uuid) = filter.project {
            list = list.project_uuid(uuid);
        }
        if let Some(uuid) = filter.customer {
            list = list.customer_uuid(uuid);
        }
        if let Some(id) = filter.backend_id {
            list = list.backend_id(id);
        }
        list
    }

    /// A resource, from the provider's view. (`marketplace_provider_resources_retrieve`)
    ///
    /// # Errors
    /// If there is none, or none that the caller provides.
    pub async fn resource(&self, resource: Uuid) -> Result<Resource, Error> {
        self.retrieve_resource(resource).await
    }

    /// The resource with this id in the back end; none if there is none. Resources that were terminated keep
    /// their id: they are looked at only if no other has it. (`marketplace_provider_resources_list`)
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sdk::ClientExt as _;
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// # let resource = sandbox.ids().resources.ok;
    /// let provider = client.provider();
    /// provider.set_backend_id(resource, "cluster-17").await?;
    /// let found = provider.resource_by_backend_id("cluster-17").await?;
    /// assert_eq!(found.map(|found| found.uuid), Some(resource));
    /// assert_eq!(provider.resource_by_backend_id("another").await?, None);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If several have it, the id is empty, or they can't be listed.
    pub async fn resource_by_backend_id(&self, id: &str) -> Result<Option<Resource>, Error> {
        let refused = |problem| Err(Error::new(ErrorKind::Validation, problem).with_operation(LIST));
        if id.is_empty() {
            return refused(
                "backend_id is empty: all resources that have none yet would be found".to_owned(),
            );
        }
        let mut found = self.resources(ResourceFilter::new().backend_id(id)).await?;
        // A server that doesn't know the filter shows all.
        found.retain(|resource| resource.backend_id == id);
        if found.iter().any(|resource| resource.state != ResourceState::Terminated) {
            found.retain(|resource| resource.state != ResourceState::Terminated);
        }
        match found.len() {
            0 | 1 => Ok(found.pop()),
            count => refused(format!("backend_id: {count} resources have `{id}`")),
        }
    }

    pub(super) async fn retrieve_resource<R: Row>(&self, resource: Uuid) -> Result<R, Error> {
        row::retrieve(self.client.marketplace_provider_resources_retrieve().uuid(resource)).await
    }

    /// Sends a change of a resource, and reads the resource if the answer is lost. `else_shown` says what it
    /// means if that isn't so: servers keep some values as they are, and make others fit.
    async fn change<R: Row, S: Future<Output = Result<(), Error>>>(
        &self,
        resource: Uuid,
        send: impl Fn() -> S,
        is_so: impl Fn(&R) -> bool,
        else_shown: fn(String) -> Seen<()>,
    ) -> Result<(), Error> {
        self.change_by(Confirm::new(&self.client), resource, send, is_so, else_shown).await
    }

    async fn change_by<R: Row, S: Future<Output = Result<(), Error>>>(
        &self,
        confirm: Confirm<'_>,
        resource: Uuid,
        send: impl Fn() -> S,
        is_so: impl Fn(&R) -> bool,
        else_shown: fn(String) -> Seen<()>,
    ) -> Result<(), Error> {
        let look = || async {
            let now = self.retrieve_resource::<R>(resource).await?;
            Ok(match is_so(&now) {
                true => Seen::Applied(()),
                false => else_shown("the resource shows another value".to_owned()),
            })
        };
        let looks_after = |error: &Error| error.is_ambiguous();
        confirm.after(looks_after).send(send, look).await.map(drop)
    }
}

fn taken(backend_id: &str) -> String {
    format!("backend_id: another resource has `{backend_id}`")
}

/// Limits as a server takes them: numbers.
fn numbers(limits: &BTreeMap<String, Decimal>) -> Value {
    let number = |limit: &Decimal| {
        let whole = limit.is_integer().then(|| i64::try_from(*limit).ok()).flatten().map(Value::from);
        let other = || f64::try_from(*limit).ok().and_then(Number::from_f64).map(Value::Number);
        whole.or_else(other).unwrap_or_else(|| Value::from(limit.to_string()))
    };
    Value::Object(limits.iter().map(|(name, limit)| (name.clone(), number(limit))).collect::<Map<_, _>>())
}

/// Whether what was told is there. Servers show some names beside those that were told.
fn holds(there: &Value, told: &Value) -> bool {
    match (there, told) {
        (Value::Object(there), Value::Object(told)) => {
            told.iter().all(|(name, value)| there.get(name) == Some(value))
        }
        _ => there == told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_sent_as_numbers() {
        let limits = [("cpu", "64"), ("ram", "64.00"), ("disk", "1.5")];
        let limits = limits.map(|(name, limit)| (name.to_owned(), limit.parse().unwrap()));
        assert_eq!(numbers(&BTreeMap::from(limits)), json!({ "cpu": 64, "ram": 64, "disk": 1.5 }));
    }
}
