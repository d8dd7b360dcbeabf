//! Decoding of arrays and objects.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use super::lenient::{LenientDecode, NOTHING, Seed, Shape};
use super::model::{Model, in_a_list, read_fields};
use super::scalar::{Scalar, skip_array, skip_object};
use super::type_mismatch::{at, mark, mismatch};

impl<T: LenientDecode> LenientDecode for Vec<T> {
    const SHAPE: Shape = Shape::Array;

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        let read = deserializer.deserialize_any(Structured(List(PhantomData)))?;
        Ok(read.or_mismatch("an array"))
    }
}

impl<T: LenientDecode> LenientDecode for HashMap<String, T> {
    const SHAPE: Shape = Shape::Object("an object");

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        let read = deserializer.deserialize_any(Structured(Map(PhantomData)))?;
        Ok(read.or_mismatch("an object"))
    }
}

impl<T: LenientDecode> LenientDecode for BTreeMap<String, T> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        Ok(HashMap::<String, T>::read(deserializer)?.map(|all| all.into_iter().collect()))
    }
}

impl LenientDecode for serde_json::Map<String, serde_json::Value> {
    const SHAPE: Shape = Shape::Object("an object");

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        let read = deserializer.deserialize_any(Structured(Free))?;
        Ok(read.or_mismatch("an object"))
    }
}

/// Decodes a model that is a field of another.
///
/// # Errors
/// If the text isn't JSON.
pub fn read_model<'de, M: Model, D: Deserializer<'de>>(deserializer: D) -> Result<Option<M>, D::Error> {
    let read = deserializer.deserialize_any(Structured(Fields(PhantomData)))?;
    Ok(read.or_mismatch(M::NAME))
}

/// The value that stands in place of an array or an object.
pub(crate) enum Read<T> {
    Value(T),
    /// Null or a blank text.
    Nothing,
    /// A value of another kind.
    TypeMismatch(&'static str),
}

impl<T> Read<T> {
    fn or_mismatch(self, expected: &'static str) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Nothing => None,
            Self::TypeMismatch(found) => {
                mismatch(expected, found);
                None
            }
        }
    }

    fn other(scalar: &Scalar<'_>) -> Self {
        match scalar {
            Scalar::Text("") => Self::Nothing,
            scalar => Self::TypeMismatch(scalar.kind()),
        }
    }
}

/// Decodes an array or an object.
trait Structure: Sized {
    type Value;
    fn seq<'de, A: SeqAccess<'de>>(self, seq: A) -> Result<Read<Self::Value>, A::Error> {
        skip_array(seq)?;
        Ok(Read::other(&Scalar::Array))
    }
    fn map<'de, A: MapAccess<'de>>(self, map: A) -> Result<Read<Self::Value>, A::Error> {
        skip_object(map)?;
        Ok(Read::other(&Scalar::Object))
    }
}

struct List<T>(PhantomData<T>);
struct Map<T>(PhantomData<T>);
struct Free;
struct Fields<M>(PhantomData<M>);

impl<T: LenientDecode> Structure for List<T> {
    type Value = Vec<T>;

    fn seq<'de, A: SeqAccess<'de>>(self, mut seq: A) -> Result<Read<Vec<T>>, A::Error> {
        let mut values = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(1024));
        let mut index = 0_usize;
        let mut order = Vec::new();
        loop {
            let before = mark();
            let next = in_a_list(&mut order, || seq.next_element_seed(Seed(PhantomData)));
            let Some(value) = next? else { break };
            if let (None, Shape::Object(expected)) = (&value, T::SHAPE)
                && mark() == before
            {
                mismatch(expected, NOTHING);
            }
            at(before, || format!("[{index}]").into());
            values.extend(value);
            index += 1;
        }
        Ok(Read::Value(values))
    }

    /// Accepts `{}` as an empty list, as some servers write it.
    fn map<'de, A: MapAccess<'de>>(self, map: A) -> Result<Read<Vec<T>>, A::Error> {
        Ok(if skip_object(map)? { Read::Value(Vec::new()) } else { Read::other(&Scalar::Object) })
    }
}

impl<T: LenientDecode> Structure for Map<T> {
    type Value = HashMap<String, T>;

    fn map<'de, A: MapAccess<'de>>(self, mut map: A) -> Result<Read<Self::Value>, A::Error> {
        let mut values = HashMap::new();
        while let Some(key) = map.next_key::<String>()? {
            let before = mark();
            let value = map.next_value_seed(Seed(PhantomData))?;
            at(before, || key.clone().into());
            if let Some(value) = value {
                values.insert(key, value);
            }
        }
        Ok(Read::Value(values))
    }

    /// Accepts `[]` as an empty object, as some servers write it.
    fn seq<'de, A: SeqAccess<'de>>(self, seq: A) -> Result<Read<Self::Value>, A::Error> {
        Ok(if skip_array(seq)? { Read::Value(HashMap::new()) } else { Read::other(&Scalar::Array) })
    }
}

impl Structure for Free {
    type Value = serde_json::Map<String, serde_json::Value>;

    fn map<'de, A: MapAccess<'de>>(self, mut map: A) -> Result<Read<Self::Value>, A::Error> {
        let mut values = serde_json::Map::new();
        while let Some((key, value)) = map.next_entry()? {
            values.insert(key, value);
        }
        Ok(Read::Value(values))
    }

    fn seq<'de, A: SeqAccess<'de>>(self, seq: A) -> Result<Read<Self::Value>, A::Error> {
        Ok(if skip_array(seq)? { Read::Value(serde_json::Map::new()) } else { Read::other(&Scalar::Array) })
    }
}

impl<M: Model> Structure for Fields<M> {
    type Value = M;

    fn seq<'de, A: SeqAccess<'de>>(self, seq: A) -> Result<Read<M>, A::Error> {
        Ok(if skip_array(seq)? { Read::Nothing } else { Read::other(&Scalar::Array) })
    }

    fn map<'de, A: MapAccess<'de>>(self, map: A) -> Result<Read<M>, A::Error> {
        read_fields(map).map(Read::Value)
    }
}

struct Structured<S>(S);

impl<'de, S: Structure> Visitor<'de> for Structured<S> {
    type Value = Read<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        self.0.seq(seq)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        self.0.map(map)
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Read::Nothing)
    }
    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(Read::Nothing)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Read::other(&Scalar::Bool(value)))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Read::other(&Scalar::Integer(value)))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Read::other(&Scalar::Unsigned(value)))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Read::other(&Scalar::Float(value)))
    }
    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Read::other(&Scalar::Text(value)))
    }
}
