//! Whether two JSON values say the same, whatever their spelling.

use std::str::FromStr as _;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use rust_decimal::Decimal;
use serde_json::Value;
use uuid::Uuid;

/// The paths of what `sent` says and `kept` doesn't. Null, "", and empty lists and objects say nothing; a number may be
/// a text, a UUID may have dashes, and a time may be written in any zone.
#[must_use]
pub fn lost(sent: &Value, kept: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    compare(sent, kept, "$", &mut paths);
    paths
}

fn compare(sent: &Value, kept: &Value, path: &str, paths: &mut Vec<String>) {
    match (sent, kept) {
        _ if says_nothing(sent) => {}
        (Value::Object(sent), Value::Object(kept)) => {
            for (name, value) in sent {
                compare(value, kept.get(name).unwrap_or(&Value::Null), &format!("{path}.{name}"), paths);
            }
        }
        (Value::Array(sent), Value::Array(kept)) if sent.len() == kept.len() => {
            for (index, (sent, kept)) in sent.iter().zip(kept).enumerate() {
                compare(sent, kept, &format!("{path}[{index}]"), paths);
            }
        }
        _ if same(sent, kept) => {}
        _ => paths.push(path.to_owned()),
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        // An object whose fields say nothing says nothing.
        Value::Object(fields) => fields.values().all(says_nothing),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn same(sent: &Value, kept: &Value) -> bool {
    let texts = |value: &Value| match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    };
    let (Some(sent), Some(kept)) = (texts(sent), texts(kept)) else { return sent == kept };
    let both = |same: fn(&str, &str) -> Option<bool>| same(&sent, &kept) == Some(true);
    sent == kept
        || both(|a, b| Some(decimal(a)? == decimal(b)?))
        || both(|a, b| Some(Uuid::parse_str(a).ok()? == Uuid::parse_str(b).ok()?))
        || both(|a, b| Some(time(a)? == time(b)?))
        // A time that is declared as a date is that day.
        || both(|a, b| Some(time(a)?.date_naive() == b.parse::<NaiveDate>().ok()?))
        || both(|a, b| Some(boolean(a)? == boolean(b)?))
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" => Some(true),
        "0" => Some(false),
        text => text.to_ascii_lowercase().parse().ok(),
    }
}

fn decimal(text: &str) -> Option<Decimal> {
    Decimal::from_str(text).or_else(|_| Decimal::from_scientific(text)).ok()
}

fn time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.to_utc())
        .ok()
        .or_else(|| text.parse::<NaiveDateTime>().ok().map(|time| time.and_utc()))
        .or_else(|| text.parse::<NaiveDate>().ok().map(|day| day.and_time(NaiveTime::MIN).and_utc()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn spelling_is_no_loss() {
        let sent = json!({
            "uuid": "227ed6434294531b83deeada77082d05", "usage": "0E-10", "cost": 3, "price": "1.50",
            "created": "2026-01-02", "modified": "2026-01-02T03:04:05.100000Z", "start_date": "2026-01-02T03:04:05Z",
            "blank": "", "none": null, "list": [], "object": {"a": null}, "flag": "true",
        });
        let kept = json!({
            "uuid": "227ed643-4294-531b-83de-eada77082d05", "usage": "0.0000000000", "cost": "3", "price": "1.5",
            "created": "2026-01-02T00:00:00Z", "modified": "2026-01-02T05:04:05.1+02:00", "start_date": "2026-01-02",
            "flag": true,
        });
        assert!(lost(&sent, &kept).is_empty(), "{:?}", lost(&sent, &kept));
    }

    #[test]
    fn what_is_missing_or_says_something_else_is_lost() {
        let sent =
            json!({"a": [{"b": 1, "c": "x"}, {"b": 2}], "d": {"e": false}, "f": "2026-01-02", "g": [1]});
        let kept = json!({"a": [{"b": 1}, {"b": 3}], "d": {}, "f": "2026-01-03", "g": [1, 2]});
        assert_eq!(lost(&sent, &kept), ["$.a[0].c", "$.a[1].b", "$.d.e", "$.f", "$.g"]);
    }
}
