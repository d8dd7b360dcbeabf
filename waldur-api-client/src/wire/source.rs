//! The values of a JSON text as they are read, without the type of the parser: what reads them is compiled
//! once, and not for each model.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::scalar::Scalar;

/// Reading stopped at an error, which the parser's end of the source keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

/// A value of a JSON text. It is read once, by one of the functions.
pub trait Source {
    /// Hands the value to `sink`.
    ///
    /// # Errors
    /// If the text isn't JSON.
    fn visit(&mut self, sink: &mut dyn Sink) -> Result<(), Stopped>;

    /// Returns the value as it is.
    ///
    /// # Errors
    /// If the text isn't JSON.
    fn any(&mut self) -> Result<Value, Stopped>;

    /// Skips the value.
    ///
    /// # Errors
    /// If the text isn't JSON.
    fn skip(&mut self) -> Result<(), Stopped>;
}

/// Receives a value other than null.
pub trait Sink {
    /// Receives a value; of an array or an object only that it is one.
    fn scalar(&mut self, scalar: &Scalar<'_>);

    /// Receives an array.
    ///
    /// # Errors
    /// If the text isn't JSON.
    fn array(&mut self, items: &mut dyn Items) -> Result<(), Stopped> {
        skip_items(items)?;
        self.scalar(&Scalar::Array);
        Ok(())
    }

    /// Receives an object.
    ///
    /// # Errors
    /// If the text isn't JSON.
    fn object(&mut self, entries: &mut dyn Entries) -> Result<(), Stopped> {
        skip_entries(entries)?;
        self.scalar(&Scalar::Object);
        Ok(())
    }
}

/// Reads a value from its source.
pub(super) type Read<'a> = &'a mut dyn FnMut(&mut dyn Source) -> Result<(), Stopped>;

/// The items of an array.
pub trait Items {
    /// Reads the next item with `read`. Returns false at the end.
    ///
    /// # Errors
    /// If the text isn't JSON.
    fn next(&mut self, read: Read<'_>) -> Result<bool, Stopped>;
}

/// The entries of an object. After a key, this is the source of its value.
pub trait Entries: Source {
    /// Reads the next key with `read`. Returns false at the end.
    ///
    /// # Errors
    /// If the text isn't JSON.
    fn key(&mut self, read: &mut dyn FnMut(&str)) -> Result<bool, Stopped>;
}

/// Skips an array. Returns whether it is empty.
pub(super) fn skip_items(items: &mut dyn Items) -> Result<bool, Stopped> {
    let mut is_empty = true;
    while items.next(&mut |item| item.skip())? {
        is_empty = false;
    }
    Ok(is_empty)
}

/// Skips an object. Returns whether it is empty.
pub(super) fn skip_entries(entries: &mut dyn Entries) -> Result<bool, Stopped> {
    let mut is_empty = true;
    while entries.key(&mut |_| ())? {
        entries.skip()?;
        is_empty = false;
    }
    Ok(is_empty)
}

/// Reads a value of `deserializer` with `read`.
///
/// # Errors
/// The parser's.
pub(super) fn read_value<'de, D: Deserializer<'de>>(deserializer: D, read: Read<'_>) -> Result<(), D::Error> {
    let mut value = ParsedValue { deserializer: Some(deserializer), error: None };
    let result = read(&mut value);
    result.map_err(|Stopped| value.error.unwrap_or_else(unexplained))
}

/// Reads the entries of `map` with `read`.
///
/// # Errors
/// The parser's.
pub(super) fn read_entries<'de, A: MapAccess<'de>>(
    map: A,
    read: impl FnOnce(&mut dyn Entries) -> Result<(), Stopped>,
) -> Result<(), A::Error> {
    let mut entries = ParsedEntries { map, error: None };
    let result = read(&mut entries);
    result.map_err(|Stopped| entries.error.unwrap_or_else(unexplained))
}

/// Returns the error of a reader that stopped without one of the parser's.
fn unexplained<E: Error>() -> E {
    E::custom("a value was read twice")
}

struct ParsedValue<D, E> {
    /// `None` once the value is read.
    deserializer: Option<D>,
    error: Option<E>,
}

impl<'de, D: Deserializer<'de>> ParsedValue<D, D::Error> {
    fn read<T>(&mut self, read: impl FnOnce(D) -> Result<T, D::Error>) -> Result<T, Stopped> {
        let deserializer = self.deserializer.take().ok_or(Stopped)?;
        read(deserializer).map_err(|error| {
            self.error = Some(error);
            Stopped
        })
    }
}

impl<'de, D: Deserializer<'de>> Source for ParsedValue<D, D::Error> {
    fn visit(&mut self, sink: &mut dyn Sink) -> Result<(), Stopped> {
        self.read(|deserializer| deserializer.deserialize_any(Visit(sink)))
    }

    fn any(&mut self) -> Result<Value, Stopped> {
        self.read(|deserializer| serde::Deserialize::deserialize(deserializer))
    }

    fn skip(&mut self) -> Result<(), Stopped> {
        self.read(|deserializer| deserializer.deserialize_ignored_any(IgnoredAny)).map(drop)
    }
}

struct ParsedEntries<A, E> {
    map: A,
    error: Option<E>,
}

impl<A, E> ParsedEntries<A, E> {
    fn kept<T>(&mut self, result: Result<T, E>) -> Result<T, Stopped> {
        result.map_err(|error| {
            self.error = Some(error);
            Stopped
        })
    }
}

impl<'de, A: MapAccess<'de>> Source for ParsedEntries<A, A::Error> {
    fn visit(&mut self, sink: &mut dyn Sink) -> Result<(), Stopped> {
        let result = self.map.next_value_seed(Visit(sink));
        self.kept(result)
    }

    fn any(&mut self) -> Result<Value, Stopped> {
        let result = self.map.next_value();
        self.kept(result)
    }

    fn skip(&mut self) -> Result<(), Stopped> {
        let result = self.map.next_value::<IgnoredAny>();
        self.kept(result).map(drop)
    }
}

impl<'de, A: MapAccess<'de>> Entries for ParsedEntries<A, A::Error> {
    fn key(&mut self, read: &mut dyn FnMut(&str)) -> Result<bool, Stopped> {
        let result = self.map.next_key_seed(Key(read));
        Ok(self.kept(result)?.is_some())
    }
}

struct ParsedItems<A, E> {
    seq: A,
    error: Option<E>,
}

impl<'de, A: SeqAccess<'de>> Items for ParsedItems<A, A::Error> {
    fn next(&mut self, read: Read<'_>) -> Result<bool, Stopped> {
        match self.seq.next_element_seed(Item(read)) {
            Ok(item) => Ok(item.is_some()),
            Err(error) => {
                self.error = Some(error);
                Err(Stopped)
            }
        }
    }
}

/// Reads an item of an array.
struct Item<'a>(Read<'a>);

impl<'de> DeserializeSeed<'de> for Item<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        read_value(deserializer, self.0)
    }
}

/// Reads a key of an object.
struct Key<'a>(&'a mut dyn FnMut(&str));

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<(), E> {
        (self.0)(name);
        Ok(())
    }
}

/// Hands a value to a sink.
struct Visit<'a>(&'a mut dyn Sink);

impl Visit<'_> {
    fn scalar<E>(self, scalar: &Scalar<'_>) -> Result<(), E> {
        self.0.scalar(scalar);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Visit<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Visit<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.scalar(&Scalar::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.scalar(&Scalar::Integer(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.scalar(&Scalar::of_unsigned(value))
    }
    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.scalar(&Scalar::Float(value))
    }
    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.scalar(&Scalar::Text(value))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        let mut items = ParsedItems { seq, error: None };
        let result = self.0.array(&mut items);
        result.map_err(|Stopped| items.error.unwrap_or_else(unexplained))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        read_entries(map, |entries| self.0.object(entries))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::wire::decode;

    #[test]
    fn an_error_of_the_parser_is_returned_with_its_place() {
        for (text, place) in [
            ("[{\"a\": 1}, {\"a\": x}]", "line 1 column 18"),
            ("[{\"a\": 1}, {\"a\" 2}]", "line 1 column 17"),
            ("[{\"a\": 1}, {\"a\": 2]", "line 1 column 19"),
            ("[{\"a\": [1, \"]}]", "line 1 column 15"),
            ("[{\"a\": 1}", "line 1 column 9"),
        ] {
            let error = decode::<Vec<HashMap<String, i64>>>(text.as_bytes()).unwrap_err().to_string();
            assert!(error.ends_with(place), "{text}: {error}");
        }
    }

    #[test]
    fn a_value_is_read_once() {
        let mut parser = serde_json::Deserializer::from_str("1 2");
        let error = read_value(&mut parser, &mut |source| {
            source.skip()?;
            source.skip()
        });
        assert_eq!(error.unwrap_err().to_string(), "a value was read twice");
    }
}
