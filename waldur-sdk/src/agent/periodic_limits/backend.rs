//! The provider's back end for limits for a period.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::agent::backend::BackendError;
use crate::agent::task::Limits;
use crate::backend_id::BackendId;

/// The provider's own system, to which a [`PeriodicLimitsProcessor`](super::PeriodicLimitsProcessor) hands
/// the settings that a policy has computed.
pub trait PeriodicLimits: Send + Sync {
    /// Applies the settings to the resource with this id in the back end.
    ///
    /// They replace those that were applied before. It is called again for the same settings after it failed,
    /// and after the process was restarted before it could report.
    ///
    /// # Errors
    /// After a [permanent](BackendError::permanent) one, Waldur is told that the settings could not be
    /// applied, with the message. After a [transient](BackendError::transient) one, they are applied later,
    /// unless newer ones come.
    fn apply(
        &self,
        settings: &PeriodicSettings,
        id: &BackendId,
    ) -> impl Future<Output = Result<AppliedLimits, BackendError>> + Send;
}

impl<B: PeriodicLimits> PeriodicLimits for Arc<B> {
    async fn apply(
        &self,
        settings: &PeriodicSettings,
        id: &BackendId,
    ) -> Result<AppliedLimits, BackendError> {
        B::apply(self, settings, id).await
    }
}

/// What the back end did to apply settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct AppliedLimits {
    pub(super) commands: Vec<String>,
}

impl AppliedLimits {
    /// Returns what was done without naming commands.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a command that was executed, which the operators read in Waldur. An empty one is left out.
    pub fn command(mut self, command: impl Into<String>) -> Self {
        let command = command.into();
        if !command.is_empty() {
            self.commands.push(command);
        }
        self
    }
}

/// The settings of a resource for a period.
///
/// Servers send them by an event only. What this version has no function for is in
/// [`values`](Self::values).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PeriodicSettings {
    /// The resource.
    pub resource_uuid: Uuid,
    /// Its offering.
    pub offering_uuid: Uuid,
    /// The policy that has computed the settings; servers that don't send it can't be told the result.
    pub policy_uuid: Option<Uuid>,
    /// The settings as they were sent.
    pub values: Map<String, Value>,
}

impl PeriodicSettings {
    /// Returns the share of the resource in the scheduling, `fairshare`.
    #[must_use]
    pub fn fairshare(&self) -> Option<i64> {
        self.values.get("fairshare")?.as_i64()
    }

    /// Returns the kind of limit, `limit_type`, such as `GrpTRESMins`.
    #[must_use]
    pub fn limit_type(&self) -> Option<&str> {
        self.values.get("limit_type")?.as_str()
    }

    /// Returns the limits in minutes by the kind of resource, such as `billing`: `grp_tres_mins`, or else
    /// `max_tres_mins`. `None` if there are none, or one isn't a number.
    #[must_use]
    pub fn minutes(&self) -> Option<Limits> {
        let minutes = ["grp_tres_mins", "max_tres_mins"].into_iter().filter_map(|name| self.values.get(name));
        let minutes = minutes.filter_map(Value::as_object).find(|minutes| !minutes.is_empty())?;
        let limit = |(name, value): (&String, &Value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            Some((name.clone(), text.parse().ok()?))
        };
        minutes.iter().map(limit).collect()
    }

    /// Returns whether the usage that the back end has counted starts again at zero, `reset_raw_usage`.
    #[must_use]
    pub fn resets_usage(&self) -> bool {
        self.values.get("reset_raw_usage").and_then(Value::as_bool).unwrap_or_default()
    }
}

/// Writes `periodic limits of resource` and the uuid.
impl fmt::Display for PeriodicSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "periodic limits of resource {}", self.resource_uuid.simple())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_read_as_servers_send_them() {
        let of = |values: Value| PeriodicSettings {
            resource_uuid: Uuid::nil(),
            offering_uuid: Uuid::nil(),
            policy_uuid: None,
            values: values.as_object().cloned().unwrap(),
        };
        let settings = of(json!({
            "fairshare": 333, "limit_type": "GrpTRESMins", "grp_tres_mins": { "billing": 72000, "cpu": "1.5" },
            "reset_raw_usage": true,
        }));
        let minutes = [("billing", "72000"), ("cpu", "1.5")];
        let minutes = minutes.map(|(name, value)| (name.to_owned(), value.parse().unwrap()));
        assert_eq!((settings.fairshare(), settings.limit_type()), (Some(333), Some("GrpTRESMins")));
        assert_eq!((settings.minutes(), settings.resets_usage()), (Some(minutes.into()), true));
        let settings = of(json!({ "grp_tres_mins": {}, "max_tres_mins": { "node": 5 } }));
        assert_eq!(settings.minutes(), Some(Limits::from([("node".to_owned(), 5.into())])));
        assert!(!settings.resets_usage() && settings.fairshare().is_none());
        assert_eq!(of(json!({ "grp_tres_mins": { "cpu": "many" } })).minutes(), None);
        assert_eq!(of(json!({})).minutes(), None);
    }
}
