//! What has to be synchronized after events, and when.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;
use waldur_api_client::types::{OrderState, RequestTypes, ServiceAccountState};

use super::MemberKind;
use super::project_accounts::ProjectAccount;
use crate::events::{AccountEvent, Event, EventAction, OrderEvent};
use crate::pause::later;

/// How many users of one project, or of one offering, are synchronized one by one. More of them are
/// synchronized together, which takes fewer requests.
const FEW: usize = 4;

/// What has to be synchronized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    All,
    Offering(Uuid),
    /// The resources of a project at an offering.
    Project {
        offering: Uuid,
        project: Uuid,
    },
    /// A user, at the resources of one project or of all.
    User {
        offering: Uuid,
        project: Option<Uuid>,
        user: Uuid,
    },
    /// The service accounts and course accounts of a project.
    ProjectAccounts {
        offering: Uuid,
        project: Uuid,
    },
    Resource(Uuid),
}

impl Part {
    /// Returns the part that contains this one and others like it; none for parts that stand alone.
    fn whole(self) -> Option<Self> {
        match self {
            Self::User { offering, project: Some(project), .. }
            | Self::ProjectAccounts { offering, project } => Some(Self::Project { offering, project }),
            Self::User { offering, project: None, .. } | Self::Project { offering, .. } => {
                Some(Self::Offering(offering))
            }
            Self::Offering(_) => Some(Self::All),
            Self::All | Self::Resource(_) => None,
        }
    }

    /// Returns whether synchronizing this part synchronizes the other one, too.
    pub(super) fn contains(self, other: Self) -> bool {
        self == other || other.whole().is_some_and(|whole| self.contains(whole))
    }
}

/// Returns what an event of an offering is about; none if members don't depend on it.
pub(super) fn part_of(offering: Uuid, event: &Event) -> Option<Part> {
    Some(match event {
        Event::UserRole(role) => match (role.resource_uuid, role.user_uuid) {
            (Some(resource), _) => Part::Resource(resource),
            (None, Some(user)) => Part::User { offering, project: Some(role.project_uuid), user },
            (None, None) => Part::Project { offering, project: role.project_uuid },
        },
        Event::Resource(resource) => Part::Resource(resource.resource_uuid),
        Event::Order(order) => return new_resource(offering, order),
        // The projects of the user aren't known.
        Event::OfferingUser(account) => match account.user_uuid {
            Some(user) => Part::User { offering, project: None, user },
            None => Part::Offering(offering),
        },
        Event::ServiceAccount(account) | Event::CourseAccount(account) => match account.project_uuid {
            Some(project) => Part::ProjectAccounts { offering, project },
            None => Part::Offering(offering),
        },
        Event::OfferingResourcesSync(_) => Part::Offering(offering),
        _ => return None,
    })
}

/// Returns the resource that an order has created, or all of the offering if the event doesn't name it.
fn new_resource(offering: Uuid, order: &OrderEvent) -> Option<Part> {
    let may_create = matches!(order.order_type, None | Some(RequestTypes::Create | RequestTypes::Restore));
    let is_done = order.state == Some(OrderState::Done);
    (may_create && is_done).then(|| order.resource_uuid.map_or(Part::Offering(offering), Part::Resource))
}

/// Returns the account that was closed, if the event says so. The server may not list it any more.
pub(super) fn closed_account(offering: Uuid, event: &Event) -> Option<ProjectAccount> {
    let (kind, AccountEvent { account_uuid, account_username, action, project_uuid, .. }) = match event {
        Event::ServiceAccount(account) => (MemberKind::ServiceAccount, account),
        Event::CourseAccount(account) => (MemberKind::CourseAccount, account),
        _ => return None,
    };
    Some(ProjectAccount {
        uuid: *account_uuid,
        kind,
        offering_uuid: offering,
        project_uuid: (*project_uuid)?,
        user_uuid: None,
        username: account_username.clone().filter(|_| *action == Some(EventAction::Delete))?,
        email: String::new(),
        state: ServiceAccountState::Closed,
    })
}

/// The parts that have to be synchronized, and when.
#[derive(Debug, Default)]
pub(super) struct Agenda(BTreeMap<Part, Instant>);

impl Agenda {
    /// Plans a part, unless it is planned earlier already.
    pub(super) fn plan(&mut self, part: Part, pause: Duration) {
        let at = later(pause);
        let is_planned = |(planned, time): (&Part, &Instant)| planned.contains(part) && *time <= at;
        if self.0.iter().any(is_planned) {
            return;
        }
        self.0.insert(part, at);
        let Some(whole) = part.whole().filter(|_| matches!(part, Part::User { .. })) else { return };
        let is_like = |other: &Part| matches!(other, Part::User { .. }) && other.whole() == Some(whole);
        if self.0.keys().filter(|other| is_like(other)).count() > FEW {
            // The first event waits no longer than it would by itself.
            let first = self.0.iter().filter(|(other, _)| is_like(other)).map(|(_, time)| *time).min();
            self.0.retain(|other, _| !whole.contains(*other));
            self.0.insert(whole, first.unwrap_or(at));
        }
    }

    /// Returns when the next part is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.values().min().copied()
    }

    /// Takes the part that is due for longest.
    pub(super) fn take(&mut self) -> Option<Part> {
        let (part, at) = self.0.iter().min_by_key(|(_, at)| **at).map(|(part, at)| (*part, *at))?;
        (at <= Instant::now()).then(|| {
            self.0.remove(&part);
            part
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFERING: Uuid = Uuid::from_u128(1);
    const PROJECT: Uuid = Uuid::from_u128(2);

    fn user(number: u128) -> Part {
        Part::User { offering: OFFERING, project: Some(PROJECT), user: Uuid::from_u128(number) }
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_waits_once_and_not_beside_the_whole() {
        let (second, mut agenda) = (Duration::from_secs(1), Agenda::default());
        agenda.plan(user(7), second);
        agenda.plan(user(7), second * 3);
        agenda.plan(Part::Resource(PROJECT), second * 2);
        assert!(agenda.take().is_none());
        tokio::time::advance(second).await;
        assert_eq!((agenda.take(), agenda.take()), (Some(user(7)), None));
        tokio::time::advance(second).await;
        assert_eq!(agenda.take(), Some(Part::Resource(PROJECT)));
        assert!(agenda.next().is_none());
        // What is planned as a whole, and earlier, isn't planned again.
        agenda.plan(Part::All, Duration::ZERO);
        for part in [user(7), Part::ProjectAccounts { offering: OFFERING, project: PROJECT }] {
            agenda.plan(part, second);
        }
        assert_eq!(agenda.take(), Some(Part::All));
        assert!(agenda.next().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn many_users_of_a_project_are_synchronized_together() {
        let (second, mut agenda) = (Duration::from_secs(1), Agenda::default());
        agenda.plan(Part::User { offering: OFFERING, project: None, user: PROJECT }, second);
        for number in 0..4 {
            agenda.plan(user(number), second);
            tokio::time::advance(second / 10).await;
        }
        agenda.plan(user(4), second);
        tokio::time::advance(second * 6 / 10).await;
        let project = Part::Project { offering: OFFERING, project: PROJECT };
        let first = [agenda.take(), agenda.take(), agenda.take()];
        assert!(first.contains(&Some(project)) && first[2].is_none(), "{first:?}");
        assert!(agenda.next().is_none());
    }
}
