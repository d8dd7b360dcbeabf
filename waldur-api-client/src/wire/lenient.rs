//! The trait of all types that responses hold.

use super::source::{Source, Stopped};
use super::type_mismatch::mark;

/// The kind of JSON value that a type is decoded from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A single value, or any JSON.
    Value,
    /// An array.
    Array,
    /// An object; the name is that of the model.
    Object(&'static str),
}

impl Shape {
    /// Returns the words for the kind in a mismatch.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Value => "a value",
            Self::Array => "an array",
            Self::Object(name) => name,
        }
    }
}

/// The words for null and for a blank text in a mismatch.
pub(super) const NOTHING: &str = "nothing";

/// A type that is decoded leniently from a part of a response.
pub trait LenientDecode: Sized {
    /// The kind of JSON value that the type is decoded from.
    ///
    /// In a list, null in place of an object is recorded as a mismatch. As a whole response, an empty array
    /// in place of an object is refused, and an empty object in place of an array.
    const SHAPE: Shape = Shape::Value;
    /// Decodes a value. Returns `None` if it is null or blank, or doesn't fit, which is recorded.
    ///
    /// # Errors
    /// If the text isn't JSON.
    fn read(source: &mut dyn Source) -> Result<Option<Self>, Stopped>;
}

impl LenientDecode for serde_json::Value {
    fn read(source: &mut dyn Source) -> Result<Option<Self>, Stopped> {
        Ok(Some(source.any()?).filter(|value| !value.is_null()))
    }
}

impl<T: LenientDecode> LenientDecode for Box<T> {
    const SHAPE: Shape = T::SHAPE;

    fn read(source: &mut dyn Source) -> Result<Option<Self>, Stopped> {
        Ok(T::read(source)?.map(Self::new))
    }
}

impl<T: LenientDecode> LenientDecode for Option<T> {
    fn read(source: &mut dyn Source) -> Result<Option<Self>, Stopped> {
        Ok(Some(T::read(source)?))
    }
}

/// A value that is present, and whether all of it fits.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked<T> {
    /// Null or blank.
    Null,
    /// All of it fits.
    Value(T),
    /// The value or a part of it doesn't fit.
    TypeMismatch,
}

impl<T: Default> Checked<T> {
    /// Returns the value, or the default if it is null; `None` if something in it doesn't fit.
    pub fn or_default(self) -> Option<T> {
        match self {
            Self::Null => Some(T::default()),
            Self::Value(value) => Some(value),
            Self::TypeMismatch => None,
        }
    }
}

impl<T: LenientDecode> LenientDecode for Checked<T> {
    fn read(source: &mut dyn Source) -> Result<Option<Self>, Stopped> {
        let before = mark();
        let value = T::read(source)?;
        Ok(Some(if mark() > before { Self::TypeMismatch } else { value.map_or(Self::Null, Self::Value) }))
    }
}
