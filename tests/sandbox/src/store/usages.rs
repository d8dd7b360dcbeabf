//! Component usages, and the shares of users in them.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{Actor, named};
use crate::wire::hex;

/// The usage of one component of one resource in one month.
#[derive(Clone, Debug)]
pub(crate) struct Usage {
    pub(crate) uuid: Uuid,
    pub(crate) resource: Uuid,
    pub(crate) component: String,
    /// The first day of the month.
    pub(crate) month: NaiveDate,
    pub(crate) amount: Decimal,
    pub(crate) description: String,
    pub(crate) recurring: bool,
    pub(crate) created: DateTime<Utc>,
    pub(crate) date: DateTime<Utc>,
    pub(crate) modified_by: Option<Actor>,
}

impl Usage {
    /// Returns the uuid of the only usage of a component of a resource in a month. `component` is the
    /// component's key.
    pub(crate) fn uuid_of(resource: Uuid, component: &str, month: NaiveDate) -> Uuid {
        named(&format!("usage {} {component} {month}", hex(resource)))
    }
}

/// One user's share of a [`Usage`].
#[derive(Clone, Debug)]
pub(crate) struct UserUsage {
    pub(crate) uuid: Uuid,
    pub(crate) usage: Uuid,
    pub(crate) offering_user: Option<Uuid>,
    pub(crate) username: String,
    pub(crate) amount: Decimal,
    pub(crate) description: String,
    pub(crate) created: DateTime<Utc>,
    pub(crate) modified: DateTime<Utc>,
}
