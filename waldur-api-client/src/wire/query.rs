//! How values are written in paths and queries.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

use rust_decimal::Decimal;

use super::CommaSeparated;

/// A value that can stand in a query or a path.
pub trait QueryValue {
    /// Its texts: one for each time that the key is repeated.
    fn texts(&self) -> Vec<String>;
}

macro_rules! display {
    ($($type:ty),*) => {$(
        impl QueryValue for $type {
            fn texts(&self) -> Vec<String> {
                vec![self.to_string()]
            }
        }
    )*};
}

display!(String, bool, i64, Decimal, NaiveDate, serde_json::Value);

impl QueryValue for uuid::Uuid {
    fn texts(&self) -> Vec<String> {
        vec![self.simple().to_string()]
    }
}

impl QueryValue for DateTime<Utc> {
    fn texts(&self) -> Vec<String> {
        vec![self.to_rfc3339_opts(SecondsFormat::AutoSi, true)]
    }
}

impl<T: QueryValue> QueryValue for Vec<T> {
    fn texts(&self) -> Vec<String> {
        self.iter().flat_map(T::texts).collect()
    }
}

impl<T: QueryValue> QueryValue for CommaSeparated<T> {
    fn texts(&self) -> Vec<String> {
        vec![self.0.texts().join(",")]
    }
}
