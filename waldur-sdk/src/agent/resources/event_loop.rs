//! Resources by events: what an event is about is processed soon, and rounds fill the gaps.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream::{self, Stream, StreamExt as _};
use tokio::time::sleep_until;
use uuid::Uuid;
use waldur_api_client::{Error, Operation, builder};

use super::agenda::{Agenda, Work};
use super::backend::ResourceBackend;
use super::processor::ResourcesProcessor;
use super::report::{ProcessedResource, ResourceResult};
use crate::bulk::Report;
use crate::events::{Event, EventKind, Notification};
use crate::pause::check_again;
use crate::row::UnreadableRow;

const RETRIEVE: &Operation = builder::MarketplaceProviderResourcesRetrieve::OPERATION;

/// Resources that were processed by themselves.
struct Processed {
    report: Report<ProcessedResource>,
    /// Those that can't be read.
    unread: Vec<(Uuid, Error)>,
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
    /// that failed or can't be read is tried again after its pause, and a back end in progress is called
    /// again when it requested it. Calls `each` after each round, and after the resources that were due
    /// together.
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
                    Work::Round => Processed { report: self.round(&enough).await, unread: Vec::new() },
                    Work::Resources(resources) => self.process_each(resources, &enough).await,
                }
            });
            // Events are noted meanwhile, also those about a resource in progress.
            let Processed { report, unread } = loop {
                match select(work.as_mut(), select(events.next(), &mut until)).await {
                    Either::Left((processed, _)) => break processed,
                    Either::Right((Either::Left((Some(notification), _)), _)) => {
                        self.note(&mut agenda, notification);
                    }
                    Either::Right(_) => {
                        enough.store(true, Ordering::Relaxed);
                        each(work.await.report);
                        return;
                    }
                }
            };
            self.plan_after(&mut agenda, &report, &unread);
            each(report);
        }
    }

    /// Notes what a notification asks for, and acknowledges it. Events of other offerings are left out.
    fn note(&self, agenda: &mut Agenda, notification: Notification) {
        match notification {
            Notification::Event(delivery) => {
                let is_own = self.offerings.contains(&delivery.offering());
                match delivery.ack() {
                    Event::Resource(event) if is_own => agenda.tell(event),
                    Event::OfferingResourcesSync(_) if is_own => agenda.settle_round(),
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
    async fn process_each(&self, resources: Vec<Uuid>, enough: &AtomicBool) -> Processed {
        let (mut report, mut unread) = (Report::default(), Vec::new());
        let mut working = stream::iter(resources)
            .map(|resource| async move {
                match enough.load(Ordering::Relaxed) {
                    true => None,
                    false => Some((resource, self.process_one(resource).await)),
                }
            })
            .buffered(self.client.bulk_concurrency());
        while let Some(processed) = working.next().await {
            match processed {
                Some((_, Ok((item, unreadable)))) => {
                    report.items.push(item);
                    report.unreadable.extend(unreadable);
                }
                Some((resource, Err(error))) => {
                    tracing::debug!(resource = %resource.simple(), %error, "a resource can't be read");
                    // Otherwise it was removed, or isn't the caller's.
                    if !error.is_not_found() && !error.is_forbidden() {
                        let (operation, problem) = (RETRIEVE.id, error.to_string());
                        report.unreadable.push(UnreadableRow { operation, uuid: Some(resource), problem });
                    }
                    unread.push((resource, error));
                }
                None => {}
            }
        }
        Processed { report, unread }
    }

    fn plan_after(&self, agenda: &mut Agenda, report: &Report<ProcessedResource>, unread: &[(Uuid, Error)]) {
        for item in &report.items {
            let resource = &item.target.resource;
            agenda.seen(resource);
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
        for (resource, error) in unread {
            agenda.unreadable(*resource, error, self.backoff);
        }
        if !report.unlisted.is_empty() {
            agenda.plan_round(self.interval);
        }
        agenda.forget_others();
    }
}
