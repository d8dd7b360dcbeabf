//! Reporting the usage of a resource by user.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::try_join;
use futures_util::{StreamExt as _, stream};
use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::types::{ComponentUserUsageBulkCreateRequest, ComponentUserUsageCreateRequest};
use waldur_api_client::{Client, Error, ErrorKind, builder};

use super::amounts::exact;
use super::month::Month;
use super::read::{ReportedRow, UserUsage, reported_rows, user_usages};
use crate::bulk::{Item, Report};
use crate::confirm::{Applied, Confirm, Seen};
use crate::resources::ResourceHandle;

/// The longest username that Waldur accepts, in characters.
const USERNAME_LENGTH: usize = 100;

/// The usage of a component by one user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UserAmount {
    /// The type of the component, such as `cpu`.
    pub component: String,
    /// The username of the offering user.
    pub username: String,
    /// The amount, in the component's unit.
    pub amount: Decimal,
}

/// Writes the component and the username.
impl fmt::Display for UserAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.component, self.username)
    }
}

/// An amount to send, with its index in the report.
#[derive(Debug)]
struct Share {
    place: usize,
    username: String,
    amount: Decimal,
}

impl ResourceHandle {
    /// Reports the usage of the resource by user in a month. Call it after
    /// [`report_usage`](Self::report_usage): the amounts are shares of the reported usage of each component.
    /// (`marketplace_component_usages_set_user_usages`, or `marketplace_component_usages_set_user_usage` for
    /// each user if a server doesn't support that)
    ///
    /// Amounts replace those that were reported before, and users that aren't named keep theirs. An amount
    /// that is already reported isn't sent, so it is safe to run again.
    ///
    /// It sends two requests to list the reported usage, and one for each component with a changed amount. If
    /// the server supports the request for many users, all changes of a component are applied or none. Newer
    /// servers set the usage of the component to the sum of its users.
    ///
    /// If a response is lost, the amounts are read; those that aren't recorded are sent again, within the
    /// client's retry policy.
    ///
    /// Requires the permission `RESOURCE.SET_USAGE` on the offering or the provider's organization.
    ///
    /// # Errors
    /// Nothing is sent in these cases. What happens to a valid amount is in the report.
    /// - [`Error::is_validation`]: an amount has more than two decimals or fifteen digits before the decimal
    ///   point; the type of a component is empty; a username is empty, longer than 100 characters or occurs
    ///   twice for a component; or the component itself has no reported usage for that month.
    /// - [`Error::is_unexpected_response`]: the reported usage of a component can't be read.
    /// - The errors of listing the usage, such as [`Error::is_not_found`].
    pub async fn report_user_usage(
        &self,
        month: impl Into<Month>,
        amounts: impl IntoIterator<Item = UserAmount>,
    ) -> Result<Report<UserAmount>, Error> {
        let (month, amounts) = (month.into(), amounts.into_iter().collect::<Vec<_>>());
        let by_component = shares(&amounts)?;
        if by_component.is_empty() {
            return Ok(Report::default());
        }
        let (client, resource) = (&self.client, self.uuid);
        let (usages, there) =
            try_join(reported_rows(client, resource, month), user_usages(client, resource, month)).await?;
        let mut work = Vec::with_capacity(by_component.len());
        for (component, mut shares) in by_component {
            let usage = usage_of(&usages, &component, month)?;
            let is_there = |share: &Share| {
                let mut rows = there.iter().filter(|row| is_of(row, usage, &component));
                rows.any(|row| row.username == share.username && row.amount == share.amount)
            };
            shares.retain(|share| !is_there(share));
            work.push(ComponentShares { client: client.clone(), resource, month, usage, component, shares });
        }
        let results: Vec<_> = stream::iter(work)
            .map(ComponentShares::report)
            .buffer_unordered(client.bulk_concurrency())
            .collect()
            .await;
        let mut results: BTreeMap<usize, Result<Applied, Error>> = results.into_iter().flatten().collect();
        let items = amounts
            .into_iter()
            .enumerate()
            .map(|(place, amount)| Item::new(amount, results.remove(&place).unwrap_or(Ok(Applied::Already))));
        Ok(Report { items: items.collect(), ..Report::default() })
    }
}

/// The amounts of one component to send.
struct ComponentShares {
    client: Client,
    resource: Uuid,
    month: Month,
    /// The uuid of the component's usage.
    usage: Uuid,
    component: String,
    shares: Vec<Share>,
}

impl ComponentShares {
    /// Reports the amounts. Returns the result of each, by its index.
    async fn report(self) -> Vec<(usize, Result<Applied, Error>)> {
        // The number of amounts that were accepted one by one before one was refused.
        let accepted = AtomicUsize::new(0);
        let result = self.send_all(&accepted).await;
        let accepted = accepted.into_inner();
        let result_of = |(index, share): (usize, Share)| {
            let result = if index < accepted { Ok(Applied::Now) } else { result.clone() };
            (share.place, result)
        };
        self.shares.into_iter().enumerate().map(result_of).collect()
    }

    async fn send_all(&self, accepted: &AtomicUsize) -> Result<Applied, Error> {
        let Self { client, resource, month, usage, component, shares } = self;
        if shares.is_empty() {
            return Ok(Applied::Already);
        }
        let mut items = Vec::with_capacity(shares.len());
        for Share { username, amount, .. } in shares {
            let item = ComponentUserUsageCreateRequest::builder().username(username).usage(*amount);
            let item = ComponentUserUsageCreateRequest::try_from(item);
            items.push(item.map_err(|problem| refused_users(format!("{problem}")))?);
        }
        let send = || send_shares(client, *usage, &items, accepted);
        let look = || async {
            let there = user_usages(client, *resource, *month).await?;
            let is_there = |share: &&Share| {
                let mut rows = there.iter().filter(|row| is_of(row, *usage, component));
                rows.any(|row| row.username == share.username && row.amount == share.amount)
            };
            let recorded = shares.iter().filter(is_there).count();
            Ok(match (recorded, there.unreadable()) {
                (all, _) if all == shares.len() => Seen::Applied(()),
                (_, [unreadable, ..]) => Seen::Unclear(unreadable.to_string()),
                (0, []) => Seen::Unchanged(format!("no amount of {component} is recorded for these users")),
                (some, []) => {
                    Seen::Differs(format!("{some} of {} amounts of {component} are recorded", shares.len()))
                }
            })
        };
        let ((), applied) = Confirm::new(client).after(Error::is_ambiguous).send(send, look).await?;
        Ok(applied)
    }
}

/// Sends the amounts together, or one by one if the server doesn't support that. `accepted` counts the
/// latter.
async fn send_shares(
    client: &Client,
    usage: Uuid,
    items: &[ComponentUserUsageCreateRequest],
    accepted: &AtomicUsize,
) -> Result<(), Error> {
    let body = ComponentUserUsageBulkCreateRequest::builder().usages(items.to_vec());
    let call = client.marketplace_component_usages_set_user_usages().uuid(usage).body(body);
    match call.send().await.map(drop) {
        Err(error) if error.is_unsupported() => {}
        result => return result,
    }
    for (index, item) in items.iter().enumerate() {
        let call = client.marketplace_component_usages_set_user_usage().uuid(usage).body(item.clone());
        call.send().await.map(drop).map_err(|error| match index {
            0 => error,
            _ => error.with_note(format!("{index} of {} amounts were accepted before", items.len())),
        })?;
        accepted.fetch_max(index + 1, Ordering::Relaxed);
    }
    Ok(())
}

/// Returns the uuid of the component's usage, to which the amounts of users belong.
fn usage_of(usages: &[ReportedRow], component: &str, month: Month) -> Result<Uuid, Error> {
    // Newer servers have one for each plan that the resource had in the month; the latest is the current
    // plan's.
    let of_component = usages.iter().filter(|usage| usage.type_.as_deref() == Some(component));
    match of_component.max_by_key(|usage| usage.created) {
        Some(usage) => usage.uuid.ok_or_else(|| usage.unreadable("uuid")),
        None => Err(match usages.iter().find(|usage| usage.type_.is_none()) {
            Some(usage) => usage.unreadable("type"),
            None => refused_users(format!("{component}: no usage is reported for {month}")),
        }),
    }
}

/// Returns whether the row is a share of this usage of the component.
fn is_of(row: &UserUsage, usage: Uuid, component: &str) -> bool {
    row.usage_uuid.map_or(row.type_ == component, |uuid| uuid == usage)
}

fn refused_users(problem: String) -> Error {
    let error = Error::new(ErrorKind::Validation, problem);
    error.with_operation(builder::MarketplaceComponentUsagesSetUserUsages::OPERATION)
}

/// Validates the amounts and groups them by component.
fn shares(amounts: &[UserAmount]) -> Result<BTreeMap<String, Vec<Share>>, Error> {
    let mut shares: BTreeMap<String, Vec<Share>> = BTreeMap::new();
    let mut names = BTreeSet::new();
    for (place, UserAmount { component, username, amount }) in amounts.iter().enumerate() {
        // Servers trim both.
        let (component, username) = (component.trim(), username.trim());
        if component.is_empty() {
            return Err(refused_users(format!("the component of {username} has an empty type")));
        }
        if username.is_empty() {
            return Err(refused_users(format!("{component}: a username is empty")));
        }
        let length = username.chars().count();
        if length > USERNAME_LENGTH {
            let problem = format!(
                "{component}: a username has {length} characters; Waldur accepts {USERNAME_LENGTH} at most"
            );
            return Err(refused_users(problem));
        }
        let amount = exact(*amount)
            .map_err(|problem| refused_users(format!("{component} of {username}: {problem}")))?;
        if !names.insert((component, username)) {
            return Err(refused_users(format!("{component} of {username} is named twice")));
        }
        let share = Share { place, username: username.to_owned(), amount };
        shares.entry(component.to_owned()).or_default().push(share);
    }
    Ok(shares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_belongs_to_one_usage() {
        let (this, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let row = |usage_uuid| UserUsage {
            uuid: Uuid::nil(),
            usage_uuid,
            type_: "cpu".to_owned(),
            username: "a".to_owned(),
            amount: Decimal::ONE,
        };
        // Of another plan's, in the same month.
        assert!(is_of(&row(Some(this)), this, "cpu") && !is_of(&row(Some(other)), this, "cpu"));
        assert!(is_of(&row(None), this, "cpu") && !is_of(&row(None), this, "gpu"));
    }

    #[test]
    fn invalid_and_repeated_users_are_validation_errors() {
        let share = |username: &str, amount: &str| UserAmount {
            component: "cpu".to_owned(),
            username: username.to_owned(),
            amount: amount.parse().unwrap(),
        };
        assert_eq!(shares(&[share("a", "1"), share("b", "2")]).unwrap()["cpu"].len(), 2);
        for wrong in [vec![share("a", "1"), share("a", "1")], vec![share("", "1")], vec![share("a", "0.001")]]
        {
            assert!(shares(&wrong).unwrap_err().is_validation());
        }
        assert!(shares(&[share(&"x".repeat(101), "1")]).is_err());
    }
}
