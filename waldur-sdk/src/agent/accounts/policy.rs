//! Who names the accounts of an offering.

use std::fmt;

use uuid::Uuid;
use waldur_api_client::{Client, Error};

use crate::confirm::Confirm;
use crate::row::{self, row};

row! {
    struct OfferingRow {
        #[allow(dead_code, reason = "an answer without it was blanked on its way")]
        uuid: Uuid = need "uuid",
        plugin_options: Option<PluginOptions> = optional "plugin_options",
    }
}

row! {
    struct PluginOptions {
        username_generation_policy: Option<String> = non_empty "username_generation_policy",
    }
}

/// Who names the accounts of an offering: its `username_generation_policy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NamePolicy {
    /// The provider.
    ServiceProvider,
    /// Waldur, by this policy, or by one that this version doesn't know.
    Other(String),
    /// The offering has none.
    Unknown,
}

impl NamePolicy {
    /// Reads the policy of an offering. (`marketplace_provider_offerings_retrieve`)
    ///
    /// # Errors
    /// If the offering can't be read.
    pub(super) async fn read(client: &Client, confirm: Confirm<'_>, offering: Uuid) -> Result<Self, Error> {
        let read = || row::retrieve(client.marketplace_provider_offerings_retrieve().uuid(offering));
        let row: OfferingRow = confirm.read(read).await?;
        Ok(match row.plugin_options.and_then(|options| options.username_generation_policy) {
            Some(policy) if policy == "service_provider" => Self::ServiceProvider,
            Some(policy) => Self::Other(policy),
            None => Self::Unknown,
        })
    }
}

impl fmt::Display for NamePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServiceProvider => f.write_str("service_provider"),
            Self::Other(policy) => f.write_str(policy),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}
