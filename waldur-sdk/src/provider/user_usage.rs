//! What the users of a resource used.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use futures_util::future::try_join;
use futures_util::{StreamExt as _, stream};
use rust_decimal::Decimal;
use uuid::Uuid;
use waldur_api_client::builder;

use super::Provider;
use super::report::exact;
use super::usage::{UserUsage, first_day};
use crate::error::{Error, ErrorKind};
use crate::outcome::Outcome;
use crate::types::{ComponentUserUsageBulkCreateRequest, ComponentUserUsageCreateRequest};

/// What a server takes.
const USERNAME_LENGTH: usize = 100;

/// What a user used of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserAmount {
    /// The type of the component, such as `cpu`.
    pub component: String,
    /// The user's name at the offering.
    pub username: String,
    /// How much.
    pub amount: Decimal,
}

/// A component and what came of the report of its users.
#[derive(Debug)]
pub struct UserUsageItem {
    /// The type of the component.
    pub component: String,
    /// What came of it: all of its users or none, where the server takes them in bulk.
    pub outcome: Outcome,
}

impl Provider {
    /// Reports, for the month of a day, what the users of a resource used: a request for each component of which that
    /// changes, beside two that list what was reported. What was reported before for a user is replaced, and what is
    /// reported with the same amount isn't sent, so it is safe to do again; users that aren't named keep what they have.
    /// (`marketplace_component_usages_set_user_usages`, or `…_set_user_usage` for each where a server doesn't have that;
    /// newer servers make the sum of the users the usage of the component.)
    ///
    /// # Errors
    /// Before anything is sent: if an amount isn't exact (see [`UsageReport::dry_run`](super::UsageReport::dry_run)), a name is empty, longer than 100
    /// characters or there twice, or nothing was reported of a component itself. What came of the components is in the
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
            try_join(self.usages(resource, month), self.user_usages(resource, month)).await?;
        let mut work = Vec::with_capacity(shares.len());
        for (component, mut shares) in shares {
            // On newer servers a month in which the plan changed has one for each plan: the youngest is this plan's.
            let of_component = usages.iter().filter(|usage| usage.type_ == component);
            let Some(usage) = of_component.max_by_key(|usage| usage.created) else {
                let month = first_day(month).format("%Y-%m");
                return Err(refused_users(format!("{component}: no usage is reported for {month}")));
            };
            for row in there.iter().filter(|row| is_of(row, usage.uuid, &component)) {
                if shares.get(&row.username) == Some(&row.amount) {
                    shares.remove(&row.username);
                }
            }
            work.push((usage.uuid, component, shares));
        }
        let items = stream::iter(work).map(|(usage, component, shares)| async move {
            let outcome = self.report_shares(resource, month, usage, &component, shares).await;
            UserUsageItem { component, outcome }
        });
        Ok(items.buffered(self.client.concurrency()).collect().await)
    }

    async fn report_shares(
        &self,
        resource: Uuid,
        month: NaiveDate,
        usage: Uuid,
        component: &str,
        shares: BTreeMap<String, Decimal>,
    ) -> Outcome {
        if shares.is_empty() {
            return Outcome::AlreadySo;
        }
        let mut items = Vec::with_capacity(shares.len());
        for (username, amount) in &shares {
            let item = ComponentUserUsageCreateRequest::builder().username(username).usage(*amount);
            match ComponentUserUsageCreateRequest::try_from(item) {
                Ok(item) => items.push(item),
                Err(problem) => return Outcome::Failed { error: refused_users(format!("{problem}")) },
            }
        }
        let error = match self.send_shares(usage, items).await {
            Ok(()) => return Outcome::Done,
            Err(error) => error,
        };
        if !error.is_answer_lost() {
            return if error.is_forbidden() || error.is_not_found() || error.is_validation() {
                Outcome::Refused { reason: error.reason() }
            } else {
                Outcome::Failed { error }
            };
        }
        match self.user_usages(resource, month).await {
            Ok(there) => {
                let there: BTreeSet<_> = there
                    .iter()
                    .filter(|row| is_of(row, usage, component))
                    .map(|row| (row.username.as_str(), row.amount))
                    .collect();
                if shares.iter().all(|(username, amount)| there.contains(&(username.as_str(), *amount))) {
                    Outcome::Done
                } else {
                    Outcome::Failed { error: error.with_note("it is not recorded") }
                }
            }
            Err(unread) => Outcome::Failed {
                error: error.with_note(format!("whether it is recorded is not known: {unread}")),
            },
        }
    }

    /// In bulk, or one by one where a server doesn't have that.
    async fn send_shares(
        &self,
        usage: Uuid,
        items: Vec<ComponentUserUsageCreateRequest>,
    ) -> Result<(), Error> {
        let api = self.client.api();
        let body = ComponentUserUsageBulkCreateRequest::builder().usages(items.clone());
        let error =
            match api.marketplace_component_usages_set_user_usages().uuid(usage).body(body).send().await {
                Ok(_) => return Ok(()),
                Err(error) => Error::from(error),
            };
        if !error.is_unsupported() {
            return Err(error);
        }
        for item in items {
            if let Err(error) =
                api.marketplace_component_usages_set_user_usage().uuid(usage).body(item).send().await
            {
                return Err(Error::from(error));
            }
        }
        Ok(())
    }
}

/// Whether this is a share of that usage of the component.
fn is_of(row: &UserUsage, usage: Uuid, component: &str) -> bool {
    row.usage_uuid.map_or(row.type_ == component, |uuid| uuid == usage)
}

fn refused_users(problem: String) -> Error {
    let error = Error::new(ErrorKind::Validation, problem);
    error.in_operation(builder::MarketplaceComponentUsagesSetUserUsages::OPERATION)
}

/// By component, by user.
fn shares(
    amounts: impl IntoIterator<Item = UserAmount>,
) -> Result<BTreeMap<String, BTreeMap<String, Decimal>>, Error> {
    let mut shares: BTreeMap<String, BTreeMap<String, Decimal>> = BTreeMap::new();
    for UserAmount { component, username, amount } in amounts {
        let length = username.chars().count();
        if length == 0 || length > USERNAME_LENGTH {
            let problem = format!("{component}: a username has {length} characters; from 1 to 100 are taken");
            return Err(refused_users(problem));
        }
        let amount = exact(amount)
            .map_err(|problem| refused_users(format!("{component} of {username}: {problem}")))?;
        if shares.entry(component.clone()).or_default().insert(username.clone(), amount).is_some() {
            return Err(refused_users(format!("{component} of {username} is there twice")));
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
