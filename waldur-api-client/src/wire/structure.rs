//! Decoding of arrays and objects.

use std::collections::{BTreeMap, HashMap};

use super::lenient::{LenientDecode, NOTHING, Shape};
use super::model::{Draft, Model, Table, in_a_list, read_fields};
use super::scalar::Scalar;
use super::source::{Entries, Items, Sink, Source, Stopped, skip_entries, skip_items};
use super::type_mismatch::{at, mark, mismatch};

impl<T: LenientDecode> LenientDecode for Vec<T> {
    const SHAPE: Shape = Shape::Array;

    fn read(source: &mut dyn Source) -> Result<Option<Self>, Stopped> {
        let mut values = Self::new();
        let mut read = |item: &mut dyn Source| {
            let Some(value) = T::read(item)? else { return Ok(false) };
            values.push(value);
            Ok(true)
        };
        let mut list = List { shape: T::SHAPE, read: &mut read, is_list: false };
        source.visit(&mut list)?;
        Ok(list.is_list.then_some(values))
    }
}

impl<T: LenientDecode> LenientDecode for HashMap<String, T> {
    const SHAPE: Shape = Shape::Object("an object");

    fn read(source: &mut dyn Source) -> Result<Option<Self>, Stopped> {
        let mut values = Self::new();
        let mut read = |key: &str, value: &mut dyn Source| {
            if let Some(value) = T::read(value)? {
                values.insert(key.to_owned(), value);
            }
            Ok(())
        };
        let is_map = read_map(source, &mut read)?;
        Ok(is_map.then_some(values))
    }
}

impl<T: LenientDecode> LenientDecode for BTreeMap<String, T> {
    fn read(source: &mut dyn Source) -> Result<Option<Self>, Stopped> {
        Ok(HashMap::<String, T>::read(source)?.map(|all| all.into_iter().collect()))
    }
}

impl LenientDecode for serde_json::Map<String, serde_json::Value> {
    const SHAPE: Shape = Shape::Object("an object");

    fn read(source: &mut dyn Source) -> Result<Option<Self>, Stopped> {
        let mut values = Self::new();
        let mut read = |key: &str, value: &mut dyn Source| {
            values.insert(key.to_owned(), value.any()?);
            Ok(())
        };
        let is_map = read_map(source, &mut read)?;
        Ok(is_map.then_some(values))
    }
}

/// Decodes a model that is a field of another.
///
/// # Errors
/// If the text isn't JSON.
pub fn read_model<M: Model>(source: &mut dyn Source) -> Result<Option<M>, Stopped> {
    let mut model = None::<M>;
    source.visit(&mut Object { table: const { &Table::of::<M>() }, draft: &mut model })?;
    Ok(model)
}

/// Records a value in place of an array or an object, unless it is a blank text.
fn not_structured(expected: &'static str, found: &Scalar<'_>) {
    if !matches!(found, Scalar::Text("")) {
        mismatch(expected, found.kind());
    }
}

struct List<'a> {
    /// The kind of its items.
    shape: Shape,
    /// Reads an item. Returns whether it is kept.
    read: &'a mut dyn FnMut(&mut dyn Source) -> Result<bool, Stopped>,
    is_list: bool,
}

impl Sink for List<'_> {
    fn scalar(&mut self, scalar: &Scalar<'_>) {
        not_structured("an array", scalar);
    }

    fn array(&mut self, items: &mut dyn Items) -> Result<(), Stopped> {
        let mut index = 0_usize;
        let mut order = Vec::new();
        loop {
            let before = mark();
            let mut is_kept = true;
            let mut read = |item: &mut dyn Source| {
                is_kept = (self.read)(item)?;
                Ok(())
            };
            if !in_a_list(&mut order, || items.next(&mut read))? {
                break;
            }
            if let (false, Shape::Object(expected)) = (is_kept, self.shape)
                && mark() == before
            {
                mismatch(expected, NOTHING);
            }
            at(before, || format!("[{index}]").into());
            index += 1;
        }
        self.is_list = true;
        Ok(())
    }

    /// Accepts `{}` as an empty list, as some servers write it.
    fn object(&mut self, entries: &mut dyn Entries) -> Result<(), Stopped> {
        self.is_list = skip_entries(entries)?;
        if !self.is_list {
            self.scalar(&Scalar::Object);
        }
        Ok(())
    }
}

/// Reads an entry of a map.
type ReadEntry<'a> = &'a mut dyn FnMut(&str, &mut dyn Source) -> Result<(), Stopped>;

/// Reads a map with `read`. Returns whether it is one.
fn read_map(source: &mut dyn Source, read: ReadEntry<'_>) -> Result<bool, Stopped> {
    let mut map = Map { read, is_map: false };
    source.visit(&mut map)?;
    Ok(map.is_map)
}

struct Map<'a> {
    read: ReadEntry<'a>,
    is_map: bool,
}

impl Sink for Map<'_> {
    fn scalar(&mut self, scalar: &Scalar<'_>) {
        not_structured("an object", scalar);
    }

    fn object(&mut self, entries: &mut dyn Entries) -> Result<(), Stopped> {
        let mut key = String::new();
        while entries.key(&mut |text| text.clone_into(&mut key))? {
            let before = mark();
            (self.read)(&key, entries)?;
            at(before, || key.clone().into());
        }
        self.is_map = true;
        Ok(())
    }

    /// Accepts `[]` as an empty object, as some servers write it.
    fn array(&mut self, items: &mut dyn Items) -> Result<(), Stopped> {
        self.is_map = skip_items(items)?;
        if !self.is_map {
            self.scalar(&Scalar::Array);
        }
        Ok(())
    }
}

struct Object<'a> {
    table: &'static Table,
    draft: &'a mut dyn Draft,
}

impl Sink for Object<'_> {
    fn scalar(&mut self, scalar: &Scalar<'_>) {
        not_structured(self.table.name, scalar);
    }

    fn object(&mut self, entries: &mut dyn Entries) -> Result<(), Stopped> {
        self.draft.begin();
        read_fields(self.table, self.draft, entries)
    }

    /// Accepts `[]` as no object, as some servers write it.
    fn array(&mut self, items: &mut dyn Items) -> Result<(), Stopped> {
        if !skip_items(items)? {
            self.scalar(&Scalar::Array);
        }
        Ok(())
    }
}
