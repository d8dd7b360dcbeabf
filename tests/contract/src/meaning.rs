//! Compares JSON values by their meaning, regardless of their spelling.

use std::collections::BTreeSet;
use std::str::FromStr as _;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::Value;
use uuid::Uuid;
use waldur_api_client::__private::time;

/// Returns the paths of the values of `sent` that `kept` lacks or has with another meaning.
///
/// Null, "", and lists and objects of only these have no meaning. A number may be a text, a UUID may have
/// dashes, and a time may be in any zone.
#[must_use]
pub fn lost(sent: &Value, kept: &Value) -> Vec<String> {
    lost_beside(sent, kept, &BTreeSet::new())
}

/// Compares like [`lost`], if the values at the paths `known` are known to be lost.
///
/// The result includes these paths, but no paths below them.
#[must_use]
pub fn lost_beside(sent: &Value, kept: &Value, known: &BTreeSet<String>) -> Vec<String> {
    let mut comparison = Comparison { known, lost: known.clone() };
    comparison.compare(sent, kept, "$");
    comparison.lost.into_iter().collect()
}

/// Returns the path without the indexes of lists: `$[12].a` and `$[13].a` are the field `$[].a`.
#[must_use]
pub fn without_indexes(path: &str) -> String {
    let mut kept = String::new();
    let mut inside = false;
    for c in path.chars() {
        inside = inside && c != ']';
        if !inside {
            kept.push(c);
        }
        inside = inside || c == '[';
    }
    kept
}

struct Comparison<'a> {
    known: &'a BTreeSet<String>,
    lost: BTreeSet<String>,
}

impl Comparison<'_> {
    fn compare(&mut self, sent: &Value, kept: &Value, path: &str) {
        match (sent, kept) {
            _ if says_nothing(sent) || self.known.contains(path) => {}
            (Value::Object(sent), Value::Object(_) | Value::Null) => {
                for (name, value) in sent {
                    self.compare(value, kept.get(name).unwrap_or(&Value::Null), &format!("{path}.{name}"));
                }
            }
            (Value::Array(sent), Value::Array(kept)) if sent.len() == kept.len() => {
                self.elements(sent.iter().enumerate().zip(kept), path);
            }
            (Value::Array(sent), Value::Null) => {
                self.elements(sent.iter().enumerate().zip(std::iter::repeat(&Value::Null)), path);
            }
            (Value::Array(sent), Value::Array(kept)) => {
                // Elements without a meaning, and elements of an unexpected type, aren't kept in a list.
                let is_kept = |index: usize, value: &Value| {
                    !value.is_null() && !self.known.contains(&format!("{path}[{index}]"))
                };
                let fitting: Vec<_> =
                    sent.iter().enumerate().filter(|(index, value)| is_kept(*index, value)).collect();
                if fitting.len() == kept.len() {
                    self.elements(fitting.into_iter().zip(kept), path);
                } else {
                    self.lost.insert(path.to_owned());
                }
            }
            _ if same(sent, kept) => {}
            _ => drop(self.lost.insert(path.to_owned())),
        }
    }

    fn elements<'v>(&mut self, pairs: impl Iterator<Item = ((usize, &'v Value), &'v Value)>, path: &str) {
        for ((index, sent), kept) in pairs {
            self.compare(sent, kept, &format!("{path}[{index}]"));
        }
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        // A list or an object of parts without a meaning has no meaning.
        Value::Array(items) => items.iter().all(says_nothing),
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
        // A time that is declared as a date equals its day.
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn different_spellings_are_equal() {
        let sent = json!({
            "uuid": "227ed6434294531b83deeada77082d05", "usage": "0E-10", "cost": 3, "price": "1.50",
            "created": "2026-01-02", "modified": "2026-01-02T03:04:05.100000Z", "start_date": "2026-01-02T03:04:05Z",
            "blank": "", "none": null, "list": [], "object": {"a": null}, "flag": "true", "addresses": [null],
            "date": "2026-01-02T03:04:05", "texts": ["a", null, "b"],
        });
        let kept = json!({
            "uuid": "227ed643-4294-531b-83de-eada77082d05", "usage": "0.0000000000", "cost": "3", "price": "1.5",
            "created": "2026-01-02T00:00:00Z", "modified": "2026-01-02T05:04:05.1+02:00", "start_date": "2026-01-02",
            "flag": true, "addresses": [], "date": "2026-01-02T03:04:05Z", "texts": ["a", "b"],
        });
        assert!(lost(&sent, &kept).is_empty(), "{:?}", lost(&sent, &kept));
    }

    #[test]
    fn missing_and_different_values_are_lost() {
        let sent =
            json!({"a": [{"b": 1, "c": "x"}, {"b": 2}], "d": {"e": false}, "f": "2026-01-02", "g": [1]});
        let kept = json!({"a": [{"b": 1}, {"b": 3}], "d": {}, "f": "2026-01-03", "g": [1, 2]});
        assert_eq!(lost(&sent, &kept), ["$.a[0].c", "$.a[1].b", "$.d.e", "$.f", "$.g"]);
        assert_eq!(lost(&json!({"a": {"b": [1, null, {"c": 2}]}}), &json!({})), ["$.a.b[0]", "$.a.b[2].c"]);
    }

    #[test]
    fn known_losses_do_not_hide_others() {
        let sent = json!([null, {"a": 1, "b": {"c": 2, "d": 3}}, 7, {"a": 4}]);
        let kept = json!([{"b": {"d": 3}}, {"a": 4}]);
        let known = ["$[0]", "$[1].b.c", "$[2]"].map(str::to_owned).into();
        assert_eq!(lost_beside(&sent, &kept, &known), ["$[0]", "$[1].a", "$[1].b.c", "$[2]"]);
    }
}
