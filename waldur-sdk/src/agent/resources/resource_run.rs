//! The steps of one resource.
//!
//! What differs is found out by a look at both sides, and every change in Waldur is read again if its answer
//! is lost. So a run can be interrupted anywhere, and the next one goes on.

use std::time::Duration;

use chrono::Utc;
use serde_json::Value;
use waldur_api_client::types::ResourceState;
use waldur_api_client::{Client, Error};

use super::adjusted::Adjusted;
use super::backend::{PulledResource, ResourceBackend};
use super::report::{ResourceResult, ResourceStep};
use super::resource::{AgentResource, LimitsSource, ResourceMode, ResourceRow};
use super::user_limits::UserLimits;
use crate::agent::backend::{BackendError, BackendErrorKind};
use crate::agent::task::Limits;
use crate::backend_id::BackendId;
use crate::confirm::{Applied, Confirm};
use crate::resources::{
    self, holds, send_erred, send_last_sync, send_limits, send_metadata, send_ok, shows_erred,
};

/// How a processor treats its resources.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) limits_source: LimitsSource,
    /// The age at which the last-sync time is refreshed.
    pub(super) sync_every: Duration,
}

/// The result of a run, if no step failed that may succeed later.
pub(super) enum Ended {
    Result(ResourceResult),
    /// The back end failed permanently, and the resource is marked so.
    Erred(Error),
}

/// A change that the back end has to make.
#[derive(Clone, Debug, PartialEq)]
enum Change {
    Mode(ResourceMode),
    Members(bool),
    Limits,
    EndDate,
}

impl Change {
    fn step(&self) -> ResourceStep {
        match self {
            Self::Mode(ResourceMode::Paused) => ResourceStep::Paused,
            Self::Mode(ResourceMode::Downscaled) => ResourceStep::Downscaled,
            Self::Mode(ResourceMode::Normal) => ResourceStep::Restored,
            Self::Members(_) => ResourceStep::MembersRestricted,
            Self::Limits => ResourceStep::LimitsSet,
            Self::EndDate => ResourceStep::EndDateSet,
        }
    }
}

/// Returns what the back end has to change to be as Waldur wants it.
fn changes(wanted: &AgentResource, pulled: &PulledResource, source: LimitsSource) -> Vec<Change> {
    let mut changes = Vec::new();
    if let (Some(limits), LimitsSource::Waldur) = (&pulled.limits, source)
        && wanted.limits.iter().any(|(component, limit)| limits.get(component) != Some(limit))
    {
        changes.push(Change::Limits);
    }
    if let (Some(mode), Some(there)) = (wanted.mode, pulled.mode)
        && mode != there
    {
        changes.push(Change::Mode(mode));
    }
    if let (Some(restricted), Some(there)) = (wanted.members_restricted, pulled.members_restricted)
        && restricted != there
    {
        changes.push(Change::Members(restricted));
    }
    if pulled.end_date.is_some_and(|there| there != wanted.end_date) && !wanted.is_end_unknown {
        changes.push(Change::EndDate);
    }
    changes
}

/// Returns the limits that Waldur is to have where the back end's apply; none if it has them. Components that
/// the back end doesn't say keep their limit.
fn limits_for_waldur(resource: &AgentResource, pulled: &PulledResource) -> Option<Limits> {
    let mut limits = resource.limits.clone();
    limits.extend(pulled.limits.clone()?);
    (limits != resource.limits).then_some(limits)
}

/// Keeps one resource as Waldur wants it.
#[derive(Debug)]
pub(super) struct ResourceRun<'a, B> {
    client: &'a Client,
    backend: &'a B,
    confirm: Confirm<'a>,
    rules: Rules,
    adjusted: &'a Adjusted,
    user_limits: &'a UserLimits,
    id: &'a BackendId,
    /// The steps that were done.
    pub(super) done: Vec<ResourceStep>,
    /// The steps that the server doesn't support.
    pub(super) unsupported: Vec<ResourceStep>,
}

impl<'a, B: ResourceBackend> ResourceRun<'a, B> {
    pub(super) fn new(
        client: &'a Client,
        backend: &'a B,
        confirm: Confirm<'a>,
        rules: Rules,
        adjusted: &'a Adjusted,
        user_limits: &'a UserLimits,
        id: &'a BackendId,
    ) -> Self {
        let (done, unsupported) = (Vec::new(), Vec::new());
        Self { client, backend, confirm, rules, adjusted, user_limits, id, done, unsupported }
    }

    /// Does all that has to be done for the resource, as it was listed.
    pub(super) async fn process(&mut self, listed: &AgentResource) -> Result<Ended, Error> {
        let mut pulled = match self.backend.pull(listed, self.id).await {
            Ok(pulled) => pulled,
            Err(error) => return self.failed(listed, error).await,
        };
        let mut resource = listed.clone();
        if self.needs_look(&resource, &pulled) {
            // The list may be old, and an order may have changed the resource since.
            match self.read(&resource).await? {
                Look::Same(now) => {
                    if !now.wants_as(&resource) {
                        pulled = match self.backend.pull(&now, self.id).await {
                            Ok(pulled) => pulled,
                            Err(error) => return self.failed(&now, error).await,
                        };
                    }
                    resource = *now;
                }
                Look::Other(state) => return superseded(state),
            }
            let changes = changes(&resource, &pulled, self.rules.limits_source);
            for change in &changes {
                if let Err(error) = self.make(&resource, change).await {
                    return self.failed(&resource, error).await;
                }
                self.done.push(change.step());
            }
            if !changes.is_empty() {
                // What the back end says of itself may have changed with it.
                pulled = match self.backend.pull(&resource, self.id).await {
                    Ok(pulled) => pulled,
                    Err(error) => return self.failed(&resource, error).await,
                };
            }
        }
        if let Some(ended) = self.set_user_limits(&resource, &pulled).await? {
            return Ok(ended);
        }
        self.tell_waldur(&resource, &pulled).await
    }

    /// Returns whether something follows from what may have changed since the resource was listed.
    fn needs_look(&self, resource: &AgentResource, pulled: &PulledResource) -> bool {
        !changes(resource, pulled, self.rules.limits_source).is_empty()
            || self.limits_to_report(resource, pulled).is_some()
    }

    /// Returns the limits that have to be set in Waldur, if any.
    fn limits_to_report(&self, resource: &AgentResource, pulled: &PulledResource) -> Option<Limits> {
        let limits = match self.rules.limits_source {
            LimitsSource::Waldur => return None,
            LimitsSource::Backend => limits_for_waldur(resource, pulled)?,
        };
        (!self.adjusted.is_known(resource.uuid, &limits, &resource.limits)).then_some(limits)
    }

    async fn make(&self, resource: &AgentResource, change: &Change) -> Result<(), BackendError> {
        match change {
            Change::Mode(ResourceMode::Paused) => self.backend.pause(resource, self.id).await,
            Change::Mode(ResourceMode::Downscaled) => self.backend.downscale(resource, self.id).await,
            Change::Mode(ResourceMode::Normal) => self.backend.restore(resource, self.id).await,
            Change::Members(restricted) => {
                self.backend.restrict_members(resource, self.id, *restricted).await
            }
            Change::Limits => self.backend.set_limits(resource, self.id).await,
            Change::EndDate => self.backend.set_end_date(resource, self.id).await,
        }
    }

    /// Sets the limits of users that differ, unless the back end doesn't say them or the members have no
    /// access. Returns how the run has ended, if it has.
    ///
    /// # Errors
    /// If the limits or the resource can't be read, or the back end failed transiently.
    async fn set_user_limits(
        &mut self,
        resource: &AgentResource,
        pulled: &PulledResource,
    ) -> Result<Option<Ended>, Error> {
        let Some(there) = &pulled.user_limits else { return Ok(None) };
        if resource.members_restricted == Some(true)
            || self.user_limits.of(resource.uuid, self.confirm).await?.differing(there).is_empty()
        {
            return Ok(None);
        }
        // The list is as old as the round, and a row may have slipped from page to page. The resource may
        // have changed, too.
        let now = match self.read(resource).await? {
            Look::Same(now) if now.members_restricted == Some(true) => return Ok(None),
            Look::Same(now) => now,
            Look::Other(state) => return superseded(state).map(Some),
        };
        let again = UserLimits::new(self.client, now.offering_uuid, Some(now.uuid));
        for (name, limits) in again.of(now.uuid, self.confirm).await?.differing(there) {
            if let Err(error) = self.backend.set_user_limits(&now, self.id, &name, &limits).await {
                return self.failed(&now, error).await.map(Some);
            }
            if !self.done.contains(&ResourceStep::UserLimitsSet) {
                self.done.push(ResourceStep::UserLimitsSet);
            }
        }
        Ok(None)
    }

    /// Records in Waldur how the resource is in the back end.
    async fn tell_waldur(
        &mut self,
        resource: &AgentResource,
        pulled: &PulledResource,
    ) -> Result<Ended, Error> {
        let (client, confirm, uuid) = (self.client, self.confirm, resource.uuid);
        if let Some(metadata) = pulled.metadata.clone().map(Value::Object)
            && !holds(&resource.backend_metadata, &metadata)
        {
            let sent = send_metadata(client, confirm, uuid, &metadata).await;
            self.note(ResourceStep::MetadataReported, sent)?;
        }
        if let Some(limits) = self.limits_to_report(resource, pulled) {
            let sent = send_limits(client, confirm, uuid, &limits).await;
            let is_sent = sent.is_ok();
            self.note(ResourceStep::LimitsReported, sent)?;
            // If it can't be read, the limits are sent once more in the next round.
            if is_sent && let Ok(Look::Same(now)) = self.read(resource).await {
                self.adjusted.note(uuid, limits, now.limits);
            }
        }
        if resource.state == ResourceState::Erred {
            // Servers set a resource OK in any state, also while an order is terminating it.
            match self.read(resource).await? {
                Look::Same(now) if now.state == ResourceState::Erred => {
                    let sent = send_ok(client, confirm, uuid).await;
                    self.note(ResourceStep::MarkedOk, sent)?;
                }
                Look::Same(_) => {}
                Look::Other(state) => return superseded(state),
            }
        }
        if self.is_sync_old(resource) {
            match send_last_sync(client, confirm, uuid).await {
                Err(error) if error.is_unsupported() => self.unsupported.push(ResourceStep::LastSync),
                result => drop(result?),
            }
        }
        Ok(Ended::Result(ResourceResult::InSync))
    }

    /// Returns whether the last-sync time has to be refreshed. A server that doesn't send it has no way to
    /// set it either.
    fn is_sync_old(&self, resource: &AgentResource) -> bool {
        let now = self.client.server_now().unwrap_or_else(Utc::now);
        resource.last_sync.is_some_and(|last| {
            now.signed_duration_since(last).to_std().is_ok_and(|age| age >= self.rules.sync_every)
        })
    }

    /// Notes the result of a step in Waldur. A server without the operation is no failure.
    fn note(&mut self, step: ResourceStep, sent: Result<Applied, Error>) -> Result<(), Error> {
        match sent {
            Ok(Applied::Now) => self.done.push(step),
            Ok(Applied::Already) => {}
            Err(error) if error.is_unsupported() => self.unsupported.push(step),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Marks the resource as erred if the failure is permanent.
    async fn failed(&mut self, resource: &AgentResource, error: BackendError) -> Result<Ended, Error> {
        match error.kind() {
            BackendErrorKind::Permanent => {}
            BackendErrorKind::Transient => return Err(error.into_error()),
            BackendErrorKind::InProgress { check_again_in, .. } => {
                return Ok(Ended::Result(ResourceResult::InBackend { again_in: *check_again_in }));
            }
        }
        let message = error.to_string();
        let is_told = |row: &AgentResource| shows_erred(&row.state, &row.error_message, &message);
        if !is_told(resource) {
            // Servers mark a resource as erred in any state, also while an order is changing it.
            let unsaid = |unsent: Error| unsent.with_note(format!("it can't be marked as erred: {message}"));
            match self.read(resource).await.map_err(unsaid)? {
                Look::Same(now) if is_told(&now) => {}
                Look::Same(_) => {
                    let traceback = error.traceback();
                    let sent =
                        send_erred(self.client, self.confirm, resource.uuid, &message, &traceback).await;
                    self.note(ResourceStep::MarkedErred, sent).map_err(unsaid)?;
                }
                Look::Other(state) => return superseded(state),
            }
        }
        Ok(Ended::Erred(error.into_error()))
    }

    async fn read(&self, resource: &AgentResource) -> Result<Look, Error> {
        let read = || resources::read::<ResourceRow>(self.client, resource.uuid);
        let now = AgentResource::from(self.confirm.read(read).await?);
        // With another id in the back end, nothing of what was pulled holds.
        let is_same = now.backend_id == resource.backend_id;
        Ok(match now.state {
            ResourceState::Ok | ResourceState::Erred if is_same => Look::Same(Box::new(now)),
            state => Look::Other(state),
        })
    }
}

/// What a resource shows when it is read again.
enum Look {
    Same(Box<AgentResource>),
    /// It is in this state, in which it is left alone, or has another id in the back end.
    Other(ResourceState),
}

fn superseded(state: ResourceState) -> Result<Ended, Error> {
    Ok(Ended::Result(ResourceResult::Superseded { state }))
}

impl AgentResource {
    /// Returns whether Waldur wants the same as it did then.
    fn wants_as(&self, then: &Self) -> bool {
        let wants = |row: &Self| (row.mode, row.members_restricted, row.end_date);
        wants(self) == wants(then) && self.limits == then.limits
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::row;

    fn limits<const N: usize>(limits: [(&str, i64); N]) -> Limits {
        limits.into_iter().map(|(component, limit)| (component.to_owned(), limit.into())).collect()
    }

    fn resource(limits: Value) -> AgentResource {
        let row: ResourceRow = row::of_json(&json!({
            "uuid": Uuid::from_u128(1), "state": "OK", "backend_id": "hpc_1",
            "offering_uuid": Uuid::from_u128(2), "limits": limits, "paused": false, "downscaled": true,
            "end_date": "2031-05-06", "project_end_date": null,
        }))
        .unwrap();
        row.into()
    }

    #[test]
    fn nothing_is_changed_that_the_back_end_or_waldur_does_not_say() {
        let of_waldur =
            |pulled: PulledResource| changes(&resource(json!({ "cpu": 8 })), &pulled, LimitsSource::Waldur);
        assert!(of_waldur(PulledResource::new()).is_empty());
        // Waldur doesn't say whether the members have access.
        assert!(of_waldur(PulledResource::new().members_restricted(true)).is_empty());
        let day = "2031-05-06".parse().ok();
        let same = PulledResource::new().mode(ResourceMode::Downscaled).end_date(day);
        assert!(of_waldur(same.limits(limits([("cpu", 8), ("gpu", 1)]))).is_empty());
        let other = PulledResource::new().mode(ResourceMode::Normal).end_date(None);
        let expected = [Change::Limits, Change::Mode(ResourceMode::Downscaled), Change::EndDate];
        assert_eq!(of_waldur(other.limits(limits([("gpu", 1)]))), expected);
    }

    #[test]
    fn limits_of_the_back_end_replace_only_those_that_it_says() {
        let row = resource(json!({ "cpu": 8, "ram": 2 }));
        let told = |there: Limits| limits_for_waldur(&row, &PulledResource::new().limits(there));
        assert_eq!(told(limits([("cpu", 8)])), None);
        assert_eq!(told(limits([("cpu", 9)])), Some(limits([("cpu", 9), ("ram", 2)])));
        assert_eq!(limits_for_waldur(&row, &PulledResource::new()), None);
        let pulled = PulledResource::new().limits(limits([("cpu", 9)]));
        assert!(changes(&row, &pulled, LimitsSource::Backend).is_empty());
    }
}
