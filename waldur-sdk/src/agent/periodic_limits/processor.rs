//! Settings for a period, as their events arrive.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream::{Stream, StreamExt as _};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::sleep_until;
use uuid::Uuid;
use waldur_api_client::types::SlurmCommandResultRequest;
use waldur_api_client::{Client, Error};

use super::backend::{AppliedLimits, PeriodicLimits, PeriodicSettings};
use super::report::{PeriodicLimitsResult, ProcessedPeriodicLimits};
use super::waiting::{Waiting, WaitingList};
use crate::agent::backend::{BackendError, BackendErrorKind};
use crate::agent::ledger::Backoff;
use crate::agent::stop::StopHandle;
use crate::backend_id::{BackendId, NoBackendId};
use crate::bulk::Item;
use crate::confirm::{Confirm, Seen};
use crate::events::{Delivery, Event, EventAction, EventKind, Notification, ResourcePeriodicLimitsEvent};
use crate::pause::{check_again, later};

/// Applies the limits for a period that the policies of some offerings compute: has a [`PeriodicLimits`] back
/// end apply them, and reports the outcome to Waldur.
///
/// Servers send the settings by an event, and have no operation to read them. So an event is acknowledged
/// only when its settings were applied and reported, or newer ones of the resource have arrived. What isn't
/// acknowledged when the process ends is delivered to the next one.
///
/// After a transient failure of the back end, or any failure of the server, the settings are tried again
/// after a pause, which doubles with each failure. Settings that were applied are not applied again because
/// their report failed, and older ones that are delivered again are passed over. The event of settings that
/// wait for more than twenty minutes is given back to the broker meanwhile, which ends a session that holds
/// one for longer; when it comes again, it doesn't shorten the pause.
///
/// Settings are applied one after the other. Each takes a request.
///
/// ```no_run
/// # async fn run(client: waldur_sdk::Client, offering: waldur_sdk::Uuid) -> Result<(), waldur_sdk::Error> {
/// use waldur_sdk::agent::{
///     AppliedLimits, BackendError, PeriodicLimits, PeriodicLimitsProcessor, PeriodicSettings,
///     shutdown_signal,
/// };
/// use waldur_sdk::events::EventKind;
/// use waldur_sdk::{BackendId, ClientExt as _};
///
/// struct Slurm;
///
/// impl PeriodicLimits for Slurm {
///     async fn apply(
///         &self,
///         settings: &PeriodicSettings,
///         id: &BackendId,
///     ) -> Result<AppliedLimits, BackendError> {
///         let mut applied = AppliedLimits::new();
///         for (kind, minutes) in settings.minutes().unwrap_or_default() {
///             let command = format!("sacctmgr -i modify account {id} set GrpTRESMins={kind}={minutes}");
///             // … run it …
///             applied = applied.command(command);
///         }
///         Ok(applied)
///     }
/// }
///
/// let events = client.events().offering(offering).kinds([EventKind::ResourcePeriodicLimits]).subscribe()?;
/// let processor = PeriodicLimitsProcessor::new(&client, [offering], Slurm);
/// processor.run_on_events(events, shutdown_signal(), |item| println!("{item}")).await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct PeriodicLimitsProcessor<B> {
    client: Client,
    offerings: HashSet<Uuid>,
    backend: B,
    backoff: Backoff,
    /// What was applied last, by the resource. It is locked while settings are applied.
    applied: Mutex<HashMap<Uuid, Done>>,
    stop: StopHandle,
}

/// Settings that the back end has applied, or refused for good.
#[derive(Clone, Debug)]
struct Done {
    event: ResourcePeriodicLimitsEvent,
    outcome: Result<AppliedLimits, BackendError>,
}

impl<B: PeriodicLimits> PeriodicLimitsProcessor<B> {
    /// Returns a processor for the resources of these offerings.
    pub fn new(client: &Client, offerings: impl IntoIterator<Item = Uuid>, backend: B) -> Self {
        Self {
            client: client.clone(),
            offerings: offerings.into_iter().collect(),
            backend,
            backoff: Backoff { first: Duration::from_secs(10), longest: Duration::from_secs(300) },
            applied: Mutex::default(),
            stop: StopHandle::new(),
        }
    }

    /// Sets the pause after the first failure of settings, and the longest one. The defaults are 10 s and
    /// 5 min. A pause is longer if the server asks for that.
    #[must_use]
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.backoff = Backoff { first, longest };
        self
    }

    /// Returns the back end.
    pub fn backend(&self) -> &B {
        &self.backend
    }

    /// Returns a handle that stops this processor.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// Returns the kinds of events to subscribe to for [`run_on_events`](Self::run_on_events).
    #[must_use]
    pub fn event_kinds(&self) -> Vec<EventKind> {
        vec![EventKind::ResourcePeriodicLimits]
    }

    /// Applies settings as their events arrive, until `until` ends (such as
    /// [`shutdown_signal`](crate::agent::shutdown_signal)), the processor is stopped or the stream ends.
    /// Settings in progress are finished first. Calls `each` after each. Other events are acknowledged and
    /// passed over.
    pub async fn run_on_events(
        &self,
        events: impl Stream<Item = Notification>,
        until: impl Future,
        each: impl FnMut(Item<ProcessedPeriodicLimits>),
    ) {
        self.run_observed(events, until, || {}, each).await;
    }

    /// Does what [`run_on_events`](Self::run_on_events) does. Calls `begin` before settings are applied.
    pub(in crate::agent) async fn run_observed(
        &self,
        events: impl Stream<Item = Notification>,
        until: impl Future,
        mut begin: impl FnMut(),
        mut each: impl FnMut(Item<ProcessedPeriodicLimits>),
    ) {
        let (mut events, until, stopped) = (pin!(events.fuse()), pin!(until), pin!(self.stop.stopped()));
        let mut until = select(until, stopped);
        let mut waiting = WaitingList::default();
        while !self.stop.is_stopped() {
            let due = waiting.due();
            let timer = pin!(async {
                match due {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            });
            match select(&mut until, select(events.next(), timer)).await {
                Either::Left(_) => return,
                Either::Right((Either::Left((Some(Notification::Event(delivery)), _)), _)) => {
                    self.note(&mut waiting, delivery);
                }
                // What was lost with the connection can't be read.
                Either::Right((Either::Left((Some(Notification::Reconcile { .. }), _)), _)) => {}
                Either::Right((Either::Left((None, _)), _)) => return,
                Either::Right((Either::Right(_), _)) => {}
            }
            let Some(mut next) = waiting.take() else { continue };
            begin();
            let item = self.process(&next).await;
            match item.target.result {
                PeriodicLimitsResult::Failed { again_in } | PeriodicLimitsResult::InBackend { again_in } => {
                    next.failures = match item.outcome.error() {
                        Some(_) => next.failures.saturating_add(1),
                        None => 0,
                    };
                    next.at = later(again_in);
                    waiting.insert(next);
                }
                _ => next.ack(),
            }
            tracing::debug!(target = %item.target, result = %item.target.result, "limits were applied");
            each(item);
        }
    }

    /// Notes the settings of an event. Events of other kinds and offerings are acknowledged.
    fn note(&self, waiting: &mut WaitingList, delivery: Delivery) {
        let is_own = self.offerings.contains(&delivery.offering());
        match delivery.event() {
            Event::ResourcePeriodicLimits(event) if is_own && is_to_apply(event) => {
                let event = event.clone();
                waiting.arrived(Waiting::new(event, delivery));
            }
            _ => drop(delivery.ack()),
        }
    }

    async fn process(&self, one: &Waiting) -> Item<ProcessedPeriodicLimits> {
        let event = &one.event;
        let settings = settings_of(event, one.offering);
        let pause = |error: &Error| {
            let pause = self.backoff.pause(one.failures.saturating_add(1));
            pause.max(error.retry_after().unwrap_or_default())
        };
        let mut applied = self.applied.lock().await;
        let last = applied.get(&event.resource_uuid);
        // The times are local, so they are compared only where an older one is likely.
        let is_newer = |last: &Done| last.event.timestamp > event.timestamp;
        if one.is_redelivered && last.is_some_and(is_newer) {
            return ProcessedPeriodicLimits { settings, result: PeriodicLimitsResult::Outdated }
                .into_item(None);
        }
        let outcome = match last.filter(|last| last.event == *event) {
            Some(last) => last.outcome.clone(),
            None => match self.apply(event, &settings).await {
                Err(error) if error.is_transient() => {
                    let error = error.into_error();
                    let result = PeriodicLimitsResult::Failed { again_in: pause(&error) };
                    return ProcessedPeriodicLimits { settings, result }.into_item(Some(error));
                }
                outcome => {
                    if let Err(error) = &outcome
                        && let BackendErrorKind::InProgress { check_again_in, .. } = error.kind()
                    {
                        let result =
                            PeriodicLimitsResult::InBackend { again_in: check_again(*check_again_in) };
                        return ProcessedPeriodicLimits { settings, result }.into_item(None);
                    }
                    let done = Done { event: event.clone(), outcome: outcome.clone() };
                    applied.insert(event.resource_uuid, done);
                    outcome
                }
            },
        };
        let (result, error) = match (self.report(&settings, &outcome).await, outcome) {
            (Err(error), _) if error.is_refusal() => (PeriodicLimitsResult::Refused, Some(error)),
            (Err(error), _) => (PeriodicLimitsResult::Failed { again_in: pause(&error) }, Some(error)),
            (Ok(reported), Ok(AppliedLimits { commands })) => {
                (PeriodicLimitsResult::Applied { commands, reported }, None)
            }
            (Ok(_), Err(error)) => {
                (PeriodicLimitsResult::Erred { message: error.to_string() }, Some(error.into_error()))
            }
        };
        ProcessedPeriodicLimits { settings, result }.into_item(error)
    }

    async fn apply(
        &self,
        event: &ResourcePeriodicLimitsEvent,
        settings: &PeriodicSettings,
    ) -> Result<AppliedLimits, BackendError> {
        match BackendId::new(event.backend_id.as_deref().unwrap_or_default()) {
            Ok(id) => self.backend.apply(settings, &id).await,
            Err(_) => Err(BackendError::permanent(NoBackendId { resource: event.resource_uuid })),
        }
    }

    /// Reports the result of the settings. Returns whether the server has an operation for that.
    /// (`marketplace_slurm_periodic_usage_policies_report_command_result`)
    async fn report(
        &self,
        settings: &PeriodicSettings,
        outcome: &Result<AppliedLimits, BackendError>,
    ) -> Result<bool, Error> {
        let Some(policy) = settings.policy_uuid else { return Ok(false) };
        let body = SlurmCommandResultRequest::builder().resource_uuid(settings.resource_uuid);
        let body = match outcome {
            Ok(applied) => body.success(true).commands_executed(applied.commands.clone()),
            Err(error) => body.success(false).error_message(error.to_string()),
        };
        let call = self.client.marketplace_slurm_periodic_usage_policies_report_command_result();
        let call = call.uuid(policy).body(body);
        let send = || async { call.clone().send().await.map(drop) };
        // It replaces the last report, so it is safe to send again.
        let look = || async { Ok(Seen::Differs("the report can't be read".to_owned())) };
        match Confirm::new(&self.client).after(Error::is_ambiguous).send(send, look).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_unsupported() => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn is_to_apply(event: &ResourcePeriodicLimitsEvent) -> bool {
    event.action.as_ref().is_none_or(|action| *action == EventAction::ApplyPeriodicSettings)
}

fn settings_of(event: &ResourcePeriodicLimitsEvent, offering: Uuid) -> PeriodicSettings {
    let values = match &event.settings {
        Some(Value::Object(values)) => values.clone(),
        _ => serde_json::Map::new(),
    };
    PeriodicSettings {
        resource_uuid: event.resource_uuid,
        offering_uuid: offering,
        policy_uuid: event.policy_uuid,
        values,
    }
}
