//! What the users of a resource used.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use futures_util::future::try_join;
use futures_util::{StreamExt as _, stream};
use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::builder;

use super::Provider;
use super::booking::first_day;
use super::report::exact;
use super::usage::{ReportedRow, UserUsage};
use crate::bulk::Outcome;
use crate::confirm::{Applied, Confirm, Seen};
use waldur_api_client::types::{ComponentUserUsageBulkCreateRequest, ComponentUserUsageCreateRequest};
use waldur_api_client::{Error, ErrorKind};

/// The longest username that Waldur accepts.
const USERNAME_LENGTH: usize = 100;

/// What a user used of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserAmount {
    /// The type of the component, such as `cpu`.
    pub component: String,
    /// The user's name at the offering.
    pub username: String,
    /// How much, in the unit of the component.
    pub amount: Decimal,
}

/// A component and the result of reporting its users.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct UserUsageItem {
    /// The type of the component.
    pub component: String,
    /// The result: all of its users or none, where the server takes them in bulk.
    pub outcome: Outcome,
}

impl Provider {
    /// Reports, for the month of a day, what the users of a resource used: a request for each component of
    /// which that changes, beside two that list what was reported. What was reported before for a user is
    /// replaced, and what is reported with the same amount isn't sent, so it is safe to do again; users that
    /// aren't named keep what they have. (`marketplace_component_usages_set_user_usages`, or
    /// `…_set_user_usage` for each where a server doesn't have that; newer servers make the sum of the users
    /// the usage of the component.)
    ///
    /// The amounts belong to the usage that is reported of the component for that month, whatever month it is
    /// now. The user needs the permission to report usage of the offering's resources. If an answer is lost,
    /// the amounts are read again; those that aren't recorded are sent again, within the client's retry
    /// policy.
    ///
    /// # Errors
    /// Before anything is sent. Of kind [`ErrorKind::Validation`] if an amount has more than two decimals or
    /// fifteen digits before the point, the type of a component is empty, a username is empty, longer than
    /// 100 characters or there twice, or nothing was reported of a component itself for that month; of kind
    /// [`ErrorKind::UnexpectedResponse`] if the usage of a component can't be read. The results of the components are in the
    /// items.
    pub async fn report_user_usages(
        &self,
        resource: Uuid,
        month: NaiveDate,
        amounts: impl IntoIterator<Item = UserAmount>,
    ) -> Result<Vec<UserUsageItem>, Error> {
        let shares = shares(amounts)?;
        if shares.is_empty() {
            return Ok(Vec::new());
        }
        let (usages, there) =
            try_join(self.reported_rows(resource, month), self.user_usages(resource, month)).await?;
        let mut work = Vec::with_capacity(shares.len());
        for (component, mut shares) in shares {
            let usage = usage_of(&usages, &component, month)?;
            for row in there.iter().filter(|row| is_of(row, usage, &component)) {
                if shares.get(&row.username) == Some(&row.amount) {
                    shares.remove(&row.username);
                }
            }
            work.push((usage, component, shares));
        }
        let items = stream::iter(work).map(|(usage, component, shares)| async move {
            let result = self.report_shares(resource, month, usage, &component, shares).await;
            UserUsageItem { component, outcome: result.map(|(_, applied)| applied).into() }
        });
        Ok(items.buffered(self.client.bulk_concurrency()).collect().await)
    }

    async fn report_shares(
        &self,
        resource: Uuid,
        month: NaiveDate,
        usage: Uuid,
        component: &str,
        shares: BTreeMap<String, Decimal>,
    ) -> Result<((), Applied), Error> {
        if shares.is_empty() {
            return Ok(((), Applied::Already));
        }
        let mut items = Vec::with_capacity(shares.len());
        for (username, amount) in &shares {
            let item = ComponentUserUsageCreateRequest::builder().username(username).usage(*amount);
            let item = ComponentUserUsageCreateRequest::try_from(item);
            items.push(item.map_err(|problem| refused_users(format!("{problem}")))?);
        }
        let send = || self.send_shares(usage, &items);
        let look = || async {
            let there = self.user_usages(resource, month).await?;
            let is_there = |username: &str, amount: Decimal| {
                let mut rows = there.iter().filter(|row| is_of(row, usage, component));
                rows.any(|row| row.username == username && row.amount == amount)
            };
            let recorded = shares.iter().filter(|(username, amount)| is_there(username, **amount)).count();
            Ok(match (recorded, there.unreadable()) {
                (all, _) if all == shares.len() => Seen::Applied(()),
                (_, [unreadable, ..]) => Seen::Unclear(unreadable.to_string()),
                (0, []) => Seen::Unchanged(format!("no amount of {component} is recorded for these users")),
                (some, []) => {
                    Seen::Differs(format!("{some} of {} amounts of {component} are recorded", shares.len()))
                }
            })
        };
        Confirm::new(&self.client).after(Error::is_ambiguous).send(send, look).await
    }

    /// In bulk, or one by one where a server doesn't have that.
    async fn send_shares(&self, usage: Uuid, items: &[ComponentUserUsageCreateRequest]) -> Result<(), Error> {
        let api = &self.client;
        let body = ComponentUserUsageBulkCreateRequest::builder().usages(items.to_vec());
        let call = api.marketplace_component_usages_set_user_usages().uuid(usage).body(body);
        match call.send().await.map(drop) {
            Err(error) if error.is_unsupported() => {}
            result => return result,
        }
        for (at, item) in items.iter().enumerate() {
            let call = api.marketplace_component_usages_set_user_usage().uuid(usage).body(item.clone());
            call.send().await.map(drop).map_err(|error| match at {
                0 => error,
                _ => error.with_note(format!("{at} of {} amounts were taken before", items.len())),
            })?;
        }
        Ok(())
    }
}

/// The usage of a component that the amounts of users belong to.
fn usage_of(usages: &[ReportedRow], component: &str, month: NaiveDate) -> Result<Uuid, Error> {
    // On newer servers a month in which the plan changed has one for each plan: the youngest is this plan's.
    let of_component = usages.iter().filter(|usage| usage.type_.as_deref() == Some(component));
    match of_component.max_by_key(|usage| usage.created) {
        Some(usage) => usage.uuid.ok_or_else(|| usage.unreadable("uuid")),
        None => Err(match usages.iter().find(|usage| usage.type_.is_none()) {
            Some(usage) => usage.unreadable("type"),
            None => {
                let month = first_day(month).format("%Y-%m");
                refused_users(format!("{component}: no usage is reported for {month}"))
            }
        }),
    }
}

/// Whether this is a share of that usage of the component.
fn is_of(row: &UserUsage, usage: Uuid, component: &str) -> bool {
    row.usage_uuid.map_or(row.type_ == component, |uuid| uuid == usage)
}

fn refused_users(problem: String) -> Error {
    let error = Error::new(ErrorKind::Validation, problem);
    error.with_operation(builder::MarketplaceComponentUsagesSetUserUsages::OPERATION)
}

/// By component, by user.
fn shares(
    amounts: impl IntoIterator<Item = UserAmount>,
) -> Result<BTreeMap<String, BTreeMap<String, Decimal>>, Error> {
    let mut shares: BTreeMap<String, BTreeMap<String, Decimal>> = BTreeMap::new();
    for UserAmount { component, username, amount } in amounts {
        if component.trim().is_empty() {
            return Err(refused_users(format!("the component of {username} has an empty type")));
        }
        if username.trim().is_empty() {
            return Err(refused_users(format!("{component}: a username is empty")));
        }
        let length = username.chars().count();
        if length > USERNAME_LENGTH {
            let problem = format!("{component}: a username has {length} characters; up to 100 are taken");
            return Err(refused_users(problem));
        }
        let amount = exact(amount)
            .map_err(|problem| refused_users(format!("{component} of {username}: {problem}")))?;
        // Servers trim.
        let (component, username) = (component.trim().to_owned(), username.trim().to_owned());
        let problem = format!("{component} of {username} is there twice");
        if shares.entry(component).or_default().insert(username, amount).is_some() {
            return Err(refused_users(problem));
        }
    }
    Ok(shares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_of_one_usage() {
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
    fn users_are_named_once() {
        let share = |username: &str, amount: &str| UserAmount {
            component: "cpu".to_owned(),
            username: username.to_owned(),
            amount: amount.parse().unwrap(),
        };
        assert_eq!(shares([share("a", "1"), share("b", "2")]).unwrap()["cpu"].len(), 2);
        for wrong in [vec![share("a", "1"), share("a", "1")], vec![share("", "1")], vec![share("a", "0.001")]]
        {
            assert!(shares(wrong).unwrap_err().is_validation());
        }
        assert!(shares([share(&"x".repeat(101), "1")]).is_err());
    }
}
