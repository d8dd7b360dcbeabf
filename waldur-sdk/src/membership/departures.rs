//! The offering users of users who left all projects.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use futures_util::{StreamExt as _, stream};
use uuid::Uuid;
use waldur_api_client::Client;

use super::report::held_back;
use crate::accounts::{OfferingUser, OfferingUserHandle, OfferingUserTransition};
use crate::bulk::{Item, Report};
use crate::resources::TeamMember;
use crate::row::Rows;

/// The users in the teams of each offering, and the offerings of which a team couldn't be read.
#[derive(Debug, Default)]
pub(super) struct Departures {
    teams: BTreeMap<Uuid, HashSet<Uuid>>,
    unread: BTreeSet<Uuid>,
}

impl Departures {
    pub(super) fn note(&mut self, offering: Uuid, team: Option<&Rows<TeamMember>>) {
        let members = self.teams.entry(offering).or_default();
        if team.is_none_or(|team| !team.unreadable().is_empty()) {
            self.unread.insert(offering);
        }
        members.extend(team.into_iter().flatten().map(|member| member.user_uuid));
    }

    /// Returns false for an offering without resources: the caller may not see them.
    fn has_left(&self, account: &OfferingUser) -> bool {
        let members = self.teams.get(&account.offering_uuid);
        !account.is_ending() && members.is_some_and(|members| !members.contains(&account.user_uuid))
    }

    /// Requests the deletion of the offering users whose users are in no team of the offering. If something
    /// couldn't be read that may show otherwise, it is held back.
    pub(super) async fn remove(
        &self,
        client: &Client,
        offering_users: Rows<OfferingUser>,
        is_complete: bool,
    ) -> Report<OfferingUser> {
        let (offering_users, unreadable) = offering_users.into_parts();
        let departed = offering_users.into_iter().filter(|account| self.has_left(account));
        let items = stream::iter(departed)
            .map(|account| async move {
                if !is_complete || self.unread.contains(&account.offering_uuid) {
                    return Item::new(
                        account,
                        held_back("a team, a resource or an offering user can't be read"),
                    );
                }
                let handle = OfferingUserHandle::new(client, account.uuid);
                let result = handle.transition(OfferingUserTransition::RequestDeletion).await;
                Item::new(account, result)
            })
            .buffered(client.bulk_concurrency())
            .collect()
            .await;
        Report { items, unreadable, ..Report::default() }
    }
}
