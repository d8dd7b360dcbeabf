//! The results of a round, resource by resource and month by month.

use std::fmt;

use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::{Error, ErrorKind};

use super::meter::MeteredResource;
use crate::bulk::{Item, Outcome};
use crate::confirm::Applied;
use crate::usage::{ComponentUsage, Month, UserAmount};

/// A resource and what a round reported for it in one month: the target of the items of
/// [`UsageProcessor::run_once`](super::UsageProcessor::run_once).
///
/// The [`Outcome`] of the item is failed if a request failed, something had to be [left out](Self::left_out),
/// or the resource has no id in the back end ([`NoBackendId`](crate::NoBackendId)); the rest was reported all
/// the same.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct MeteredMonth {
    /// The resource's uuid.
    pub resource_uuid: Uuid,
    /// Its name.
    pub resource_name: String,
    /// The month.
    pub month: Month,
    /// The usage that the server accepted now.
    pub reported: Vec<ComponentUsage>,
    /// The usage that was not sent because it is reported already.
    pub unchanged: Vec<ComponentUsage>,
    /// The usage by user that the server accepted now.
    pub users: Vec<UserAmount>,
    /// What was measured and not reported.
    pub left_out: Vec<LeftOut>,
}

/// Writes `resource`, the uuid, the name and the month.
impl fmt::Display for MeteredMonth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resource_uuid, resource_name, month, .. } = self;
        write!(f, "resource {} ({resource_name}) in {month}", resource_uuid.simple())
    }
}

impl MeteredMonth {
    pub(super) fn new(resource_uuid: Uuid, resource_name: &str, month: Month) -> Self {
        Self {
            resource_uuid,
            resource_name: resource_name.to_owned(),
            month,
            reported: Vec::new(),
            unchanged: Vec::new(),
            users: Vec::new(),
            left_out: Vec::new(),
        }
    }

    pub(super) fn of(resource: &MeteredResource, month: Month) -> Self {
        Self::new(resource.uuid, &resource.name, month)
    }

    /// Makes the item of a resource for which nothing was reported.
    pub(super) fn skipped(self, reason: &str) -> Item<Self> {
        Item::new(self, Outcome::Skipped { reason: reason.to_owned() })
    }

    /// Makes the item. `error` is what failed, if something did.
    pub(super) fn into_item(self, error: Option<Error>) -> Item<Self> {
        let odd: Vec<String> =
            self.left_out.iter().filter(|one| one.reason.is_problem()).map(LeftOut::to_string).collect();
        let outcome = match error {
            Some(error) => Err(error).into(),
            None if !odd.is_empty() => {
                let headline = format!("left out: {}", odd.join("; "));
                Outcome::Failed { error: Error::new(ErrorKind::Validation, "").with_headline(headline) }
            }
            None if self.reported.is_empty() && self.users.is_empty() => Ok(Applied::Already).into(),
            None => Ok(Applied::Now).into(),
        };
        Item::new(self, outcome)
    }
}

/// An amount that was measured and not reported.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LeftOut {
    /// The type of the component, as the meter named it.
    pub component: String,
    /// The user, if it is a user's amount. The amounts of the users of a component that was left out are left
    /// out too, and not named.
    pub username: Option<String>,
    /// The amount: in Waldur's unit if it could have been sent, else as it was measured.
    pub amount: Decimal,
    /// Why.
    pub reason: LeftOutReason,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.component)?;
        if let Some(username) = &self.username {
            write!(f, " of {username:?}")?;
        }
        write!(f, ": {} {}", self.amount.normalize(), self.reason)
    }
}

/// Why a measured amount was not reported. Serializes as an object with its `kind`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum LeftOutReason {
    /// The offering has no such component.
    UnknownComponent,
    /// Usage of the component isn't reported: it is billed once or at a fixed price.
    NotReportable,
    /// The amount is negative.
    Negative,
    /// The amount has more than fifteen digits before the decimal point.
    TooLarge,
    /// The amount is less than the reported one, and decreases are not
    /// [allowed](super::UsageProcessor::allow_decrease).
    Decrease {
        /// The reported amount.
        reported: Decimal,
    },
    /// What is reported can't be read, so it isn't known whether the amount is less.
    Unreadable,
    /// The username is blank or longer than 100 characters.
    InvalidUsername,
    /// The server doesn't accept usage of the past month for components that are billed by usage. This is no
    /// failure.
    MonthClosed,
}

impl LeftOutReason {
    /// Returns whether somebody has to look into it.
    #[must_use]
    pub fn is_problem(&self) -> bool {
        *self != Self::MonthClosed
    }
}

impl fmt::Display for LeftOutReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownComponent => f.write_str("is of no component of the offering"),
            Self::NotReportable => f.write_str("is of a component whose usage isn't reported"),
            Self::Negative => f.write_str("is negative"),
            Self::TooLarge => f.write_str("is too large"),
            Self::Decrease { reported } => {
                write!(f, "is less than the {} reported before", reported.normalize())
            }
            Self::Unreadable => f.write_str("can't be compared: the reported usage can't be read"),
            Self::InvalidUsername => f.write_str("is of an invalid username"),
            Self::MonthClosed => f.write_str("is of a month that is closed"),
        }
    }
}
