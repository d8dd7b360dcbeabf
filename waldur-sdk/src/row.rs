//! Rows: how this crate's own types are read from answers, as leniently as the generated models.
//!
//! [`row!`](crate::row) declares a type with the names that its fields have on the wire and how much each of
//! them is needed. The fields are read by the client's own decoder: a value that doesn't fit costs that
//! field, with a warning. A row that lacks what is needed is set aside as an [`UnreadableRow`]; the rows
//! beside it are read all the same.

use std::fmt;
use std::ops::Deref;

use futures_util::future::{BoxFuture, ready};
use futures_util::stream::{Stream, StreamExt as _};
use serde::{Deserializer, Serialize};
use serde_json::Value;
use uuid::Uuid;
use waldur_api_client::__private::model::Model;
use waldur_api_client::__private::{self as wire, BufferedResponse, LenientDecode, project};
use waldur_api_client::{Error, ErrorKind, ListRequest, RetrieveCall};

/// A type that is read from the objects of an answer. Implemented by [`row!`](crate::row).
pub trait Row: Sized + Send + 'static {
    /// The fields as they were sent, as far as they fit.
    type Sent: Model + LenientDecode + Send + 'static;

    /// Makes the row of what was sent.
    ///
    /// # Errors
    /// The name of a field that is needed and missing, or doesn't fit.
    fn from_sent(sent: Self::Sent) -> Result<Self, &'static str>;
}

/// A row of a list that was set aside because it can't be used. Everything else of the list was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UnreadableRow {
    /// The operation of the list, as the schema names it.
    pub operation: &'static str,
    /// The uuid of the object, or of its user where it has none of its own.
    pub uuid: Option<Uuid>,
    /// Why it can't be used, such as ``no usable `state` ``.
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

/// The rows of a list in the server's order, and those that were set aside. Derefs to a slice of the former.
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
    /// The rows that can't be used. A warning was logged for each.
    #[must_use]
    pub fn unreadable(&self) -> &[UnreadableRow] {
        &self.unreadable
    }

    /// The usable rows alone.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.rows
    }

    /// The usable rows and the others.
    #[must_use]
    pub fn into_parts(self) -> (Vec<T>, Vec<UnreadableRow>) {
        (self.rows, self.unreadable)
    }

    /// Makes something else of each usable row.
    pub(crate) fn map<U>(self, make: impl FnMut(T) -> U) -> Rows<U> {
        Rows { rows: self.rows.into_iter().map(make).collect(), unreadable: self.unreadable }
    }

    /// Keeps the usable rows for which `keep` is true.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        self.rows.retain(keep);
    }

    /// Takes the last usable row.
    pub(crate) fn pop(&mut self) -> Option<T> {
        self.rows.pop()
    }

    /// Adds a row, or sets it aside.
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

/// Reads one object, asking only for the fields of `R`.
///
/// # Errors
/// Those of the call; of kind `Decode` where a needed field is missing or doesn't fit.
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

/// A row as it was read, or set aside.
pub(crate) type Read<R> = Result<R, UnreadableRow>;

/// Returns the list with the fields of `R`.
pub(crate) fn reading<R: Row, T: Send + 'static>(listing: ListRequest<T>) -> ListRequest<Read<R>> {
    listing.with_fields(R::Sent::FIELDS, read::<R>)
}

/// All rows of a list, each once, asking only for the fields of `R`; pages beyond the first are asked for
/// side by side.
///
/// # Errors
/// If the list can't be read. A row that can't be used is set aside.
pub(crate) fn all<R: Row, T: Send + 'static>(
    listing: ListRequest<T>,
    concurrency: usize,
) -> BoxFuture<'static, Result<Rows<R>, Error>> {
    let listing = reading::<R, _>(listing).concurrency(concurrency).dedup();
    Box::pin(async move { Ok(listing.all().await?.into_iter().collect()) })
}

/// All rows of a list, page by page, also those that have the uuid of an earlier one.
///
/// # Errors
/// If the list can't be read. A row that can't be used is set aside.
pub(crate) fn each<R: Row, T: Send + 'static>(
    listing: ListRequest<T>,
) -> BoxFuture<'static, Result<Rows<R>, Error>> {
    let listing = reading::<R, _>(listing);
    Box::pin(async move { Ok(listing.all().await?.into_iter().collect()) })
}

/// Returns the rows of a list as a stream, page by page. A row that can't be used is left out, with a warning.
pub(crate) fn stream<R: Row, T: Send + 'static>(
    listing: ListRequest<T>,
) -> impl Stream<Item = Result<R, Error>> + Send + Unpin {
    let rows = reading::<R, _>(listing).stream();
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

/// Reads the page of a list: an element for each of its items, whatever they are.
fn read<R: Row>(response: BufferedResponse) -> Result<Vec<Option<Read<R>>>, Error> {
    let (operation, body) = (response.operation(), response.body.clone());
    let sent: Vec<Option<R::Sent>> = response.read()?;
    let mut uuids = None;
    let rows = sent.into_iter().enumerate().map(|(index, sent)| {
        let row = match sent {
            Some(sent) => R::from_sent(sent).map_err(unusable),
            None => Err("no object".to_owned()),
        };
        Some(row.map_err(|problem| {
            let uuids: &Vec<Option<Uuid>> = uuids.get_or_insert_with(|| uuids_of(&body));
            UnreadableRow { operation: operation.id, uuid: uuids.get(index).copied().flatten(), problem }
        }))
    });
    Ok(rows.collect())
}

/// What names each item of a page: its uuid, or that of its user.
fn uuids_of(body: &[u8]) -> Vec<Option<Uuid>> {
    let items: Vec<Value> = serde_json::from_slice(body).unwrap_or_default();
    let uuid = |item: &Value, name: &str| item.get(name)?.as_str()?.parse().ok();
    items.iter().map(|item| uuid(item, "uuid").or_else(|| uuid(item, "user_uuid"))).collect()
}

fn unusable(field: &'static str) -> String {
    format!("no usable `{field}`")
}

/// Reads a row that stands in another one. One that can't be used is left out, with a warning.
pub(crate) fn read_nested<'de, R: Row, D: Deserializer<'de>>(deserializer: D) -> Result<Option<R>, D::Error> {
    let Some(sent) = <R::Sent as LenientDecode>::read(deserializer)? else { return Ok(None) };
    Ok(match R::from_sent(sent) {
        Ok(row) => Some(row),
        Err(field) => {
            wire::note_mismatch(field, "nothing that fits");
            None
        }
    })
}

/// The uuid at the end of an object's address.
pub(crate) fn uuid_of(address: &str) -> Option<Uuid> {
    address.trim_end_matches('/').rsplit('/').next()?.parse().ok()
}

/// Declares a type that is read from answers, with the names of its fields on the wire.
///
/// - `need`: a row without it can't be used.
/// - `or_default`: its default where it is absent, null, blank or doesn't fit.
/// - `or_unknown`: of an open enum, `Other("")` in those cases.
/// - `optional`: an `Option`, none in those cases; `non_empty` also where a text is empty.
/// - `by_address`: an `Option` of the uuid at the end of an object's address.
/// - `exact`: its default where it is null; a row in which it is absent, or doesn't fit as a whole, can't be
///   used. For what a workflow must not get wrong, such as limits.
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

                fn read<'de, A: ::serde::de::MapAccess<'de>>(
                    &mut self,
                    index: usize,
                    map: &mut A,
                ) -> Result<(), A::Error> {
                    let mut at = 0..;
                    $( if at.next() == Some(index) { return model::slot(&mut self.$field, map); } )*
                    model::skip(map)
                }
            }

            impl ::waldur_api_client::__private::LenientDecode for Sent {
                fn read<'de, D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
                    ::waldur_api_client::__private::read_model(deserializer)
                }
            }

            impl $crate::row::Row for $name {
                type Sent = Sent;

                fn from_sent(sent: Sent) -> Result<Self, &'static str> {
                    Ok(Self { $( $field: $crate::row::row!(@take $mode $wire, sent.$field), )* })
                }
            }

            impl ::waldur_api_client::__private::LenientDecode for $name {
                fn read<'de, D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
                    $crate::row::read_nested(deserializer)
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

/// Reads a row of an object, as it is read of an answer.
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
        fn any_value_in_any_field_costs_at_most_its_row(
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
        fn any_value_in_place_of_a_row_costs_at_most_that(value in any_json()) {
            let rows = read_page(&[object(1).into(), value, object(3).into()]);
            prop_assert!(rows.len() == 3 && rows[0].is_some() && rows[2].is_some());
        }
    }

    #[test]
    fn each_kind_of_field_is_read_as_it_says() {
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
