//! Models of responses: each has a table of its fields instead of derived code.

use std::cell::Cell;
use std::marker::PhantomData;

use memchr::memchr_iter;
use serde::Serialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::SerializeMap;

use super::lenient::LenientDecode;
use super::source::{Entries, Source, Stopped, read_entries};
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
    /// Decodes the value of the field `index` of [`FIELDS`](Self::FIELDS).
    ///
    /// # Errors
    /// If the text isn't JSON.
    fn read(&mut self, index: usize, source: &mut dyn Source) -> Result<(), Stopped>;
}

/// The constants of a model.
pub(super) struct Table {
    pub(super) name: &'static str,
    names: &'static [&'static str],
    hashes: &'static [u8],
    keeps_additional: bool,
}

impl Table {
    pub(super) const fn of<M: Model>() -> Self {
        Self { name: M::NAME, names: M::FIELDS, hashes: M::HASHES, keeps_additional: M::KEEPS_ADDITIONAL }
    }

    /// Returns the index of the field `name`, which is probably `expected`.
    fn find(&self, name: &str, expected: u16) -> Option<usize> {
        let is_name = |index: &usize| self.names.get(*index) == Some(&name);
        let expected = usize::from(expected);
        if is_name(&expected) {
            Some(expected)
        } else {
            memchr_iter(field_hash(name), self.hashes).find(is_name)
        }
    }
}

/// A model that is read, without its type. It is `None` before its object begins.
pub(super) trait Draft {
    /// Begins with an empty model.
    fn begin(&mut self);
    fn additional(&mut self) -> Option<&mut serde_json::Map<String, serde_json::Value>>;
    fn read(&mut self, index: usize, source: &mut dyn Source) -> Result<(), Stopped>;
}

impl<M: Model> Draft for Option<M> {
    fn begin(&mut self) {
        *self = Some(M::default());
    }

    fn additional(&mut self) -> Option<&mut serde_json::Map<String, serde_json::Value>> {
        self.as_mut()?.additional()
    }

    fn read(&mut self, index: usize, source: &mut dyn Source) -> Result<(), Stopped> {
        match self {
            Some(model) => model.read(index, source),
            None => source.skip(),
        }
    }
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
            #[inline]
            fn read(source: &mut dyn $crate::wire::Source) -> Result<Option<Self>, $crate::wire::Stopped> {
                $crate::wire::read_model(source)
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
            let mut model = Some(M::default());
            read_entries(map, |entries| read_fields(const { &Table::of::<M>() }, &mut model, entries))?;
            Ok(model.unwrap_or_default())
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
pub(super) fn read_fields(
    table: &'static Table,
    model: &mut dyn Draft,
    entries: &mut dyn Entries,
) -> Result<(), Stopped> {
    // Models within this one have their own order.
    let mut order = ORDER.take();
    let mut position = 0;
    let mut other = String::new();
    loop {
        let expected = order.as_ref().and_then(|order| order.get(position)).copied().unwrap_or(NO_FIELD);
        let mut found = None;
        let is_there = entries.key(&mut |name| {
            found = table.find(name, expected);
            if found.is_none() {
                if table.keeps_additional { name.clone_into(&mut other) } else { unknown(name) }
            }
        })?;
        if !is_there {
            break;
        }
        match found {
            Some(index) => {
                let before = mark();
                model.read(index, entries)?;
                at(before, || table.names.get(index).copied().unwrap_or_default().into());
            }
            None => match model.additional() {
                Some(additional) => {
                    additional.insert(std::mem::take(&mut other), entries.any()?);
                }
                None => entries.skip()?,
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
    Ok(())
}

/// A field of a model of a response.
pub trait Slot {
    /// Decodes a value into the field.
    ///
    /// # Errors
    /// If the text isn't JSON.
    fn fill(&mut self, source: &mut dyn Source) -> Result<(), Stopped>;
}

impl<T: LenientDecode> Slot for Option<T> {
    fn fill(&mut self, source: &mut dyn Source) -> Result<(), Stopped> {
        *self = T::read(source)?;
        Ok(())
    }
}

macro_rules! collection {
    ($($type:ty { $($generics:tt)* })*) => {$(
        impl<$($generics)*> Slot for $type {
            fn fill(&mut self, source: &mut dyn Source) -> Result<(), Stopped> {
                *self = Self::read(source)?.unwrap_or_default();
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

/// Decodes a value into `slot`.
///
/// # Errors
/// If the text isn't JSON.
pub fn slot<S: Slot>(slot: &mut S, source: &mut dyn Source) -> Result<(), Stopped> {
    slot.fill(source)
}

/// Skips a value.
///
/// # Errors
/// If the text isn't JSON.
pub fn skip(source: &mut dyn Source) -> Result<(), Stopped> {
    source.skip()
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
