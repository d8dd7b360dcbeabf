//! One resource.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::Value;
use uuid::Uuid;
use waldur_api_client::types::{
    ReportSectionRequest, ResourceEndDateByProviderRequest, ResourceReportRequest,
};
use waldur_api_client::{Client, Error, ErrorKind, Nullable, Operation, builder};

use super::changes::{LimitsRow, change, send_limits, send_metadata};
use super::{Resource, read};
use crate::confirm::{Applied, Confirm, Seen};
use crate::row::{Row, row};

const SUBMIT_REPORT: &Operation = builder::MarketplaceProviderResourcesSubmitReport::OPERATION;

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
    struct EndDateRow {
        end_date: Option<NaiveDate> = optional "end_date",
    }
}

/// A handle of one resource. Nothing is sent until a verb is called.
///
/// If the response to a change is lost, the resource is read before the result is returned. A change that the
/// resource doesn't show is sent again, within the client's retry policy.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sandbox::{Actor, Sandbox};
/// # use waldur_sdk::{Client, ClientExt as _};
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// # let uuid = sandbox.ids().resources.ok;
/// let resource = client.provider().resource(uuid);
/// resource.claim_backend_id("hpc_0017").await?;
/// let limits = resource.set_limits([("cpu", 500)]).await?;
/// resource.submit_report([("Quota", format!("{limits:?}"))]).await?;
/// for member in resource.team().await? {
///     println!("{} is {}", member.username, member.role);
/// }
/// assert_eq!(resource.get().await?.backend_id, "hpc_0017");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ResourceHandle {
    pub(crate) client: Client,
    pub(crate) uuid: Uuid,
}

impl ResourceHandle {
    pub(crate) fn new(client: &Client, uuid: Uuid) -> Self {
        Self { client: client.clone(), uuid }
    }

    /// Returns the resource's uuid.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Gets the resource. (`marketplace_provider_resources_retrieve`)
    ///
    /// # Errors
    /// [`Error::is_not_found`] if the resource doesn't exist or is not visible to the caller.
    pub async fn get(&self) -> Result<Resource, Error> {
        read(&self.client, self.uuid).await
    }

    /// Sets the limits of the resource and returns the limits that apply.
    /// (`marketplace_provider_resources_set_limits`, `marketplace_provider_resources_retrieve`)
    ///
    /// Each limit is named by the component's type and is in the component's unit. All limits are replaced:
    /// one that isn't passed is removed. Newer servers reduce a limit that exceeds the component's maximum,
    /// without an error.
    ///
    /// Requires the permission `RESOURCE.SET_STATE` on the provider's organization.
    ///
    /// # Errors
    /// - [`Error::is_validation`]: the offering has no such component. Older servers accept any.
    /// - [`Error::is_not_found`]: the resource doesn't exist or is not visible to the caller.
    /// - [`Error::is_forbidden`]: the caller lacks the permission.
    /// - [`Error::is_unconfirmed`]: the response was lost, and the resource can't be read.
    pub async fn set_limits<K: Into<String>, L: Into<Decimal>>(
        &self,
        limits: impl IntoIterator<Item = (K, L)>,
    ) -> Result<BTreeMap<String, Decimal>, Error> {
        let limits = limits.into_iter().map(|(type_, limit)| (type_.into(), limit.into())).collect();
        send_limits(&self.client, Confirm::new(&self.client), self.uuid, &limits).await?;
        match read::<LimitsRow>(&self.client, self.uuid).await {
            Ok(now) => Ok(now.limits),
            Err(unread) => Err(unread.with_note("the limits were set, but can't be read")),
        }
    }

    /// Sets the back end's metadata of the resource, which may be any JSON. It replaces the existing
    /// metadata. (`marketplace_provider_resources_set_backend_metadata`)
    ///
    /// Requires the permission `RESOURCE.SET_BACKEND_METADATA` on the provider's organization.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # use waldur_sdk::{Client, ClientExt as _};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// # let uuid = sandbox.ids().resources.ok_second;
    /// use waldur_sdk::NaiveDate;
    ///
    /// let resource = client.provider().resource(uuid);
    /// resource.set_metadata(serde_json::json!({ "runtime_state": "up" })).await?;
    /// resource.touch().await?;
    /// resource.set_end_date(NaiveDate::from_ymd_opt(2031, 5, 6)).await?;
    /// resource.set_end_date(None).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// - [`Error::is_not_found`]: the resource doesn't exist or is not visible to the caller.
    /// - [`Error::is_forbidden`]: the caller lacks the permission.
    /// - [`Error::is_unconfirmed`]: the response was lost, and the resource can't be read.
    pub async fn set_metadata(&self, metadata: impl Into<Value>) -> Result<Applied, Error> {
        send_metadata(&self.client, Confirm::new(&self.client), self.uuid, &metadata.into()).await
    }

    /// Sets the last day of the resource, or removes it with `None`.
    /// (`marketplace_provider_resources_set_end_date_by_provider`)
    ///
    /// Servers accept a day at least a week ahead, and only for a resource without recent costs.
    ///
    /// # Errors
    /// - [`Error::is_validation`]: the server doesn't accept the day.
    /// - Those of [`set_metadata`](Self::set_metadata).
    pub async fn set_end_date(&self, day: Option<NaiveDate>) -> Result<Applied, Error> {
        let body = ResourceEndDateByProviderRequest::builder();
        let body = body.end_date(day.map_or(Nullable::Null, Nullable::Value));
        let call = self.client.marketplace_provider_resources_set_end_date_by_provider().uuid(self.uuid);
        let call = call.body(body);
        let send = || async { call.clone().send().await.map(drop) };
        self.change(send, |now: &EndDateRow| now.end_date == day, Seen::Unchanged).await
    }

    /// Submits a report for the customer, as sections of a header and a body. They replace the existing ones.
    /// (`marketplace_provider_resources_submit_report`)
    ///
    /// Requires the permission `RESOURCE.SUBMIT_REPORT` on the provider's organization.
    ///
    /// # Errors
    /// - [`Error::is_validation`]: there is no section, or one has a blank header or body. Nothing is sent.
    /// - Those of [`set_metadata`](Self::set_metadata).
    pub async fn submit_report<H: Into<String>, B: Into<String>>(
        &self,
        sections: impl IntoIterator<Item = (H, B)>,
    ) -> Result<Applied, Error> {
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
        let call = self.client.marketplace_provider_resources_submit_report().uuid(self.uuid).body(body);
        let send = || async { call.clone().send().await.map(drop) };
        self.change(send, |now: &ReportRow| now.report == wanted, Seen::Differs).await
    }

    /// Sets the resource's last-sync time to the server's current time.
    /// (`marketplace_provider_resources_refresh_last_sync`)
    ///
    /// Requires the permission `RESOURCE.SET_STATE` on the provider's organization.
    ///
    /// # Errors
    /// - [`Error::is_not_found`]: the resource doesn't exist or is not visible to the caller.
    /// - [`Error::is_forbidden`]: the caller lacks the permission.
    /// - [`Error::is_unconfirmed`]: the response was lost. It is safe to call again.
    pub async fn touch(&self) -> Result<Applied, Error> {
        let call = self.client.marketplace_provider_resources_refresh_last_sync().uuid(self.uuid);
        // The time is the server's own, so reading it would not confirm the change.
        match call.send().await {
            Ok(_) => Ok(Applied::Now),
            Err(error) if error.is_ambiguous() => {
                Err(error.unconfirmed(&"the server keeps its own time; it can be sent again"))
            }
            Err(error) => Err(error),
        }
    }

    /// Sends a change, and reads the resource if the response is lost.
    pub(super) async fn change<R: Row, S: Future<Output = Result<(), Error>>>(
        &self,
        send: impl Fn() -> S,
        is_so: impl Fn(&R) -> bool,
        else_shown: fn(String) -> Seen<()>,
    ) -> Result<Applied, Error> {
        change(&self.client, Confirm::new(&self.client), self.uuid, send, is_so, else_shown).await
    }
}
