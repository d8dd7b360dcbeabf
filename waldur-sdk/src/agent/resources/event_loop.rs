//! Resources by events: what an event is about is processed soon, and rounds fill the gaps.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream::{self, Stream, StreamExt as _};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;
use waldur_api_client::{Operation, builder};

use super::backend::ResourceBackend;
use super::processor::ResourcesProcessor;
use super::report::{ProcessedResource, ResourceResult};
use super::resource::{AgentResource, mode_of};
use crate::bulk::Report;
use crate::events::{Event, EventKind, Notification, ResourceEvent};
use crate::pause::{check_again, later};
use crate::row::UnreadableRow;

const RETRIEVE: &Operation = builder::MarketplaceProviderResourcesRetrieve::OPERATION;

/// How long an event waits. A burst of events for a resource is one, and the change can be read by then.
const SETTLE: Duration = Duration::from_millis(500);
/// How often a resource is processed again because it doesn't show what its event says.
const LOOKS: u32 = 3;
/// The pause before the first of these. Each further one is twice as long.
const LOOK: Duration = Duration::from_secs(1);

/// What has to be processed, and when.
#[derive(Debug, Default)]
struct Agenda {
    resources: BTreeMap<Uuid, Instant>,
    /// What the last event of a resource says, and how often it was looked for without success.
    told: BTreeMap<Uuid, (ResourceEvent, u32)>,
    /// When a round is due.
    round: Option<Instant>,
}

/// Something that is due.
enum Work {
    Round,
    Resources(Vec<Uuid>),
}

impl Agenda {
    fn plan(&mut self, resource: Uuid, pause: Duration) {
        let at = later(pause);
        let planned = self.resources.entry(resource).or_insert(at);
        *planned = at.min(*planned);
    }

    fn plan_round(&mut self, pause: Duration) {
        let at = later(pause);
        self.round = Some(self.round.map_or(at, |planned| planned.min(at)));
    }

    /// Returns when something is due.
    fn next(&self) -> Option<Instant> {
        self.resources.values().copied().chain(self.round).min()
    }

    /// Takes what is due: a round, or else all resources at once.
    fn take(&mut self) -> Option<Work> {
        let now = Instant::now();
        if self.round.is_some_and(|at| at <= now) {
            self.round = None;
            // A round has them all; those that have to wait are planned after it again.
            self.resources.clear();
            return Some(Work::Round);
        }
        let due: Vec<Uuid> =
            self.resources.iter().filter(|(_, at)| **at <= now).map(|(resource, _)| *resource).collect();
        self.resources.retain(|_, at| *at > now);
        (!due.is_empty()).then_some(Work::Resources(due))
    }
}

impl<B: ResourceBackend> ResourcesProcessor<B> {
    /// Returns the kinds of events to subscribe to for [`run_on_events`](Self::run_on_events).
    #[must_use]
    pub fn event_kinds(&self) -> Vec<EventKind> {
        vec![EventKind::Resource, EventKind::OfferingResourcesSync]
    }

    /// Processes resources as their events arrive, until `until` ends (such as
    /// [`shutdown_signal`](crate::agent::shutdown_signal)), the processor is stopped or the stream ends. The
    /// resources in progress are finished first.
    ///
    /// An event only says that a resource is to be read: it is acknowledged at once, and the resource is
    /// processed shortly after, as [`process`](Self::process) does. A round is done when
    /// [`Notification::Reconcile`] says so, or an event asks for all resources of an offering. A resource
    /// that failed is tried again after its pause, and a back end in progress is called again when it
    /// requested it. Calls `each` after each round, and after the resources that were due together.
    ///
    /// Servers publish no event when limits, last day or name of a resource change; the next round finds
    /// these.
    ///
    /// ```no_run
    /// # async fn run<B: waldur_sdk::agent::ResourceBackend>(
    /// #     client: waldur_sdk::Client, offering: waldur_sdk::Uuid, backend: B,
    /// # ) -> Result<(), waldur_sdk::Error> {
    /// use waldur_sdk::ClientExt as _;
    /// use waldur_sdk::agent::{ResourcesProcessor, shutdown_signal};
    ///
    /// let processor = ResourcesProcessor::new(&client, [offering], backend);
    /// let events = client.events().offering(offering).kinds(processor.event_kinds()).subscribe()?;
    /// processor.run_on_events(events, shutdown_signal(), |report| println!("{report}")).await;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn run_on_events(
        &self,
        events: impl Stream<Item = Notification>,
        until: impl Future,
        mut each: impl FnMut(Report<ProcessedResource>),
    ) {
        let (mut events, until, stopped) = (pin!(events.fuse()), pin!(until), pin!(self.stop.stopped()));
        let mut until = select(until, stopped);
        let enough = AtomicBool::new(false);
        let mut agenda = Agenda::default();
        while !self.stop.is_stopped() {
            let Some(work) = agenda.take() else {
                let next = agenda.next();
                let timer = pin!(async {
                    match next {
                        Some(at) => sleep_until(at).await,
                        None => std::future::pending().await,
                    }
                });
                match select(timer, select(events.next(), &mut until)).await {
                    Either::Left(_) => continue,
                    Either::Right((Either::Left((Some(notification), _)), _)) => {
                        self.note(&mut agenda, notification);
                        continue;
                    }
                    Either::Right(_) => return,
                }
            };
            let mut work = pin!(async {
                match work {
                    Work::Round => self.round(&enough).await,
                    Work::Resources(resources) => self.process_each(resources, &enough).await,
                }
            });
            // Events are noted meanwhile, also those about a resource in progress.
            let report = loop {
                match select(work.as_mut(), select(events.next(), &mut until)).await {
                    Either::Left((report, _)) => break report,
                    Either::Right((Either::Left((Some(notification), _)), _)) => {
                        self.note(&mut agenda, notification);
                    }
                    Either::Right(_) => {
                        enough.store(true, Ordering::Relaxed);
                        each(work.await);
                        return;
                    }
                }
            };
            self.plan_after(&mut agenda, &report);
            each(report);
        }
    }

    /// Notes what a notification asks for, and acknowledges it. Events of other offerings are left out.
    fn note(&self, agenda: &mut Agenda, notification: Notification) {
        match notification {
            Notification::Event(delivery) => {
                let is_own = self.offerings.contains(&delivery.offering());
                match delivery.ack() {
                    Event::Resource(event) if is_own => {
                        agenda.plan(event.resource_uuid, SETTLE);
                        agenda.told.insert(event.resource_uuid, (event, 0));
                    }
                    Event::OfferingResourcesSync(_) if is_own => agenda.plan_round(SETTLE),
                    _ => {}
                }
            }
            Notification::Reconcile { reason } => {
                tracing::debug!(%reason, "a round is due");
                agenda.plan_round(Duration::ZERO);
            }
        }
    }

    /// Processes resources by themselves, several at a time.
    async fn process_each(&self, resources: Vec<Uuid>, enough: &AtomicBool) -> Report<ProcessedResource> {
        let mut report = Report::default();
        let mut working = stream::iter(resources)
            .map(|resource| async move {
                match enough.load(Ordering::Relaxed) {
                    true => None,
                    false => Some((resource, self.process(resource).await)),
                }
            })
            .buffered(self.client.bulk_concurrency());
        while let Some(processed) = working.next().await {
            match processed {
                Some((_, Ok(item))) => report.items.push(item),
                // It was removed since, or isn't the caller's.
                Some((_, Err(error))) if error.is_not_found() || error.is_forbidden() => {}
                Some((resource, Err(error))) => {
                    tracing::warn!(resource = %resource.simple(), %error, "a resource can't be read");
                    let (operation, problem) = (RETRIEVE.id, error.to_string());
                    report.unreadable.push(UnreadableRow { operation, uuid: Some(resource), problem });
                }
                None => {}
            }
        }
        report
    }

    fn plan_after(&self, agenda: &mut Agenda, report: &Report<ProcessedResource>) {
        for item in &report.items {
            let resource = &item.target.resource;
            if let Some((event, looks)) = agenda.told.remove(&resource.uuid)
                && looks < LOOKS
                && !is_shown(&event, resource)
            {
                agenda.plan(resource.uuid, LOOK * 2_u32.pow(looks));
                agenda.told.insert(resource.uuid, (event, looks + 1));
            }
            let pause = match item.target.result {
                ResourceResult::Failed { again_in }
                | ResourceResult::Erred { again_in, .. }
                | ResourceResult::Resting { again_in } => again_in,
                ResourceResult::InBackend { again_in } => check_again(again_in),
                ResourceResult::Held => self.interval,
                ResourceResult::InProgress => Duration::from_secs(1),
                _ => continue,
            };
            agenda.plan(resource.uuid, pause);
        }
        let unread = report.unreadable.iter().filter(|row| row.operation == RETRIEVE.id);
        for resource in unread.filter_map(|row| row.uuid) {
            agenda.plan(resource, self.backoff.first.max(LOOK));
        }
        if !report.unlisted.is_empty() {
            agenda.plan_round(self.interval);
        }
        let Agenda { resources, told, .. } = agenda;
        told.retain(|resource, _| resources.contains_key(resource));
    }
}

/// Returns whether the resource shows what its event says. The event may have come before the change can be
/// read.
fn is_shown(event: &ResourceEvent, resource: &AgentResource) -> bool {
    let mode = mode_of(event.paused, event.downscaled);
    let restricted = event.restrict_member_access;
    mode.is_none_or(|mode| resource.mode == Some(mode))
        && restricted.is_none_or(|restricted| resource.members_restricted == Some(restricted))
}
