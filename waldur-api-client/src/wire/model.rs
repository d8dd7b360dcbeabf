//! Models of responses: each has a table of its fields instead of derived code.

use std::cell::Cell;
use std::marker::PhantomData;

use memchr::memchr_iter;
use serde::Serialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;

use super::lenient::{LenientDecode, Seed};
use super::type_mismatch::{at, mark, unknown};

/// The hash of the name of a field. The generator compiles the same source for its tables.
mod field_hash {
    include!(concat!(env!("OUT_DIR"), "/field_hash.rs"));
}
use field_hash::field_hash;

/// A model of a response.
pub trait Model: Default {
    /// The name in the schema.
    const NAME: &'static str;
    /// The names of the fields in JSON.
    const FIELDS: &'static [&'static str];
    /// The hash of each name, by which a field is found.
    const HASHES: &'static [u8];
    /// Whether the model keeps fields that it doesn't declare.
    const KEEPS_ADDITIONAL: bool = false;
    /// Returns the map of the fields that the model doesn't declare.
    fn additional(&mut self) -> Option<&mut serde_json::Map<String, serde_json::Value>> {
        None
    }
    /// Decodes the value of the field `index` of [`FIELDS`](Self::FIELDS) from `map`.
    ///
    /// # Errors
    /// If the text isn't JSON.
    fn read<'de, A: MapAccess<'de>>(&mut self, index: usize, map: &mut A) -> Result<(), A::Error>;
}

/// A model of a response that can be serialized as well.
pub(crate) trait WriteModel: Model {
    /// Writes the fields that aren't empty.
    ///
    /// # Errors
    /// Those of the serializer.
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;
}

/// Returns the hash of the field `name` for [`Model::HASHES`].
#[doc(hidden)]
pub const fn hash_of(name: &str) -> u8 {
    field_hash(name)
}

/// Implements decoding and serialization for a model of a response.
macro_rules! received {
    ($name:ident) => {
        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::wire::model::deserialize(deserializer)
            }
        }
        impl $crate::wire::LenientDecode for $name {
            const SHAPE: $crate::wire::Shape =
                $crate::wire::Shape::Object(<$name as $crate::wire::model::Model>::NAME);
            fn read<'de, D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
                $crate::wire::read_model(deserializer)
            }
        }
        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::wire::model::serialize(self, serializer)
            }
        }
    };
}

pub(crate) use received;

/// Deserializes a model strictly as a whole: anything but an object is an error.
///
/// # Errors
/// If the value isn't a JSON object.
pub(crate) fn deserialize<'de, M: Model, D: Deserializer<'de>>(deserializer: D) -> Result<M, D::Error> {
    struct Whole<M>(PhantomData<M>);
    impl<'de, M: Model> Visitor<'de> for Whole<M> {
        type Value = M;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "an object: {}", M::NAME)
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<M, A::Error> {
            read_fields(map)
        }
    }
    deserializer.deserialize_map(Whole(PhantomData))
}

/// Serializes a model as a map of the fields that aren't empty.
///
/// # Errors
/// Those of the serializer.
pub(crate) fn serialize<M: WriteModel, S: serde::Serializer>(
    model: &M,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    model.write(&mut map)?;
    map.end()
}

thread_local! {
    /// The order of the fields in the previous object, while the objects of a list are decoded.
    static ORDER: Cell<Option<Vec<u16>>> = const { Cell::new(None) };
}

/// The index of a field that the model doesn't have.
const NO_FIELD: u16 = u16::MAX;

/// Decodes an object of a list with `read`. Its fields mostly have the order of those of the previous object,
/// which is in `order`.
pub(crate) fn in_a_list<T>(order: &mut Vec<u16>, read: impl FnOnce() -> T) -> T {
    ORDER.set(Some(std::mem::take(order)));
    let value = read();
    *order = ORDER.take().unwrap_or_default();
    value
}

/// Decodes the fields of a model.
pub(crate) fn read_fields<'de, M: Model, A: MapAccess<'de>>(mut map: A) -> Result<M, A::Error> {
    let mut model = M::default();
    // Models within this one have their own order.
    let mut order = ORDER.take();
    let mut position = 0;
    let mut other = String::new();
    loop {
        let expected = order.as_ref().and_then(|order| order.get(position)).copied().unwrap_or(NO_FIELD);
        let kept = M::KEEPS_ADDITIONAL.then_some(&mut other);
        let name = FieldName { names: M::FIELDS, hashes: M::HASHES, expected, other: kept };
        let Some(found) = map.next_key_seed(name)? else { break };
        match found {
            Some(index) => {
                let before = mark();
                model.read(index, &mut map)?;
                at(before, || M::FIELDS.get(index).copied().unwrap_or_default().into());
            }
            None => match model.additional() {
                Some(additional) => {
                    let value = map.next_value()?;
                    additional.insert(std::mem::take(&mut other), value);
                }
                None => skip(&mut map)?,
            },
        }
        if let Some(order) = &mut order {
            let found = found.and_then(|index| u16::try_from(index).ok()).unwrap_or(NO_FIELD);
            match order.get_mut(position) {
                Some(place) => *place = found,
                None => order.push(found),
            }
        }
        position += 1;
    }
    ORDER.set(order);
    Ok(model)
}

/// Decodes a key as its index in `names`.
struct FieldName<'a> {
    names: &'static [&'static str],
    hashes: &'static [u8],
    expected: u16,
    /// Receives a name that isn't among `names`, if the model keeps such fields.
    other: Option<&'a mut String>,
}

impl<'de> DeserializeSeed<'de> for FieldName<'_> {
    type Value = Option<usize>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for FieldName<'_> {
    type Value = Option<usize>;
    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a field's name")
    }
    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        if self.names.get(usize::from(self.expected)) == Some(&name) {
            return Ok(Some(usize::from(self.expected)));
        }
        let found =
            memchr_iter(field_hash(name), self.hashes).find(|index| self.names.get(*index) == Some(&name));
        if found.is_none() {
            match self.other {
                Some(other) => other.push_str(name),
                None => unknown(name),
            }
        }
        Ok(found)
    }
}

/// A field of a model of a response.
pub trait Slot {
    /// Decodes the next value of `map` into the field.
    fn fill<'de, A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error>;
}

impl<T: LenientDecode> Slot for Option<T> {
    fn fill<'de, A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        *self = map.next_value_seed(Seed::<T>(PhantomData))?;
        Ok(())
    }
}

macro_rules! collection {
    ($($type:ty { $($generics:tt)* })*) => {$(
        impl<$($generics)*> Slot for $type {
            fn fill<'de, A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
                *self = map.next_value_seed(Seed::<Self>(PhantomData))?.unwrap_or_default();
                Ok(())
            }
        }
    )*};
}

collection! {
    Vec<T> { T: LenientDecode }
    std::collections::HashMap<String, T> { T: LenientDecode }
    serde_json::Map<String, serde_json::Value> {}
}

/// Decodes the next value of `map` into `slot`.
///
/// # Errors
/// If the text isn't JSON.
pub fn slot<'de, S: Slot, A: MapAccess<'de>>(slot: &mut S, map: &mut A) -> Result<(), A::Error> {
    slot.fill(map)
}

/// Skips the next value of `map`.
///
/// # Errors
/// If the text isn't JSON.
pub fn skip<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<IgnoredAny>().map(drop)
}

/// A field that is left out if it is empty.
pub(crate) trait Entry: Serialize {
    /// Returns whether the field is empty.
    fn is_none(&self) -> bool;
}

impl<T: Serialize> Entry for Option<T> {
    fn is_none(&self) -> bool {
        Self::is_none(self)
    }
}

impl<T: Serialize> Entry for Vec<T> {
    fn is_none(&self) -> bool {
        self.is_empty()
    }
}

impl<T: Serialize> Entry for std::collections::HashMap<String, T> {
    fn is_none(&self) -> bool {
        self.is_empty()
    }
}

impl Entry for serde_json::Map<String, serde_json::Value> {
    fn is_none(&self) -> bool {
        self.is_empty()
    }
}

/// Writes `value` under `name`, unless it is empty.
///
/// # Errors
/// Those of the serializer.
pub(crate) fn entry<M: SerializeMap, E: Entry>(
    map: &mut M,
    name: &'static str,
    value: &E,
) -> Result<(), M::Error> {
    if value.is_none() { Ok(()) } else { map.serialize_entry(name, value) }
}

/// Writes `all`, the fields that a model doesn't declare.
///
/// # Errors
/// Those of the serializer, and a field that the model declares and has written.
pub(crate) fn additional<M: SerializeMap>(
    map: &mut M,
    all: &serde_json::Map<String, serde_json::Value>,
    is_written: impl Fn(&str) -> bool,
) -> Result<(), M::Error> {
    for (name, value) in all {
        if is_written(name) {
            return Err(serde::ser::Error::custom(format_args!(
                "`{name}` is set twice: as a field, and among the additional ones"
            )));
        }
        map.serialize_entry(name, value)?;
    }
    Ok(())
}
