//! The accounts of users who left all projects.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use futures_util::{StreamExt as _, stream};
use uuid::Uuid;

use super::DepartedAccount;
use crate::accounts::{OfferingUser, OfferingUserTransition};
use crate::bulk::Outcome;
use crate::provider::Provider;
use crate::row::Rows;
use crate::team::TeamMember;

/// Who is in a team of an offering, and of which offerings a team couldn't be read.
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

    /// Nothing can be said of an offering without resources: they may be another's to see.
    fn has_left(&self, account: &OfferingUser) -> bool {
        let members = self.teams.get(&account.offering_uuid);
        !account.is_ending() && members.is_some_and(|members| !members.contains(&account.user_uuid))
    }
}

impl Provider {
    /// Requests the deletion of the accounts of users who are in no team of their offering.
    pub(super) async fn remove_departed(
        &self,
        departures: &Departures,
        accounts: Rows<OfferingUser>,
        is_complete: bool,
    ) -> Vec<DepartedAccount> {
        let departed = accounts.into_iter().filter(|account| departures.has_left(account));
        stream::iter(departed)
            .map(|account| async move {
                if !is_complete || departures.unread.contains(&account.offering_uuid) {
                    return DepartedAccount { account, outcome: None };
                }
                let removal = OfferingUserTransition::RequestDeletion;
                let outcome = Outcome::from(self.offering_user(&account).transition(removal).await);
                DepartedAccount { account, outcome: Some(outcome) }
            })
            .buffered(self.client.bulk_concurrency())
            .collect()
            .await
    }
}
