//! Resources: what a provider sees of them, and what it tells about them.

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
    /// [`Listing::select`](crate::Listing::select).
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

    /// Sets the id that a resource has in the provider's back end; "" takes it away. Setting it again is no
    /// error. (`marketplace_provider_resources_set_backend_id`; a server needs the field, so it is always
    /// sent.)
    ///
    /// # Errors
    /// If the id is longer than 255 characters (before anything is sent), or the caller may not see or change
    /// the resource.
    pub async fn set_backend_id(&self, resource: Uuid, backend_id: impl Into<String>) -> Result<(), Error> {
        let backend_id = backend_id.into();
        let length = backend_id.chars().count();
        if length > BACKEND_ID_LENGTH {
            let problem =
                format!("backend_id has {length} characters; a server takes {BACKEND_ID_LENGTH} at most");
            return Err(Error::new(ErrorKind::Validation, problem).with_operation(SET_BACKEND_ID));
        }
        self.send_backend_id(Confirm::new(&self.client), resource, &backend_id).await
    }

    /// Sets the id as it is, and reads it again if the answer is lost.
    pub(crate) async fn send_backend_id(
        &self,
        confirm: Confirm<'_>,
        resource: Uuid,
        backend_id: &str,
    ) -> Result<(), Error> {
        let body = ResourceBackendIdRequest::builder().backend_id(backend_id);
        let call = self.client.marketplace_provider_resources_set_backend_id().uuid(resource);
        let call = call.body(body);
        let send = || async { call.clone().send().await.map(drop) };
        let is_so = |now: &BackendIdRow| now.backend_id == backend_id.trim();
        self.change_by(confirm, resource, send, is_so, Seen::Unchanged).await
    }

    /// [`Provider::set_backend_id`], but only if no other resource of the offering has that id: it is asked
    /// for first. A resource that has it already is left as it is.
    /// (`marketplace_provider_offerings_check_unique_backend_id`, or `marketplace_provider_resources_list`
    /// where a server doesn't have that; between the question and the answer somebody else may take the id.)
    ///
    /// # Errors
    /// If another resource has the id or the offering doesn't allow it, and those of
    /// [`Provider::set_backend_id`].
    pub async fn set_unique_backend_id(&self, resource: Uuid, backend_id: &str) -> Result<(), Error> {
        let now: BackendIdRow = self.retrieve_resource(resource).await?;
        if now.backend_id == backend_id {
            return Ok(());
        }
        let problems = match self.backend_id_problems(now.offering_uuid, backend_id).await {
            Err(error) if error.is_unsupported() => {
                let filter = ResourceFilter::new().offering(now.offering_uuid).backend_id(backend_id);
                let others = self.resources(filter).await?;
                match others.iter().any(|other| other.backend_id == backend_id && !backend_id.is_empty()) {
                    true => vec![taken(backend_id)],
                    false => Vec::new(),
                }
            }
            problems => problems?,
        };
        if !problems.is_empty() {
            return Err(Error::new(ErrorKind::Validation, problems.join("; ")).with_operation(SET_BACKEND_ID));
        }
        self.set_backend_id(resource, backend_id).await
    }

    /// What a server has against another resource of the offering with this id.
    async fn backend_id_problems(&self, offering: Uuid, backend_id: &str) -> Result<Vec<String>, Error> {
        let body = CheckUniqueBackendIdRequest::builder().backend_id(backend_id);
        let call = self.client.marketplace_provider_offerings_check_unique_backend_id().uuid(offering);
        let answer = call.body(body).send().await?.into_inner().unwrap_or_default();
        let Some(is_unique) = answer.is_unique else {
            let error = Error::new(ErrorKind::UnexpectedResponse, "whether the id is unique is not said");
            return Err(error.with_operation(CHECK_UNIQUE));
        };
        let mut problems = answer.errors;
        if !is_unique {
            problems.insert(0, taken(backend_id));
        }
        Ok(problems)
    }

    /// Shows the customer a report: sections with a header and a body each, in place of those before.
    /// (`marketplace_provider_resources_submit_report`)
    ///
    /// # Errors
    /// If there is no section, or one is without header or body (before anything is sent), or the caller may
    /// not change the resource.
    pub async fn submit_report<H: Into<String>, B: Into<String>>(
        &self,
        resource: Uuid,
        sections: impl IntoIterator<Item = (H, B)>,
    ) -> Result<(), Error> {
        let refused =
            |problem: String| Error::new(ErrorKind::Validation, problem).with_operation(SUBMIT_REPORT);
        let (mut report, mut wanted) = (Vec::new(), Vec::new());
        for (header, body) in sections {
            let (header, body) = (header.into(), body.into());
            if header.trim().is_empty() || body.trim().is_empty() {
                return Err(refused(format!("section {} has no header or no body", report.len() + 1)));
            }
            let section = ReportSectionRequest::builder().header(header.as_str()).body(body.as_str());
            report.push(
                ReportSectionRequest::try_from(section).map_err(|problem| refused(problem.to_string()))?,
            );
            wanted.push(Section { header, body });
        }
        if report.is_empty() {
            return Err(refused("the report has no section".to_owned()));
        }
        let body = ResourceReportRequest::builder().report(report);
        let call = self.client.marketplace_provider_resources_submit_report().uuid(resource);
        let call = call.body(body);
        let send = || async { call.clone().send().await.map(drop) };
        self.change(resource, send, |now: &ReportRow| now.report == wanted, Seen::Differs).await
    }

    /// Sets how much a resource may use of each component, by the component's type, and gives the limits as
    /// they are then; limits that aren't named go. Newer servers narrow what a component doesn't allow, and
    /// say nothing. (`marketplace_provider_resources_set_limits`, and it is read again)
    ///
    /// # Errors
    /// If the caller may not change the resource, or a newer server doesn't know a component.
    pub async fn set_limits<K: Into<String>, L: Into<Decimal>>(
        &self,
        resource: Uuid,
        limits: impl IntoIterator<Item = (K, L)>,
    ) -> Result<BTreeMap<String, Decimal>, Error> {
        let limits = limits.into_iter().map(|(type_, limit)| (type_.into(), limit.into())).collect();
        self.send_limits(Confirm::new(&self.client), resource, &limits).await?;
        match self.retrieve_resource::<LimitsRow>(resource).await {
            Ok(now) => Ok(now.limits),
            Err(unread) => Err(unread.with_note("the limits were set; what they are now can't be read")),
        }
    }

    /// Sets the limits, and reads them again only if the answer is lost.
    pub(crate) async fn send_limits(
        &self,
        confirm: Confirm<'_>,
        resource: Uuid,
        limits: &BTreeMap<String, Decimal>,
    ) -> Result<(), Error> {
        let body = ResourceSetLimitsRequest::builder().limits(numbers(limits));
        let call = self.client.marketplace_provider_resources_set_limits().uuid(resource);
        let call = call.body(body);
        let send = || async { call.clone().send().await.map(drop) };
        let is_so = |now: &LimitsRow| now.limits == *limits;
        self.change_by(confirm, resource, send, is_so, Seen::Differs).await
    }

    /// Keeps what the back end has to say about a resource, as any JSON; it replaces what was there.
    /// (`marketplace_provider_resources_set_backend_metadata`)
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sdk::ClientExt as _;
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// # let resource = sandbox.ids().resources.ok_second;
    /// use waldur_sdk::NaiveDate;
    ///
    /// let provider = client.provider();
    /// provider.set_backend_metadata(resource, serde_json::json!({ "runtime_state": "up" })).await?;
    /// provider.refresh_last_sync(resource).await?;
    /// provider.set_end_date(resource, NaiveDate::from_ymd_opt(2031, 5, 6)).await?;
    /// provider.set_end_date(resource, None).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the caller may not change the resource.
    pub async fn set_backend_metadata(
        &self,
        resource: Uuid,
        metadata: impl Into<Value>,
    ) -> Result<(), Error> {
        let metadata = metadata.into();
        let body = ResourceBackendMetadataRequest::builder().backend_metadata(metadata.clone());
        let call = self.client.marketplace_provider_resources_set_backend_metadata().uuid(resource);
        let call = call.body(body);
        let send = || async { call.clone().send().await.map(drop) };
        self.change(
            resource,
            send,
            |now: &MetadataRow| holds(&now.backend_metadata, &metadata),
            Seen::Differs,
        )
        .await
    }

    /// Sets an erred resource back to OK. (`marketplace_provider_resources_set_as_ok`)
    ///
    /// # Errors
    /// If the caller may not change the resource.
    pub async fn set_resource_ok(&self, resource: Uuid) -> Result<(), Error> {
        let call = self.client.marketplace_provider_resources_set_as_ok().uuid(resource);
        let send = || async { call.clone().send().await.map(drop) };
        self.change(resource, send, |now: &Resource| now.state == ResourceState::Ok, Seen::Unchanged).await
    }

    /// A resource has failed, with a message for the customer and details for the operators.
    /// (`marketplace_provider_resources_set_as_erred`)
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
    /// provider.set_resource_erred(resource, "the file system is full", "quota: 0 bytes left").await?;
    /// assert_eq!(provider.resource(resource).await?.error_message, "the file system is full");
    /// provider.set_resource_ok(resource).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the caller may not change the resource.
    pub async fn set_resource_erred(
        &self,
        resource: Uuid,
        message: &str,
        traceback: &str,
    ) -> Result<(), Error> {
        let body = ResourceSetStateErredRequest::builder().error_message(message).error_traceback(traceback);
        let call = self.client.marketplace_provider_resources_set_as_erred().uuid(resource);
        let call = call.body(body);
        let send = || async { call.clone().send().await.map(drop) };
        // An empty message leaves the one that is there.
        let is_so = |now: &Resource| {
            now.state == ResourceState::Erred && (message.is_empty() || now.error_message == message)
        };
        self.change(resource, send, is_so, Seen::Differs).await
    }

    /// Sets the resource's last-sync time to now. (`marketplace_provider_resources_refresh_last_sync`)
    ///
    /// # Errors
    /// If the caller may not change the resource.
    pub async fn refresh_last_sync(&self, resource: Uuid) -> Result<(), Error> {
        let call = self.client.marketplace_provider_resources_refresh_last_sync().uuid(resource);
        // The time there is the server's: reading it again tells nothing.
        call.send().await.map(drop).map_err(|error| match error.is_ambiguous() {
            true => error.unconfirmed(&"the server keeps its own time; it can be sent again"),
            false => error,
        })
    }

    /// Pauses a resource, or lets it go on. (`marketplace_provider_resources_set_paused`)
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sdk::ClientExt as _;
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Staff)).build()?;
    /// # let resource = sandbox.ids().resources.ok;
    /// let staff = client.provider();
    /// staff.set_paused(resource, true).await?;
    /// staff.set_downscaled(resource, true).await?;
    /// staff.set_restrict_member_access(resource, true).await?;
    /// let now = staff.resource(resource).await?;
    /// assert!(now.paused && now.downscaled && now.restrict_member_access);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the caller is not staff (servers forbid it to the provider), or there is no such resource.
    pub async fn set_paused(&self, resource: Uuid, paused: bool) -> Result<(), Error> {
        let body = ResourcePausedRequest::builder().paused(paused);
        let call = self.client.marketplace_provider_resources_set_paused().uuid(resource);
        let call = call.body(body);
        let send = || async { call.clone().send().await.map(drop) };
        self.change(resource, send, |now: &Resource| now.paused == paused, Seen::Unchanged).await
    }

    /// Downscales a resource, or gives it back what it had. (`marketplace_provider_resources_set_downscaled`)
    ///
    /// # Errors
    /// If the caller is not staff (servers forbid it to the provider), or there is no such resource.
    pub async fn set_downscaled(&self, resource: Uuid, downscaled: bool) -> Result<(), Error> {
        let body = ResourceDownscaledRequest::builder().downscaled(downscaled);
        let call = self.client.marketplace_provider_resources_set_downscaled().uuid(resource);
        let call = call.body(body);
        let send = || async { call.clone().send().await.map(drop) };
        self.change(resource, send, |now: &Resource| now.downscaled == downscaled, Seen::Unchanged).await
    }

    /// Blocks or allows members' access to a resource.
    /// (`marketplace_provider_resources_set_restrict_member_access`)
    ///
    /// # Errors
    /// If the caller is not staff (servers forbid it to the provider), or there is no such resource.
    pub async fn set_restrict_member_access(&self, resource: Uuid, restrict: bool) -> Result<(), Error> {
        let body = ResourceRestrictMemberAccessRequest::builder().restrict_member_access(restrict);
        let call = self.client.marketplace_provider_resources_set_restrict_member_access().uuid(resource);
        let call = call.body(body);
        let send = || async { call.clone().send().await.map(drop) };
        self.change(resource, send, |now: &Resource| now.restrict_member_access == restrict, Seen::Unchanged)
            .await
    }

    /// Sets the last day of a resource, or takes it away. A server takes a day that is a week ahead or more,
    /// of a resource that cost nothing lately. (`marketplace_provider_resources_set_end_date_by_provider`)
    ///
    /// # Errors
    /// If the caller may not change the resource, or the server doesn't take the day.
    pub async fn set_end_date(&self, resource: Uuid, day: Option<NaiveDate>) -> Result<(), Error> {
        let body = ResourceEndDateByProviderRequest::builder();
        let body = body.end_date(day.map_or(Nullable::Null, Nullable::Value));
        let call = self.client.marketplace_provider_resources_set_end_date_by_provider().uuid(resource);
        let call = call.body(body);
        let send = || async { call.clone().send().await.map(drop) };
        self.change(resource, send, |now: &EndDateRow| now.end_date == day, Seen::Unchanged).await
    }

    /// Where a resource can be reached. (`marketplace_provider_resources_retrieve`)
    ///
    /// # Errors
    /// If there is none, or none that the caller provides.
    pub async fn endpoints(&self, resource: Uuid) -> Result<Vec<Endpoint>, Error> {
        Ok(self.retrieve_resource::<EndpointsRow>(resource).await?.endpoints)
    }

    /// Says where a resource can be reached, with names and addresses, in place of what was said before.
    /// Servers have this since 8.0.9: it is a request of its own, not one of the pinned schema's.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sdk::ClientExt as _;
    /// # use waldur_sandbox::{Actor, Release, Sandbox};
    /// # let sandbox = Sandbox::builder().release(Release::Newer).start().await?;
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// # let resource = sandbox.ids().resources.ok;
    /// let provider = client.provider();
    /// provider.set_endpoints(resource, [("login node", "ssh://login.polar.example.org")]).await?;
    /// for endpoint in provider.endpoints(resource).await? {
    ///     println!("{}: {}", endpoint.name, endpoint.url);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If a name or address is empty (before anything is sent), the caller may not change the resource, or
    /// the server is older than that ([`Error::is_unsupported`]).
    pub async fn set_endpoints<N: Into<String>, A: Into<String>>(
        &self,
        resource: Uuid,
        endpoints: impl IntoIterator<Item = (N, A)>,
    ) -> Result<(), Error> {
        let endpoints =
            endpoints.into_iter().map(|(name, url)| Endpoint { name: name.into(), url: url.into() });
        let mut endpoints: Vec<Endpoint> = endpoints.collect();
        if let Some(at) = endpoints.iter().position(|one| one.name.is_empty() || one.url.is_empty()) {
            let problem = format!("endpoint {} has no name or no url", at + 1);
            return Err(Error::new(ErrorKind::Validation, problem));
        }
        let path = format!("/api/marketplace-provider-resources/{}/set_endpoints/", resource.simple());
        let body = json!({ "endpoints": endpoints });
        endpoints.sort();
        let send = || async { self.client.request(Method::POST, &path).json(&body).send().await.map(drop) };
        let is_so = |now: &EndpointsRow| {
            let mut there = now.endpoints.clone();
            there.sort();
            there == endpoints
        };
        self.change(resource, send, is_so, Seen::Differs).await
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
