//! Rows: this crate's own types, decoded from responses as leniently as the generated models.
//!
//! [`row!`](crate::row) declares a type with the wire names of its fields and whether each is required. The
//! client's decoder reads the fields: a value of an unexpected type costs only that field, with a warning. A
//! row without a required field becomes an [`UnreadableRow`] and does not affect the rows beside it.

use std::fmt;
use std::ops::Deref;

use futures_util::future::{BoxFuture, ready};
use futures_util::stream::{Stream, StreamExt as _};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;
use waldur_api_client::__private::model::Model;
use waldur_api_client::__private::{
    self as wire, BufferedResponse, LenientDecode, PageItems, Source, Stopped, Unread, project,
};
use waldur_api_client::{Error, ErrorKind, ListRequest, RetrieveCall};

/// A type that is decoded from the objects of a response. Implemented by [`row!`](crate::row).
pub trait Row: Sized + Send + 'static {
    /// The fields as received; a field with an unexpected value is absent.
    type Sent: Model + LenientDecode + Send + 'static;

    /// Converts the received fields to the row.
    ///
    /// # Errors
    /// The name of a required field that is missing or has an unexpected value.
    fn from_sent(sent: Self::Sent) -> Result<Self, &'static str>;
}

/// A row of a list that could not be read. The other rows of the list are not affected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UnreadableRow {
    /// The operation id of the list, such as `marketplace_orders_list`.
    pub operation: &'static str,
    /// The uuid of the object, or the uuid of its user if the row has only that.
    pub uuid: Option<Uuid>,
    /// The reason, such as ``no usable `state` ``.
    pub problem: String,
}

impl fmt::Display for UnreadableRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.operation)?;
        match self.uuid {
            Some(uuid) => write!(f, "row {}: ", uuid.simple())?,
            None => f.write_str("a row without uuid: ")?,
        }
        f.write_str(&self.problem)
    }
}

/// The rows of a list in the server's order, and the rows that could not be read.
///
/// Derefs to a slice of the readable rows, and iterates over them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[must_use]
pub struct Rows<T> {
    rows: Vec<T>,
    unreadable: Vec<UnreadableRow>,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), unreadable: Vec::new() }
    }
}

impl<T> Rows<T> {
    /// Returns the rows that could not be read. Each was logged as a warning.
    #[must_use]
    pub fn unreadable(&self) -> &[UnreadableRow] {
        &self.unreadable
    }

    /// Returns the readable rows as a vector.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.rows
    }

    /// Returns the readable rows and the unreadable ones.
    #[must_use]
    pub fn into_parts(self) -> (Vec<T>, Vec<UnreadableRow>) {
        (self.rows, self.unreadable)
    }

    /// Converts each readable row.
    pub(crate) fn map<U>(self, make: impl FnMut(T) -> U) -> Rows<U> {
        Rows { rows: self.rows.into_iter().map(make).collect(), unreadable: self.unreadable }
    }

    /// Keeps the readable rows for which `keep` returns true.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        self.rows.retain(keep);
    }

    /// Keeps the readable rows for which `is_wanted` returns true. Adds the unreadable rows that it returns.
    pub(crate) fn keep(&mut self, is_wanted: impl Fn(&T) -> Result<bool, UnreadableRow>) {
        for row in std::mem::take(&mut self.rows) {
            match is_wanted(&row) {
                Ok(true) => self.rows.push(row),
                Ok(false) => {}
                Err(unreadable) => self.push(Err(unreadable)),
            }
        }
    }

    /// Removes and returns the last readable row.
    pub(crate) fn pop(&mut self) -> Option<T> {
        self.rows.pop()
    }

    /// Adds a readable or an unreadable row.
    pub(crate) fn push(&mut self, row: Result<T, UnreadableRow>) {
        match row {
            Ok(row) => self.rows.push(row),
            Err(row) => {
                tracing::warn!(%row, "a row was set aside");
                self.unreadable.push(row);
            }
        }
    }
}

impl<T> FromIterator<Result<T, UnreadableRow>> for Rows<T> {
    fn from_iter<I: IntoIterator<Item = Result<T, UnreadableRow>>>(rows: I) -> Self {
        let mut all = Self::default();
        rows.into_iter().for_each(|row| all.push(row));
        all
    }
}

impl<T> Deref for Rows<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.rows
    }
}

impl<T> IntoIterator for Rows<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a Rows<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.iter()
    }
}

/// Reads one object. Requests only the fields of `R`.
///
/// # Errors
/// Those of the call, and [`Error::is_unexpected_response`] if a required field is missing or can't be read.
pub(crate) fn retrieve<R: Row, C: RetrieveCall>(call: C) -> BoxFuture<'static, Result<R, Error>> {
    let call = match project(call, R::Sent::FIELDS) {
        Ok(call) => call,
        Err(error) => return Box::pin(ready(Err(error))),
    };
    Box::pin(async move {
        let operation = call.operation();
        let sent: R::Sent = call.prepare().buffer().await?.read()?;
        R::from_sent(sent).map_err(|field| {
            Error::new(ErrorKind::UnexpectedResponse, unusable(field)).with_operation(operation)
        })
    })
}

/// A row, or why it can't be read.
pub(crate) type Read<R> = Result<R, UnreadableRow>;

/// Returns the list with the fields of `R`.
pub(crate) fn reading<R: Row>(listing: ListRequest<Unread>) -> ListRequest<Read<R>> {
    listing.with_fields(R::Sent::FIELDS, read::<R>)
}

/// Reads all rows of a list, once each. Requests only the fields of `R`, and the pages after the first
/// concurrently.
///
/// # Errors
/// If a page can't be read. A row that can't be read is in [`Rows::unreadable`].
pub(crate) fn all<R: Row>(
    listing: ListRequest<Unread>,
    concurrency: usize,
) -> BoxFuture<'static, Result<Rows<R>, Error>> {
    let listing = reading::<R>(listing).concurrency(concurrency).dedup();
    Box::pin(async move { Ok(listing.all().await?.into_iter().collect()) })
}

/// Reads all rows of a list, page by page. Rows with the uuid of an earlier row are kept.
///
/// # Errors
/// If a page can't be read. A row that can't be read is in [`Rows::unreadable`].
pub(crate) fn each<R: Row>(listing: ListRequest<Unread>) -> BoxFuture<'static, Result<Rows<R>, Error>> {
    let listing = reading::<R>(listing);
    Box::pin(async move { Ok(listing.all().await?.into_iter().collect()) })
}

/// Returns the rows of a list as a stream, page by page. A row that can't be read is left out and logged as a
/// warning.
pub(crate) fn stream<R: Row>(
    listing: ListRequest<Unread>,
) -> impl Stream<Item = Result<R, Error>> + Send + Unpin {
    let rows = reading::<R>(listing).stream();
    rows.filter_map(|row| {
        ready(match row {
            Ok(Ok(row)) => Some(Ok(row)),
            Ok(Err(row)) => {
                tracing::warn!(%row, "a row was left out");
                None
            }
            Err(error) => Some(Err(error)),
        })
    })
}

/// Reads a page of a list: one element for each item of the page.
fn read<R: Row>(response: BufferedResponse, _: usize) -> Result<PageItems<Read<R>>, Error> {
    let (operation, body) = (response.operation(), response.body.clone());
    let sent: Vec<Option<R::Sent>> = response.read()?;
    let mut uuids = None;
    let rows = sent.into_iter().enumerate().map(|(index, sent)| {
        let row = match sent {
            Some(sent) => R::from_sent(sent).map_err(unusable),
            None => Err("no object".to_owned()),
        };
        row.map_err(|problem| {
            let uuids: &Vec<Option<Uuid>> = uuids.get_or_insert_with(|| uuids_of(&body));
            UnreadableRow { operation: operation.id, uuid: uuids.get(index).copied().flatten(), problem }
        })
    });
    Ok(rows.collect::<Vec<_>>().into())
}

/// Returns the uuid of each item of a page, or the uuid of its user.
fn uuids_of(body: &[u8]) -> Vec<Option<Uuid>> {
    let items: Vec<Value> = serde_json::from_slice(body).unwrap_or_default();
    let uuid = |item: &Value, name: &str| item.get(name)?.as_str()?.parse().ok();
    items.iter().map(|item| uuid(item, "uuid").or_else(|| uuid(item, "user_uuid"))).collect()
}

pub(crate) fn unusable(field: &'static str) -> String {
    format!("no usable `{field}`")
}

/// Reads a row nested in another one. A nested row that can't be read is left out, with a warning.
pub(crate) fn read_nested<R: Row>(source: &mut dyn Source) -> Result<Option<R>, Stopped> {
    let Some(sent) = <R::Sent as LenientDecode>::read(source)? else { return Ok(None) };
    Ok(match R::from_sent(sent) {
        Ok(row) => Some(row),
        Err(field) => {
            wire::note_mismatch(field, "nothing that fits");
            None
        }
    })
}

/// Returns the uuid at the end of an object's URL.
pub(crate) fn uuid_of(address: &str) -> Option<Uuid> {
    address.trim_end_matches('/').rsplit('/').next()?.parse().ok()
}

/// Declares a type that is decoded from responses, with the wire names of its fields.
///
/// - `need`: required; a row without the field is unreadable.
/// - `or_default`: the default if the field is absent, null, blank or of an unexpected type.
/// - `or_unknown`: an open enum, `Other("")` in those cases.
/// - `optional`: an `Option`, `None` in those cases. `non_empty`: also `None` for an empty text.
/// - `by_address`: an `Option` of the uuid at the end of an object's URL.
/// - `exact`: the default if the field is null; a row is unreadable if the field is absent or any part of it
///   is of an unexpected type. For values that a workflow must not misread, such as limits.
macro_rules! row {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $( $(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty = $mode:ident $wire:literal ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        $vis struct $name { $( $(#[$field_meta])* $field_vis $field: $type, )* }

        const _: () = {
            use ::waldur_api_client::__private::model;

            #[allow(
                unreachable_pub,
                missing_debug_implementations,
                reason = "it is as visible as its row, and nobody else can name it"
            )]
            #[derive(Default)]
            pub struct Sent { $( $field: $crate::row::row!(@sent $mode $type), )* }

            impl model::Model for Sent {
                const NAME: &'static str = stringify!($name);
                const FIELDS: &'static [&'static str] = &[$($wire),*];
                const HASHES: &'static [u8] = &[$(model::hash_of($wire)),*];

                fn read(
                    &mut self,
                    index: usize,
                    source: &mut dyn ::waldur_api_client::__private::Source,
                ) -> Result<(), ::waldur_api_client::__private::Stopped> {
                    let mut at = 0..;
                    $( if at.next() == Some(index) { return model::slot(&mut self.$field, source); } )*
                    model::skip(source)
                }
            }

            impl ::waldur_api_client::__private::LenientDecode for Sent {
                fn read(
                    source: &mut dyn ::waldur_api_client::__private::Source,
                ) -> Result<Option<Self>, ::waldur_api_client::__private::Stopped> {
                    ::waldur_api_client::__private::read_model(source)
                }
            }

            impl $crate::row::Row for $name {
                type Sent = Sent;

                fn from_sent(sent: Sent) -> Result<Self, &'static str> {
                    Ok(Self { $( $field: $crate::row::row!(@take $mode $wire, sent.$field), )* })
                }
            }

            impl ::waldur_api_client::__private::LenientDecode for $name {
                fn read(
                    source: &mut dyn ::waldur_api_client::__private::Source,
                ) -> Result<Option<Self>, ::waldur_api_client::__private::Stopped> {
                    $crate::row::read_nested(source)
                }
            }
        };
    };
    (@sent optional $type:ty) => { $type };
    (@sent non_empty $type:ty) => { $type };
    (@sent by_address $type:ty) => { Option<String> };
    (@sent exact $type:ty) => { Option<::waldur_api_client::__private::Checked<$type>> };
    (@sent $mode:ident $type:ty) => { Option<$type> };
    (@take need $wire:literal, $value:expr) => { $value.ok_or($wire)? };
    (@take or_default $wire:literal, $value:expr) => { $value.unwrap_or_default() };
    (@take or_unknown $wire:literal, $value:expr) => { $value.unwrap_or_else(|| "".into()) };
    (@take optional $wire:literal, $value:expr) => { $value };
    (@take non_empty $wire:literal, $value:expr) => { $value.filter(|text| !text.is_empty()) };
    (@take by_address $wire:literal, $value:expr) => { $value.and_then(|text| $crate::row::uuid_of(&text)) };
    (@take exact $wire:literal, $value:expr) => { $value.and_then(|value| value.or_default()).ok_or($wire)? };
}

pub(crate) use row;

/// Decodes a row from an object, as from a response.
#[cfg(test)]
pub(crate) fn of_json<R: Row>(object: &serde_json::Value) -> Result<R, &'static str> {
    let sent = wire::decode::<R::Sent>(object.to_string().as_bytes()).map_err(|_| "an object")?;
    R::from_sent(sent.value)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use rust_decimal::Decimal;
    use serde_json::{Map, json};

    use super::*;

    row! {
        /// A row with a field of every kind.
        #[derive(Clone, Debug, PartialEq)]
        struct Sample {
            uuid: Uuid = need "uuid",
            name: String = or_default "name",
            state: waldur_api_client::types::OrderState = or_unknown "state",
            end_date: Option<chrono::NaiveDate> = optional "end_date",
            username: Option<String> = non_empty "username",
            usage: Option<Uuid> = by_address "usage",
            limits: BTreeMap<String, Decimal> = exact "limits",
            parts: Vec<Part> = or_default "parts",
        }
    }

    row! {
        #[derive(Clone, Debug, PartialEq)]
        struct Part {
            type_: String = need "type",
            amount: Decimal = or_default "amount",
        }
    }

    const FIELDS: &[&str] = &["uuid", "name", "state", "end_date", "username", "usage", "limits", "parts"];

    fn object(number: u128) -> Map<String, Value> {
        let object = json!({
            "uuid": Uuid::from_u128(number), "name": "a", "state": "done", "end_date": "2026-05-01",
            "username": "alice", "usage": format!("https://w.example.org/api/x/{}/", Uuid::from_u128(7).simple()),
            "limits": { "cpu": 1.5 }, "parts": [{ "type": "cpu", "amount": "2.00" }],
        });
        object.as_object().cloned().unwrap()
    }

    fn read_page(page: &[Value]) -> Vec<Option<Sample>> {
        let bytes = serde_json::to_vec(page).unwrap();
        let sent = wire::decode::<Vec<Option<<Sample as Row>::Sent>>>(&bytes).unwrap().value;
        sent.into_iter().map(|sent| Sample::from_sent(sent?).ok()).collect()
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,40}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((".{0,8}", inner), 0..4)
                    .prop_map(|all| Value::Object(all.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_value_in_a_field_affects_at_most_its_row(
            field in prop::sample::select(FIELDS),
            value in prop::option::of(any_json()),
        ) {
            let mut odd = object(2);
            match value {
                Some(value) => _ = odd.insert(field.to_owned(), value),
                None => _ = odd.remove(field),
            }
            let rows = read_page(&[object(1).into(), odd.into(), object(3).into()]);
            prop_assert_eq!(&rows[0], &of_json(&object(1).into()).ok());
            prop_assert_eq!(&rows[2], &of_json(&object(3).into()).ok());
            let is_needed = ["uuid", "limits"].contains(&field);
            prop_assert!(rows[1].is_some() || is_needed, "{} costs the row", field);
        }

        #[test]
        fn any_value_in_place_of_a_row_affects_no_other_row(value in any_json()) {
            let rows = read_page(&[object(1).into(), value, object(3).into()]);
            prop_assert!(rows.len() == 3 && rows[0].is_some() && rows[2].is_some());
        }
    }

    #[test]
    fn each_kind_of_field_is_read_as_documented() {
        let row: Sample = of_json(&object(1).into()).unwrap();
        assert_eq!(row.usage, Some(Uuid::from_u128(7)));
        assert_eq!(row.parts, [Part { type_: "cpu".to_owned(), amount: Decimal::TWO }]);
        let mut blank = object(1);
        for field in ["name", "state", "end_date", "username", "usage", "parts"] {
            blank.insert(field.to_owned(), json!(""));
        }
        blank.insert("limits".to_owned(), Value::Null);
        let row: Sample = of_json(&blank.into()).unwrap();
        assert_eq!((row.name.as_str(), row.state.as_str(), row.end_date, row.username), ("", "", None, None));
        assert!(row.usage.is_none() && row.parts.is_empty() && row.limits.is_empty());
        for (field, value) in [("limits", json!({ "cpu": "many" })), ("uuid", json!("x"))] {
            let mut odd = object(1);
            odd.insert(field.to_owned(), value);
            assert_eq!(of_json::<Sample>(&odd.into()).unwrap_err(), field);
        }
        let mut part = object(1);
        part.insert("parts".to_owned(), json!([{ "amount": 1 }, null, { "type": "ram", "amount": [] }]));
        assert_eq!(
            of_json::<Sample>(&part.into()).unwrap().parts,
            [Part { type_: "ram".to_owned(), amount: Decimal::ZERO }]
        );
    }
}
