//! Spelling of values on the wire: uuids, times, and the server's names of JSON types.

use chrono::Offset as _;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, SecondsFormat, Utc};
use serde_json::Value;
use uuid::Uuid;

/// Returns a uuid as 32 hex digits.
pub(crate) fn hex(uuid: Uuid) -> String {
    uuid.simple().to_string()
}

/// Returns a time in UTC with six digits of the second.
pub(crate) fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Returns the Python name of a JSON type, as the server has it in messages.
pub(crate) fn python_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

/// Parses 32 hex digits with or without dashes; no other form.
pub(crate) fn parse_uuid(text: &str) -> Option<Uuid> {
    if matches!(text.len(), 32 | 36) { Uuid::parse_str(text).ok() } else { None }
}

/// Parses a time with or without a zone, or a day.
pub(crate) fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    parse_time_in(text, Utc.fix())
}

/// Parses a time as [`parse_time`] does; a time without a zone is in `zone`.
pub(crate) fn parse_time_in(text: &str, zone: FixedOffset) -> Option<DateTime<Utc>> {
    let local = |time: NaiveDateTime| Some(time.and_local_timezone(zone).single()?.with_timezone(&Utc));
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.with_timezone(&Utc));
    }
    if let Ok(time) = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f") {
        return local(time);
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    local(day.and_hms_opt(0, 0, 0)?)
}
