//! The differences between the offering users of an offering and the teams of its resources.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use futures_util::future::try_join3;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::types::ResourceState;
use waldur_api_client::{Client, Error, ListExt as _};

use super::{OfferingUser, OfferingUsers};
use crate::resources::TeamMember;
use crate::row::{self, Rows, UnreadableRow, row};

/// The differences between the offering users of an offering and the teams of its resources, returned by
/// [`OfferingHandle::access_gaps`](crate::offerings::OfferingHandle::access_gaps).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AccessGaps {
    /// Members of teams without an offering user.
    pub missing: Vec<TeamMember>,
    /// Offering users of members that can't be used: not created yet, without a username, restricted, or
    /// being deleted.
    pub unusable: Vec<OfferingUser>,
    /// Offering users of users who are not members of any team.
    ///
    /// Those that are being deleted are left out, as are those who may be members because a row can't be
    /// read.
    pub unexpected: Vec<OfferingUser>,
    /// The rows of resources, teams and offering users that can't be read.
    pub unreadable: Vec<UnreadableRow>,
}

impl AccessGaps {
    /// Compares the members of teams with offering users.
    #[must_use]
    pub fn between(team: &Rows<TeamMember>, offering_users: &Rows<OfferingUser>) -> Self {
        let members: HashSet<Uuid> = team.iter().map(|member| member.user_uuid).collect();
        let owners: HashSet<Uuid> = offering_users.iter().map(|row| row.user_uuid).collect();
        let mut seen = HashSet::new();
        let missing = team
            .iter()
            .filter(|member| !owners.contains(&member.user_uuid) && !member.has_account())
            .filter(|member| seen.insert(member.user_uuid))
            .cloned()
            .collect();
        let (of_members, of_others): (Vec<&OfferingUser>, Vec<&OfferingUser>) =
            offering_users.iter().partition(|row| members.contains(&row.user_uuid));
        let may_be_member = |row: &OfferingUser| {
            team.unreadable().iter().any(|unread| unread.uuid.is_none_or(|user| user == row.user_uuid))
        };
        let of_others = of_others.into_iter().filter(|row| !row.is_ending() && !may_be_member(row));
        Self {
            missing,
            unusable: of_members.into_iter().filter(|row| !row.is_usable()).cloned().collect(),
            unexpected: of_others.cloned().collect(),
            unreadable: team.unreadable().iter().chain(offering_users.unreadable()).cloned().collect(),
        }
    }

    /// Returns whether there are no differences and no unreadable rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty()
            && self.unusable.is_empty()
            && self.unexpected.is_empty()
            && self.unreadable.is_empty()
    }
}

/// Writes the counts, such as `1 missing, 2 unusable, 0 unexpected`.
impl fmt::Display for AccessGaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (missing, unusable, unexpected) =
            (self.missing.len(), self.unusable.len(), self.unexpected.len());
        write!(f, "{missing} missing, {unusable} unusable, {unexpected} unexpected")?;
        match self.unreadable.len() {
            0 => Ok(()),
            count => write!(f, ", {count} unreadable"),
        }
    }
}

row! {
    /// A resource and its project.
    struct ResourceRow {
        uuid: Uuid = need "uuid",
        project_uuid: Option<Uuid> = optional "project_uuid",
    }
}

row! {
    /// An offering that the caller provides.
    struct OfferingRow {
        #[allow(dead_code, reason = "only its presence matters")]
        uuid: Uuid = need "uuid",
    }
}

/// Compares the offering users of an offering with the teams of its resources that aren't terminated. Reads
/// the offering, its offering users and its resources, and one team per project.
///
/// # Errors
/// [`Error::is_not_found`] if the caller doesn't provide such an offering, and the errors of the lists. A row
/// that can't be read is no error.
pub(crate) async fn access_gaps(client: &Client, offering: Uuid) -> Result<AccessGaps, Error> {
    use ResourceState::{Creating, Erred, Ok as Ready, Terminating, Updating};
    let concurrency = client.bulk_concurrency();
    let list = client.marketplace_provider_resources_list().offering_uuid([offering]);
    let list = list.state([Creating, Ready, Erred, Updating, Terminating]);
    let resources = row::all::<ResourceRow>(list.unread(), concurrency);
    let offering_users = OfferingUsers::new(client).offering(offering).all();
    // For a caller who may not see the offering, both lists are empty.
    let offering = row::retrieve(client.marketplace_provider_offerings_retrieve().uuid(offering));
    let (OfferingRow { .. }, resources, offering_users) =
        try_join3(offering, resources, offering_users).await?;
    let (resources, unread) = resources.into_parts();
    // A resource whose project isn't known has a team of its own.
    let projects: BTreeMap<Uuid, Uuid> =
        resources.into_iter().map(|row| (row.project_uuid.unwrap_or(row.uuid), row.uuid)).collect();
    let teams: Vec<Rows<TeamMember>> = stream::iter(projects.into_values())
        .map(|resource| {
            let team = client.marketplace_provider_resources_team_list().uuid(resource);
            row::all(team.unread(), concurrency)
        })
        .buffered(concurrency)
        .try_collect()
        .await?;
    let (members, unreadable): (Vec<_>, Vec<_>) = teams.into_iter().map(Rows::into_parts).unzip();
    let team = members.into_iter().flatten().map(Ok).chain(unreadable.into_iter().flatten().map(Err));
    let mut gaps = AccessGaps::between(&team.collect(), &offering_users);
    if !unread.is_empty() {
        // Any user may be in the team of a resource whose row can't be read.
        gaps.unexpected.clear();
        gaps.unreadable.extend(unread);
    }
    Ok(gaps)
}
