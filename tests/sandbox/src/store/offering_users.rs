//! Offering users: the accounts that users have at offerings.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::OfferingUserState;

/// A user's consent to the terms of an offering.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Consent {
    pub(crate) given: bool,
    /// Whether newer terms require consent again.
    pub(crate) outdated: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct OfferingUser {
    pub(crate) uuid: Uuid,
    pub(crate) offering: Uuid,
    pub(crate) person: Uuid,
    /// `None` until it is named.
    pub(crate) username: Option<String>,
    pub(crate) state: OfferingUserState,
    pub(crate) comment: String,
    pub(crate) comment_url: String,
    pub(crate) restricted: bool,
    pub(crate) consent: Consent,
    /// The time at which the server added it to the offering by itself.
    pub(crate) propagated: Option<DateTime<Utc>>,
    pub(crate) created: DateTime<Utc>,
    pub(crate) modified: DateTime<Utc>,
}
