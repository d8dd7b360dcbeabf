//! The limits of single users that Waldur wants, read once for all resources of an offering.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use tokio::sync::OnceCell;
use uuid::Uuid;
use waldur_api_client::__private::Checked;
use waldur_api_client::{Client, Error, ListExt as _};

use crate::agent::task::Limits;
use crate::backend_id::AccountName;
use crate::confirm::Confirm;
use crate::row::{self, UnreadableRow, row};

row! {
    struct UserLimitRow {
        // Where it can't be read, it may be of any resource.
        resource: Option<Uuid> = by_address "resource",
        user: Option<Uuid> = by_address "user",
        component_type: String = need "component_type",
        limit: Decimal = need "limit",
    }
}

row! {
    struct AccountRow {
        uuid: Uuid = need "uuid",
        username: Option<Checked<AccountName>> = optional "username",
    }
}

/// The limits of the users of a resource.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    pub(super) users: BTreeMap<AccountName, Limits>,
    /// Whether users that aren't among them have no limits. Otherwise some limits couldn't be read.
    pub(super) is_complete: bool,
}

impl Wanted {
    /// Returns the users whose limits in the back end are others, and the limits that they are to have: none
    /// if Waldur has none.
    pub(super) fn differing(mut self, there: &BTreeMap<AccountName, Limits>) -> Vec<(AccountName, Limits)> {
        if self.is_complete {
            for name in there.keys() {
                self.users.entry(name.clone()).or_default();
            }
        }
        let none = Limits::new();
        let differs = |(name, limits): &(AccountName, Limits)| there.get(name).unwrap_or(&none) != limits;
        self.users.into_iter().filter(differs).collect()
    }
}

#[derive(Debug, Default)]
struct Listed {
    resources: BTreeMap<Uuid, BTreeMap<AccountName, Limits>>,
    is_complete: bool,
    unreadable: Vec<UnreadableRow>,
}

/// The limits of users of an offering, or of one resource. They are read when they are needed.
#[derive(Debug)]
pub(super) struct UserLimits {
    client: Client,
    offering: Uuid,
    resource: Option<Uuid>,
    listed: OnceCell<Listed>,
}

impl UserLimits {
    pub(super) fn new(client: &Client, offering: Uuid, resource: Option<Uuid>) -> Self {
        Self { client: client.clone(), offering, resource, listed: OnceCell::new() }
    }

    /// Returns the limits of a resource's users. (`component_user_usage_limits_list`,
    /// `marketplace_offering_users_list`)
    ///
    /// # Errors
    /// If a list can't be read.
    pub(super) async fn of(&self, resource: Uuid, confirm: Confirm<'_>) -> Result<Wanted, Error> {
        let listed = self.listed.get_or_try_init(|| confirm.read(|| self.list())).await?;
        let users = listed.resources.get(&resource).cloned().unwrap_or_default();
        Ok(Wanted { users, is_complete: listed.is_complete })
    }

    /// Returns the rows that couldn't be read so far.
    pub(super) fn into_unreadable(self) -> Vec<UnreadableRow> {
        self.listed.into_inner().map(|listed| listed.unreadable).unwrap_or_default()
    }

    async fn list(&self) -> Result<Listed, Error> {
        let mut list = self.client.component_user_usage_limits_list().offering_uuid(self.offering);
        if let Some(resource) = self.resource {
            list = list.resource_uuid(resource);
        }
        let concurrency = self.client.bulk_concurrency();
        let rows = match row::all::<UserLimitRow>(list.unread(), concurrency).await {
            // There are no such limits.
            Err(error) if error.is_unsupported() => return Ok(Listed::default()),
            rows => rows?,
        };
        let (rows, unreadable) = rows.into_parts();
        let mut listed = Listed { is_complete: unreadable.is_empty(), unreadable, ..Listed::default() };
        if rows.is_empty() {
            return Ok(listed);
        }
        let accounts = self.client.marketplace_offering_users_list().offering_uuid([self.offering]);
        let accounts = row::all::<AccountRow>(accounts.unread(), concurrency).await?;
        let (accounts, unreadable) = accounts.into_parts();
        listed.is_complete &= unreadable.is_empty();
        listed.unreadable.extend(unreadable);
        let names: BTreeMap<Uuid, _> = accounts.into_iter().map(|row| (row.uuid, row.username)).collect();
        for row in rows {
            match (row.resource, row.user.and_then(|user| names.get(&user))) {
                (Some(resource), Some(Some(Checked::Value(name)))) => {
                    let users = listed.resources.entry(resource).or_default();
                    users.entry(name.clone()).or_default().insert(row.component_type, row.limit);
                }
                // A user without an account has nothing that could be limited.
                (Some(_), Some(None | Some(Checked::Null))) => {}
                _ => listed.is_complete = false,
            }
        }
        Ok(listed)
    }
}
