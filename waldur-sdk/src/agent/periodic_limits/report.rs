//! The results of settings for a period.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use waldur_api_client::{Error, ErrorKind};

use super::backend::PeriodicSettings;
use crate::agent::result::{failed, in_backend, seconds, skipped};
use crate::bulk::{Item, Outcome};
use crate::confirm::Applied;

/// The result of settings for a period. Serializes as an object with the name as `kind`.
///
/// The [`Outcome`] of the item follows from it; each variant says which.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum PeriodicLimitsResult {
    /// The back end applied them. ([`Outcome::Applied`])
    Applied {
        /// The commands that the back end named.
        commands: Vec<String>,
        /// Whether Waldur was told. Otherwise the server has no operation for that, or sent no policy.
        reported: bool,
    },
    /// Newer settings of the resource were applied already. ([`Outcome::Skipped`])
    Outdated,
    /// The back end failed permanently, or the resource has no id there. Waldur was told.
    /// ([`Outcome::Failed`])
    Erred {
        /// What failed.
        message: String,
    },
    /// The back end is still at work on them. ([`Outcome::Skipped`])
    InBackend {
        /// The time until the back end is called again. Serializes as seconds.
        #[serde(serialize_with = "seconds")]
        again_in: Duration,
    },
    /// The back end failed, or the result could not be reported. ([`Outcome::Failed`])
    Failed {
        /// The time until the next attempt. Serializes as seconds.
        #[serde(serialize_with = "seconds")]
        again_in: Duration,
    },
    /// The server refuses the result, such as of a policy that was removed. ([`Outcome::Refused`])
    Refused,
}

impl fmt::Display for PeriodicLimitsResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Applied { reported: true, .. } => f.write_str("applied"),
            Self::Applied { reported: false, .. } => f.write_str("applied, and not reported"),
            Self::Outdated => f.write_str("outdated"),
            Self::Erred { message } => write!(f, "erred: {message}"),
            Self::InBackend { again_in } => write!(f, "in the back end: again in {again_in:?}"),
            Self::Failed { again_in } => write!(f, "failed: again in {again_in:?}"),
            Self::Refused => f.write_str("refused"),
        }
    }
}

/// Settings for a period: the target of the items of
/// [`PeriodicLimitsProcessor::run_on_events`](super::PeriodicLimitsProcessor::run_on_events).
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ProcessedPeriodicLimits {
    /// The settings.
    pub settings: PeriodicSettings,
    /// Their result.
    pub result: PeriodicLimitsResult,
}

/// Writes `periodic limits of resource` and the uuid.
impl fmt::Display for ProcessedPeriodicLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}

impl ProcessedPeriodicLimits {
    /// Makes the item. `error` is what failed, if the result says that something did.
    pub(super) fn into_item(self, error: Option<Error>) -> Item<Self> {
        use PeriodicLimitsResult::{Erred, Failed, InBackend, Outdated, Refused};
        let outcome = match (&self.result, error) {
            (PeriodicLimitsResult::Applied { .. }, _) => Ok(Applied::Now).into(),
            (Outdated, _) => skipped("newer settings were applied"),
            (InBackend { again_in }, _) => in_backend(*again_in),
            (Refused, Some(error)) => Outcome::Refused { error },
            (Erred { .. } | Failed { .. }, Some(error)) => Outcome::Failed { error },
            (result @ (Erred { .. } | Failed { .. } | Refused), None) => {
                failed(ErrorKind::Backend, result.to_string())
            }
        };
        Item::new(self, outcome)
    }
}
