//! Members by events: what an event is about is synchronized soon, and everything fills the gaps.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream::{Stream, StreamExt as _};
use tokio::time::sleep_until;
use waldur_api_client::Error;

use super::agenda::{Agenda, Part, closed_account, part_of};
use super::project_accounts::ProjectAccount;
use super::report::{MembershipSync, SyncedResource, outcome_of};
use super::scope::{Pass, Scope, Who};
use super::{Membership, MembershipBackend};
use crate::backend_id::NoBackendId;
use crate::bulk::{Item, Report};
use crate::events::{Event, EventKind, Notification};

/// How long an event waits. A burst of events is one synchronization, and the change can be read by then.
const SETTLE: Duration = Duration::from_millis(500);

impl<B: MembershipBackend> Membership<B> {
    /// Returns the kinds of events to subscribe to for [`run_on_events`](Self::run_on_events).
    #[must_use]
    pub fn event_kinds(&self) -> Vec<EventKind> {
        let included = self.options.included;
        let accounts =
            [(included.service, EventKind::ServiceAccount), (included.course, EventKind::CourseAccount)];
        let mut kinds = vec![
            EventKind::UserRole,
            EventKind::Resource,
            EventKind::Order,
            EventKind::OfferingUser,
            EventKind::OfferingResourcesSync,
        ];
        kinds.extend(accounts.into_iter().filter_map(|(is_included, kind)| is_included.then_some(kind)));
        kinds
    }

    /// Synchronizes members as events arrive, until `until` ends, such as
    /// [`shutdown_signal`](crate::agent::shutdown_signal), or the stream ends. The resource in progress is
    /// finished first.
    ///
    /// An event only says what is to be read: it is acknowledged at once, and what it is about is
    /// synchronized shortly after, one part at a time:
    ///
    /// | event | synchronized | requests |
    /// |---|---|---|
    /// | a user's role in a project | that user, at the project's resources | 3 |
    /// | roles of a whole project | the project's resources | 3 |
    /// | offering user | that user, at all resources of the offering | 2, and 1 per project |
    /// | resource | the resource | 3 |
    /// | a resource's order is done | the new resource; where the event doesn't name it, the offering's | 3 |
    /// | service account, course account | such accounts, at the project's resources | 3 or 4 |
    /// | all resources of the offering | everything of the offering | 2, and 1 per project |
    ///
    /// If many users of a project change at once, the project is synchronized as a whole. Everything is
    /// synchronized when [`Notification::Reconcile`] says so. A part of which something failed is repeated
    /// after the [interval](Self::interval), unless the back end wasn't called because a resource has no id
    /// there: such a resource waits for its next event. Calls `each` after each synchronization.
    ///
    /// Events of accounts matter only with [`service_accounts`](Self::service_accounts) and
    /// [`course_accounts`](Self::course_accounts). A closed account is removed by the name in its event if
    /// the server doesn't list it any more.
    ///
    /// ```no_run
    /// # async fn run<B: waldur_sdk::membership::MembershipBackend>(
    /// #     client: waldur_sdk::Client, offering: waldur_sdk::Uuid, backend: B,
    /// # ) -> Result<(), waldur_sdk::Error> {
    /// use waldur_sdk::ClientExt as _;
    /// use waldur_sdk::agent::shutdown_signal;
    /// use waldur_sdk::membership::Membership;
    ///
    /// let membership = Membership::new(&client, backend).offering(offering).service_accounts();
    /// let events = client.events().offering(offering).kinds(membership.event_kinds()).subscribe()?;
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
        let (mut agenda, mut closed) = (Agenda::default(), Vec::new());
        loop {
            let Some(part) = agenda.take() else {
                let next = agenda.next();
                let timer = pin!(async {
                    match next {
                        Some(at) => sleep_until(at).await,
                        None => std::future::pending().await,
                    }
                });
                match select(timer, select(events.next(), until.as_mut())).await {
                    Either::Left(_) => continue,
                    Either::Right((Either::Left((Some(notification), _)), _)) => {
                        self.note(&mut agenda, &mut closed, notification);
                        continue;
                    }
                    Either::Right(_) => return,
                }
            };
            let of_part = take_of(&mut closed, part);
            let mut work = pin!(self.sync_part(part, &enough, &of_part));
            // Events are noted meanwhile, also those about this part.
            let result = loop {
                match select(work.as_mut(), select(events.next(), until.as_mut())).await {
                    Either::Left((result, _)) => break result,
                    Either::Right((Either::Left((Some(notification), _)), _)) => {
                        self.note(&mut agenda, &mut closed, notification);
                    }
                    Either::Right(_) => {
                        enough.store(true, Ordering::Relaxed);
                        each(work.await);
                        return;
                    }
                }
            };
            if is_to_repeat(&result) {
                agenda.plan(part, self.interval);
                closed.extend(of_part.iter().cloned());
            }
            each(result);
        }
    }

    /// Notes what a notification asks for, and acknowledges it. Events of other offerings are left out.
    fn note(&self, agenda: &mut Agenda, closed: &mut Vec<ProjectAccount>, notification: Notification) {
        match notification {
            Notification::Event(delivery) => {
                let (offering, event) = (delivery.offering(), delivery.ack());
                let included = self.options.included;
                let is_included = match &event {
                    Event::ServiceAccount(_) => included.service,
                    Event::CourseAccount(_) => included.course,
                    _ => true,
                };
                let is_own = self.scope().offering.is_none_or(|own| own == offering);
                if let (true, Some(part)) = (is_own && is_included, part_of(offering, &event)) {
                    agenda.plan(part, SETTLE);
                    closed.extend(closed_account(offering, &event));
                }
            }
            Notification::Reconcile { reason } => {
                tracing::debug!(%reason, "all members are to be synchronized");
                agenda.plan(Part::All, Duration::ZERO);
            }
        }
    }

    async fn sync_part(
        &self,
        part: Part,
        enough: &AtomicBool,
        closed: &[ProjectAccount],
    ) -> Result<MembershipSync, Error> {
        let all = self.scope();
        let scope = match part {
            Part::All => all,
            Part::Offering(offering) => Scope { offering: Some(offering), ..all },
            Part::Project { offering, project } => {
                Scope { offering: Some(offering), project: Some(project), ..all }
            }
            Part::User { offering, project, user } => {
                Scope { offering: Some(offering), project, who: Who::User(user), ..all }
            }
            Part::ProjectAccounts { offering, project } => {
                Scope { offering: Some(offering), project: Some(project), who: Who::ProjectAccounts, ..all }
            }
            Part::Resource(resource) => {
                return match self.plan(resource).await {
                    Ok(plan) => {
                        let members = self.apply(&plan).await;
                        let outcome = outcome_of(&members);
                        let (uuid, name) = (plan.resource.uuid, plan.resource.name.clone());
                        let item = Item::new(SyncedResource { uuid, name, members }, outcome);
                        self.on_resource.call(&item);
                        let resources = Report { items: vec![item], ..Report::default() };
                        Ok(MembershipSync { resources, departed: Report::default() })
                    }
                    // It has no members yet, or any more.
                    Err(error) if error.is_conflict() || error.is_not_found() => {
                        Ok(MembershipSync::default())
                    }
                    Err(error) => Err(error),
                };
            }
        };
        self.pass(Pass { scope, enough, closed }).await
    }
}

/// Returns whether the same synchronization may do more after a pause. A resource gets its id in the back end
/// by an order, not by waiting.
fn is_to_repeat(result: &Result<MembershipSync, Error>) -> bool {
    let may_pass = |error: &Error| error.cause::<NoBackendId>().is_none();
    match result {
        Ok(sync) => {
            let failed = sync.resources.failures();
            !sync.departed.is_ok()
                || !sync.resources.unreadable.is_empty()
                || failed.filter_map(|item| item.outcome.error()).any(may_pass)
        }
        Err(error) => may_pass(error),
    }
}

/// Takes the closed accounts that a part is about.
fn take_of(closed: &mut Vec<ProjectAccount>, part: Part) -> Vec<ProjectAccount> {
    let is_of_part = |account: &mut ProjectAccount| {
        let (offering, project) = (account.offering_uuid, account.project_uuid);
        part.contains(Part::ProjectAccounts { offering, project })
    };
    closed.extract_if(.., is_of_part).collect()
}
