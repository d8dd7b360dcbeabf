//! Values of parameters in paths and queries.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

use rust_decimal::Decimal;

use super::CommaSeparated;
use crate::sealed::Sealed;

/// A value of a parameter in a query or a path. Only this crate implements it.
pub trait QueryValue: Sealed {
    /// Returns the texts of the value: the key of the query is repeated for each.
    fn texts(&self) -> Vec<String>;
}

macro_rules! display {
    ($($type:ty),*) => {$(
        impl Sealed for $type {}
        impl QueryValue for $type {
            fn texts(&self) -> Vec<String> {
                vec![self.to_string()]
            }
        }
    )*};
}

display!(String, bool, i64, Decimal, NaiveDate, serde_json::Value);

impl Sealed for uuid::Uuid {}
impl QueryValue for uuid::Uuid {
    fn texts(&self) -> Vec<String> {
        vec![self.simple().to_string()]
    }
}

impl Sealed for DateTime<Utc> {}
impl QueryValue for DateTime<Utc> {
    fn texts(&self) -> Vec<String> {
        vec![self.to_rfc3339_opts(SecondsFormat::AutoSi, true)]
    }
}

impl<T: QueryValue> Sealed for Vec<T> {}
impl<T: QueryValue> QueryValue for Vec<T> {
    fn texts(&self) -> Vec<String> {
        self.iter().flat_map(T::texts).collect()
    }
}

impl<T: QueryValue> Sealed for CommaSeparated<T> {}
impl<T: QueryValue> QueryValue for CommaSeparated<T> {
    fn texts(&self) -> Vec<String> {
        vec![self.0.texts().join(",")]
    }
}
