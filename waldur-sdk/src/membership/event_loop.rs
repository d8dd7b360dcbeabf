//! Members by events: what an event is about is synchronized soon, and everything fills the gaps.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream::{Stream, StreamExt as _};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;
use waldur_api_client::Error;

use super::report::{MembershipSync, SyncedResource, outcome_of};
use super::sync::Scope;
use super::{Membership, MembershipBackend};
use crate::bulk::{Item, Report};
use crate::events::{Event, Notification};

/// How long an event waits. A burst of events is one synchronization, and the change can be read by then.
const SETTLE: Duration = Duration::from_millis(500);

/// What has to be synchronized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    All,
    Offering(Uuid),
    /// The resources of a project at an offering.
    Project(Uuid, Uuid),
    Resource(Uuid),
}

/// Returns what an event of an offering is about; none if members don't depend on it.
fn part_of(offering: Uuid, event: &Event) -> Option<Part> {
    match event {
        Event::UserRole(role) => Some(match role.resource_uuid {
            Some(resource) => Part::Resource(resource),
            None => Part::Project(offering, role.project_uuid),
        }),
        Event::Resource(resource) => Some(Part::Resource(resource.resource_uuid)),
        // The projects of the user aren't known.
        Event::OfferingUser(_) | Event::OfferingResourcesSync(_) => Some(Part::Offering(offering)),
        _ => None,
    }
}

impl<B: MembershipBackend> Membership<B> {
    /// Synchronizes members as events arrive, until `until` ends, such as
    /// [`shutdown_signal`](crate::agent::shutdown_signal), or the stream ends. The resource in progress is
    /// finished first.
    ///
    /// An event only says what is to be read: it is acknowledged at once, and the resources that it is about
    /// are synchronized shortly after, one part at a time. Everything is synchronized when
    /// [`Notification::Reconcile`] says so. A part of which something failed is repeated after the
    /// [interval](Self::interval). Calls `each` after each synchronization.
    ///
    /// The kinds of events that matter are user roles, resources and offering users.
    ///
    /// ```no_run
    /// # async fn run<B: waldur_sdk::membership::MembershipBackend>(
    /// #     client: waldur_sdk::Client, offering: waldur_sdk::Uuid, backend: B,
    /// # ) -> Result<(), waldur_sdk::Error> {
    /// use waldur_sdk::ClientExt as _;
    /// use waldur_sdk::agent::shutdown_signal;
    /// use waldur_sdk::events::EventKind;
    /// use waldur_sdk::membership::Membership;
    ///
    /// let kinds = [EventKind::UserRole, EventKind::Resource, EventKind::OfferingUser];
    /// let events = client.events().offering(offering).kinds(kinds).subscribe()?;
    /// let membership = Membership::new(&client, backend).offering(offering);
    /// membership.run_on_events(events, shutdown_signal(), |sync| match sync {
    ///     Ok(sync) => println!("{sync}"),
    ///     Err(error) => eprintln!("{error}"),
    /// }).await;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn run_on_events(
        &self,
        events: impl Stream<Item = Notification>,
        until: impl Future,
        mut each: impl FnMut(Result<MembershipSync, Error>),
    ) {
        let (mut events, mut until) = (pin!(events.fuse()), pin!(until));
        let enough = AtomicBool::new(false);
        let mut due: BTreeMap<Part, Instant> = BTreeMap::new();
        loop {
            let next = due.iter().min_by_key(|(_, at)| **at).map(|(part, at)| (*part, *at));
            let Some((part, _)) = next.filter(|(_, at)| *at <= Instant::now()) else {
                let timer = pin!(async {
                    match next {
                        Some((_, at)) => sleep_until(at).await,
                        None => std::future::pending().await,
                    }
                });
                match select(timer, select(events.next(), until.as_mut())).await {
                    Either::Left(_) => continue,
                    Either::Right((Either::Left((Some(notification), _)), _)) => {
                        self.note(&mut due, notification);
                        continue;
                    }
                    Either::Right(_) => return,
                }
            };
            due.remove(&part);
            let mut work = pin!(self.sync_part(part, &enough));
            // Events are noted meanwhile, also those about this part.
            let result = loop {
                match select(work.as_mut(), select(events.next(), until.as_mut())).await {
                    Either::Left((result, _)) => break result,
                    Either::Right((Either::Left((Some(notification), _)), _)) => {
                        self.note(&mut due, notification);
                    }
                    Either::Right(_) => {
                        enough.store(true, Ordering::Relaxed);
                        each(work.await);
                        return;
                    }
                }
            };
            if !result.as_ref().is_ok_and(MembershipSync::is_ok) {
                plan(&mut due, part, self.interval);
            }
            each(result);
        }
    }

    /// Notes what a notification asks for, and acknowledges it. Events of other offerings are left out.
    fn note(&self, due: &mut BTreeMap<Part, Instant>, notification: Notification) {
        let (part, pause) = match notification {
            Notification::Event(delivery) => {
                let offering = delivery.offering();
                let is_own = self.scope().offering.is_none_or(|own| own == offering);
                match part_of(offering, &delivery.ack()).filter(|_| is_own) {
                    Some(part) => (part, SETTLE),
                    None => return,
                }
            }
            Notification::Reconcile { reason } => {
                tracing::debug!(%reason, "all members are to be synchronized");
                (Part::All, Duration::ZERO)
            }
        };
        plan(due, part, pause);
    }

    async fn sync_part(&self, part: Part, enough: &AtomicBool) -> Result<MembershipSync, Error> {
        let scope = self.scope();
        match part {
            Part::All => self.sync_scope(scope, enough).await,
            Part::Offering(offering) => {
                self.sync_scope(Scope { offering: Some(offering), ..scope }, enough).await
            }
            Part::Project(offering, project) => {
                let scope = Scope { offering: Some(offering), project: Some(project), ..scope };
                self.sync_scope(scope, enough).await
            }
            Part::Resource(resource) => match Self::plan(self, resource).await {
                Ok(plan) => {
                    let members = self.apply(&plan).await;
                    let (uuid, name, outcome) =
                        (plan.resource.uuid, plan.resource.name.clone(), outcome_of(&members));
                    let item = Item::new(SyncedResource { uuid, name, members }, outcome);
                    let resources = Report { items: vec![item], ..Report::default() };
                    Ok(MembershipSync { resources, departed: Report::default() })
                }
                // It has no members yet, or any more.
                Err(error) if error.is_conflict() || error.is_not_found() => Ok(MembershipSync::default()),
                Err(error) => Err(error),
            },
        }
    }
}

/// Plans a part, unless it is planned earlier already.
fn plan(due: &mut BTreeMap<Part, Instant>, part: Part, pause: Duration) {
    let at = Instant::now() + pause;
    let planned = due.entry(part).or_insert(at);
    *planned = at.min(*planned);
}
