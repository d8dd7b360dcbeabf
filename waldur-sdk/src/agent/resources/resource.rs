//! What a back end is given: a resource, and how Waldur wants it.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;
use waldur_api_client::__private::Checked;
use waldur_api_client::types::ResourceState;

use crate::agent::task::Limits;
use crate::row::row;

row! {
    /// A resource as it is read.
    pub(super) struct ResourceRow {
        uuid: Uuid = need "uuid",
        state: ResourceState = need "state",
        name: String = or_default "name",
        backend_id: String = exact "backend_id",
        offering_uuid: Uuid = need "offering_uuid",
        project_uuid: Option<Uuid> = optional "project_uuid",
        project_name: String = or_default "project_name",
        project_slug: String = or_default "project_slug",
        customer_uuid: Option<Uuid> = optional "customer_uuid",
        customer_slug: String = or_default "customer_slug",
        plan_uuid: Option<Uuid> = optional "plan_uuid",
        limits: Limits = exact "limits",
        paused: Option<bool> = optional "paused",
        downscaled: Option<bool> = optional "downscaled",
        restrict_member_access: Option<bool> = optional "restrict_member_access",
        end_date: Option<Checked<NaiveDate>> = optional "end_date",
        project_end_date: Option<Checked<NaiveDate>> = optional "project_end_date",
        error_message: String = or_default "error_message",
        backend_metadata: Value = or_default "backend_metadata",
        last_sync: Option<DateTime<Utc>> = optional "last_sync",
    }
}

/// How much a resource can be used. Displays as a word, such as `paused`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ResourceMode {
    /// Without restriction.
    #[default]
    Normal,
    /// With less than its limits, such as at a lower priority.
    Downscaled,
    /// Not at all.
    Paused,
}

impl fmt::Display for ResourceMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Normal => "normal",
            Self::Downscaled => "downscaled",
            Self::Paused => "paused",
        })
    }
}

/// Whose limits apply where those of Waldur and of the back end differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LimitsSource {
    /// Those of Waldur: they are set in the back end.
    #[default]
    Waldur,
    /// Those of the back end: they are set in Waldur.
    Backend,
}

/// A resource, as a back end needs it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AgentResource {
    /// The resource's uuid.
    pub uuid: Uuid,
    /// Its state: OK or Erred.
    pub state: ResourceState,
    /// Its name, which the customer chose; empty if it has none.
    pub name: String,
    /// Its id in the back end; empty if Waldur has none.
    pub backend_id: String,
    /// Its offering.
    pub offering_uuid: Uuid,
    /// Its project.
    pub project_uuid: Option<Uuid>,
    /// The project's name.
    pub project_name: String,
    /// The project's short name; empty if it has none.
    pub project_slug: String,
    /// The project's organization.
    pub customer_uuid: Option<Uuid>,
    /// The organization's short name; empty if it has none.
    pub customer_slug: String,
    /// Its plan; `None` if it has none.
    pub plan_uuid: Option<Uuid>,
    /// Its limits in Waldur.
    pub limits: Limits,
    /// The mode that Waldur wants; `None` if the server doesn't say. A resource that is both paused and
    /// downscaled is [`Paused`](ResourceMode::Paused).
    pub mode: Option<ResourceMode>,
    /// Whether its members are to have no access; `None` if the server doesn't say.
    pub members_restricted: Option<bool>,
    /// The last day of the resource or of its project, whichever is earlier; `None` if neither ends. Waldur
    /// orders the termination when that day is over. A server that doesn't send one of both leaves the back
    /// end's last day as it is.
    pub end_date: Option<NaiveDate>,
    /// The error message; empty if there is none.
    pub error_message: String,
    /// The metadata that the back end reported last.
    pub backend_metadata: Value,
    /// When it was last synchronized; servers before 2025 don't send it.
    pub last_sync: Option<DateTime<Utc>>,
    /// Whether the end can't be read, so that nothing follows from it.
    #[serde(skip)]
    pub(super) is_end_unknown: bool,
}

/// Returns the mode that the flags mean; none if they don't tell.
pub(super) fn mode_of(paused: Option<bool>, downscaled: Option<bool>) -> Option<ResourceMode> {
    match (paused, downscaled) {
        (Some(true), _) => Some(ResourceMode::Paused),
        (Some(false), Some(true)) => Some(ResourceMode::Downscaled),
        (Some(false), Some(false)) => Some(ResourceMode::Normal),
        _ => None,
    }
}

impl From<ResourceRow> for AgentResource {
    fn from(row: ResourceRow) -> Self {
        let mode = mode_of(row.paused, row.downscaled);
        let ends = [row.end_date, row.project_end_date];
        let is_end_unknown = ends.iter().any(|day| matches!(day, None | Some(Checked::TypeMismatch)));
        let days = ends.into_iter().filter_map(|day| match day {
            Some(Checked::Value(day)) => Some(day),
            _ => None,
        });
        Self {
            uuid: row.uuid,
            state: row.state,
            name: row.name,
            backend_id: row.backend_id,
            offering_uuid: row.offering_uuid,
            project_uuid: row.project_uuid,
            project_name: row.project_name,
            project_slug: row.project_slug,
            customer_uuid: row.customer_uuid,
            customer_slug: row.customer_slug,
            plan_uuid: row.plan_uuid,
            limits: row.limits,
            mode,
            members_restricted: row.restrict_member_access,
            end_date: days.min(),
            error_message: row.error_message,
            backend_metadata: row.backend_metadata,
            last_sync: row.last_sync,
            is_end_unknown,
        }
    }
}

impl From<&AgentResource> for Uuid {
    fn from(resource: &AgentResource) -> Self {
        resource.uuid
    }
}

/// Writes `resource`, the uuid and the name.
impl fmt::Display for AgentResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "resource {}", self.uuid.simple())?;
        match self.name.is_empty() {
            false => write!(f, " ({})", self.name),
            true => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::row;

    fn with(fields: Value) -> Result<AgentResource, &'static str> {
        let mut whole = json!({
            "uuid": Uuid::from_u128(1), "state": "OK", "backend_id": "hpc_1", "offering_uuid": Uuid::from_u128(2),
            "limits": { "cpu": 8 }, "paused": false, "downscaled": false, "restrict_member_access": false,
            "end_date": null, "project_end_date": null,
        });
        for (name, value) in fields.as_object().unwrap() {
            whole[name] = value.clone();
        }
        row::of_json::<ResourceRow>(&whole).map(AgentResource::from)
    }

    #[test]
    fn a_resource_stands_for_its_uuid_and_is_unrestricted_by_default() {
        let row = with(json!({})).unwrap();
        assert_eq!((Uuid::from(&row), row.mode), (row.uuid, Some(ResourceMode::default())));
    }

    #[test]
    fn a_flag_that_cannot_be_read_is_not_false() {
        use ResourceMode::{Downscaled, Normal, Paused};
        for (paused, downscaled, mode) in [
            (json!(false), json!(false), Some(Normal)),
            (json!(false), json!(true), Some(Downscaled)),
            (json!(true), json!(true), Some(Paused)),
            (json!(true), json!("maybe"), Some(Paused)),
            (json!(false), json!("maybe"), None),
            (json!(null), json!(true), None),
        ] {
            let row = with(json!({ "paused": paused, "downscaled": downscaled })).unwrap();
            assert_eq!(row.mode, mode, "{paused} {downscaled}");
        }
        assert_eq!(with(json!({ "restrict_member_access": [] })).unwrap().members_restricted, None);
    }

    #[test]
    fn the_earlier_end_counts_and_an_unreadable_one_is_no_end() {
        let end = |own: Value, project: Value| {
            let row = with(json!({ "end_date": own, "project_end_date": project })).unwrap();
            (row.end_date.map(|day| day.to_string()), row.is_end_unknown)
        };
        let day = |text: &str| Some(text.to_owned());
        assert_eq!(end(json!(null), json!("")), (None, false));
        assert_eq!(end(json!("2031-05-06"), json!(null)), (day("2031-05-06"), false));
        assert_eq!(end(json!("2031-05-06"), json!("2030-01-02")), (day("2030-01-02"), false));
        assert!(end(json!("2031-05-06"), json!("soon")).1);
    }

    #[test]
    fn limits_that_cannot_be_read_cost_the_row() {
        assert_eq!(with(json!({ "limits": { "cpu": "many" } })).unwrap_err(), "limits");
        assert_eq!(with(json!({ "backend_id": ["a"] })).map(|row| row.backend_id), Err("backend_id"));
        assert!(with(json!({ "limits": null })).unwrap().limits.is_empty());
    }
}
