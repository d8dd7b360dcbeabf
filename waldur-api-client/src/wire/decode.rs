//! Decoding of whole responses.

use std::fmt;

use super::lenient::{LenientDecode, NOTHING, Shape};
use super::source::{Source, Stopped, read_value};
#[cfg(feature = "exchanges")]
use super::type_mismatch::{Kind, with_all_notes};
use super::type_mismatch::{TypeMismatch, take_mismatches};

/// A decoded response, and the values in it that don't fit.
#[derive(Clone, Debug)]
pub struct Decoded<T> {
    /// The decoded value.
    pub value: T,
    /// The values that don't fit their fields. Those fields are decoded as if they were absent.
    pub mismatches: Vec<TypeMismatch>,
}

/// The reason why a response can't be decoded.
#[derive(Debug)]
#[non_exhaustive]
pub enum DecodeError {
    /// The response isn't JSON, or is cut off.
    Json(serde_json::Error),
    /// The response as a whole is of the wrong kind; in strict mode, also a field of it.
    TypeMismatch(TypeMismatch),
    /// The response doesn't fit the caller's own type.
    Into(serde_path_to_error::Error<serde_json::Error>),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => write!(f, "not JSON: {error}"),
            Self::TypeMismatch(mismatch) => mismatch.fmt(f),
            Self::Into(error) => {
                // The path begins with the index of an item or with the name of a field.
                let path = error.path().to_string();
                let dot = if path.starts_with('[') { "" } else { "." };
                if path == "." {
                    write!(f, "$: {}", error.inner())
                } else {
                    write!(f, "${dot}{path}: {}", error.inner())
                }
            }
        }
    }
}

impl std::error::Error for DecodeError {}

/// Decodes `bytes` leniently, and returns what doesn't fit beside the value.
///
/// # Errors
/// If the text isn't JSON, or as a whole is of another kind than `T`.
pub fn decode<T: LenientDecode>(bytes: &[u8]) -> Result<Decoded<T>, DecodeError> {
    let mut value = None;
    let mismatches = decode_by(bytes, T::SHAPE, &mut |source| {
        value = T::read(source)?;
        Ok(value.is_some())
    })?;
    value.map(|value| Decoded { value, mismatches }).ok_or_else(|| refused(T::SHAPE, None, Vec::new()))
}

/// Reads a whole response. Returns whether it has a value.
pub(crate) type ReadWhole<'a> = &'a mut dyn FnMut(&mut dyn Source) -> Result<bool, Stopped>;

/// Decodes `bytes` leniently with `read`, and returns what doesn't fit.
///
/// # Errors
/// If the text isn't JSON, has no value, or as a whole is of another kind than `shape`.
pub(crate) fn decode_by(
    bytes: &[u8],
    shape: Shape,
    read: ReadWhole<'_>,
) -> Result<Vec<TypeMismatch>, DecodeError> {
    let (result, mut mismatches) = read_text(bytes, read);
    let is_some = match result {
        Ok(is_some) => is_some,
        Err(error) => {
            let bytes = huge_numbers_as_texts(bytes).ok_or(DecodeError::Json(error))?;
            let (result, again) = read_text(&bytes, read);
            mismatches = again;
            result.map_err(DecodeError::Json)?
        }
    };
    match other_shape(bytes, shape) {
        None if is_some => Ok(mismatches),
        found => Err(refused(shape, found, mismatches)),
    }
}

/// Reads `bytes` to their end. Returns what doesn't fit as well.
fn read_text(bytes: &[u8], read: ReadWhole<'_>) -> (Result<bool, serde_json::Error>, Vec<TypeMismatch>) {
    take_mismatches();
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let mut is_some = false;
    let mut read = |source: &mut dyn Source| {
        is_some = read(source)?;
        Ok(())
    };
    let result = read_value(&mut deserializer, &mut read).and_then(|()| deserializer.end());
    (result.map(|()| is_some), take_mismatches())
}

/// Returns the kind of a response that as a whole is of another kind than `shape`, even if it is empty.
fn other_shape(bytes: &[u8], shape: Shape) -> Option<&'static str> {
    match (shape, bytes.trim_ascii_start().first()) {
        (Shape::Array, Some(b'{')) => Some("an object"),
        (Shape::Object(_), Some(b'[')) => Some("an array"),
        _ => None,
    }
}

fn refused(shape: Shape, found: Option<&'static str>, mut mismatches: Vec<TypeMismatch>) -> DecodeError {
    let whole = || TypeMismatch::new(shape.expected(), found.unwrap_or(NOTHING));
    DecodeError::TypeMismatch(mismatches.pop().unwrap_or_else(whole))
}

/// Returns `bytes` with the numbers that no type can hold, such as `1e400`, as texts; `None` if there are no
/// such numbers.
///
/// The JSON parser refuses such a number, and with it the whole response.
fn huge_numbers_as_texts(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut kept = Vec::with_capacity(bytes.len());
    let mut found = false;
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        let length = match first {
            b'"' => text_length(rest),
            b'-' | b'0'..=b'9' => {
                let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
                rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len())
            }
            _ => 1,
        };
        let (token, after) = rest.split_at(length);
        let number = std::str::from_utf8(token).ok().and_then(|text| text.parse::<f64>().ok());
        if number.is_some_and(f64::is_infinite) {
            found = true;
            kept.push(b'"');
            kept.extend_from_slice(token);
            kept.push(b'"');
        } else {
            kept.extend_from_slice(token);
        }
        rest = after;
    }
    found.then_some(kept)
}

/// Returns the length of the JSON text that `bytes` begin with, including its quotation marks.
fn text_length(bytes: &[u8]) -> usize {
    let mut is_escaped = false;
    for (index, byte) in bytes.iter().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    bytes.len()
}

/// What is worth a note in a response.
#[cfg(feature = "exchanges")]
pub(crate) struct Notes {
    /// The values that don't fit.
    pub(crate) mismatches: Vec<TypeMismatch>,
    /// The paths of fields that the models don't have, which are skipped.
    pub(crate) unknown_fields: Vec<String>,
    /// The paths of enum values that the client knows.
    pub(crate) known_values: Vec<String>,
    /// The paths of enum values that the client doesn't know.
    pub(crate) unknown_values: Vec<String>,
}

/// Decodes `bytes` like [`decode`], and notes unknown fields and the values of enums.
///
/// # Errors
/// Those of [`decode`].
#[cfg(feature = "exchanges")]
pub(crate) fn decode_noting_all<T: LenientDecode>(bytes: &[u8]) -> Result<(T, Notes), DecodeError> {
    let Decoded { value, mismatches: notes } = with_all_notes(|| decode(bytes))?;
    Ok((value, by_kind(notes)))
}

#[cfg(feature = "exchanges")]
fn by_kind(notes: Vec<TypeMismatch>) -> Notes {
    let paths = |kind: Kind| {
        notes.iter().filter(|note| note.kind() == kind).map(TypeMismatch::path).collect::<Vec<_>>()
    };
    let (unknown_fields, known_values, unknown_values) =
        (paths(Kind::UnknownField), paths(Kind::KnownValue), paths(Kind::UnknownValue));
    let mismatches = notes.into_iter().filter(|note| note.kind() == Kind::Mismatch).collect();
    Notes { mismatches, unknown_fields, known_values, unknown_values }
}
