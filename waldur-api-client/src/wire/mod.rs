//! How values are read from answers: as servers send them, not only as the schema says.

mod comma_separated;
pub mod model;
mod multipart;
mod nullable;
mod number;
mod number_or_text;
mod open_enum;
mod operation;
mod query;

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::marker::PhantomData;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use rust_decimal::Decimal;

use self::model::{Model, in_a_list};

pub use comma_separated::CommaSeparated;
pub use multipart::Multipart;
pub use nullable::Nullable;
pub use number::Number;
pub use number_or_text::NumberOrText;
pub use operation::Operation;
pub use query::QueryValue;

pub(crate) use model::received;
pub(crate) use open_enum::open_enum;

/// A value that didn't fit its field, which is none for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeMismatch {
    /// What the field holds.
    pub expected: &'static str,
    /// The kind of value that was sent.
    pub found: &'static str,
    /// From the inside out.
    steps: Vec<Cow<'static, str>>,
    /// No misfit, but a field that the model doesn't have.
    unknown: bool,
}

impl TypeMismatch {
    /// Where it stood: a JSON path.
    pub fn path(&self) -> String {
        self.steps.iter().rev().fold("$".to_owned(), |mut path, step| {
            if !step.starts_with('[') {
                path.push('.');
            }
            path.push_str(step);
            path
        })
    }
}

impl fmt::Display for TypeMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.path(), self.expected, self.found)
    }
}

thread_local! {
    // Reading never waits, so one decoding has the thread for itself.
    static MISFITS: RefCell<Vec<TypeMismatch>> = const { RefCell::new(Vec::new()) };
    // How many there are: asked for at every field, so it costs as little as can be.
    static COUNT: Cell<usize> = const { Cell::new(0) };
    static NOTES_UNKNOWN: Cell<bool> = const { Cell::new(false) };
}

/// Notes that a value of kind `found` stands where `expected` should.
fn misfit(expected: &'static str, found: &'static str) {
    note(TypeMismatch { expected, found, steps: Vec::new(), unknown: false });
}

#[cold]
fn note(misfit: TypeMismatch) {
    MISFITS.with_borrow_mut(|all| all.push(misfit));
    COUNT.set(COUNT.get() + 1);
}

/// Notes, for the warnings about what is read, that a value of kind `found` stands where `expected` should.
#[doc(hidden)]
pub fn note_misfit(expected: &'static str, found: &'static str) {
    misfit(expected, found);
}

/// Notes that a model doesn't have the field `name`, where that is asked for.
pub(crate) fn unknown(name: &str) {
    if NOTES_UNKNOWN.get() {
        let steps = vec![name.to_owned().into()];
        note(TypeMismatch { expected: "no such field", found: "a field", steps, unknown: true });
    }
}

/// How many misfits there are by now.
pub(crate) fn mark() -> usize {
    COUNT.get()
}

/// Notes that everything that didn't fit since `mark` stood at `step`.
pub(crate) fn at(mark: usize, step: impl FnOnce() -> Cow<'static, str>) {
    if COUNT.get() > mark {
        let step = step();
        MISFITS.with_borrow_mut(|all| {
            all.iter_mut().skip(mark).for_each(|misfit| misfit.steps.push(step.clone()));
        });
    }
}

fn forget() -> Vec<TypeMismatch> {
    COUNT.set(0);
    MISFITS.take()
}

/// An answer that was read, and what didn't fit in it.
#[derive(Clone, Debug)]
pub struct Decoded<T> {
    /// What was read.
    pub value: T,
    /// The values that didn't fit their fields, which are none for that.
    pub misfits: Vec<TypeMismatch>,
}

impl<T> Decoded<T> {
    /// The value, if everything fits.
    ///
    /// # Errors
    /// The first value that doesn't.
    pub fn strict(self) -> Result<Self, DecodeError> {
        match self.misfits.into_iter().next() {
            Some(misfit) => Err(DecodeError::TypeMismatch(misfit)),
            None => Ok(Self { value: self.value, misfits: Vec::new() }),
        }
    }
}

/// Why an answer can't be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum DecodeError {
    /// It isn't JSON, or breaks off.
    Json(serde_json::Error),
    /// It is of another kind than it should be: as a whole, or in strict mode a field of it.
    TypeMismatch(TypeMismatch),
    /// It doesn't fit the caller's own type.
    Into(serde_path_to_error::Error<serde_json::Error>),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => write!(f, "not JSON: {error}"),
            Self::TypeMismatch(misfit) => misfit.fmt(f),
            Self::Into(error) => {
                // The path is that of a list's element, or of a field.
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

/// Decodes `bytes`, and says what didn't fit.
///
/// # Errors
/// What isn't JSON, and a whole that is of another kind than `T`.
pub fn decode<T: Wire>(bytes: &[u8]) -> Result<Decoded<T>, DecodeError> {
    let (value, misfits) = read(bytes);
    match value {
        Ok(value) => whole(bytes, value, misfits),
        Err(error) => match huge_numbers_as_texts(bytes) {
            Some(bytes) => {
                let (value, misfits) = read(&bytes);
                whole(&bytes, value.map_err(DecodeError::Json)?, misfits)
            }
            None => Err(DecodeError::Json(error)),
        },
    }
}

/// Reads `bytes` to their end.
fn read<T: Wire>(bytes: &[u8]) -> (Result<Option<T>, serde_json::Error>, Vec<TypeMismatch>) {
    forget();
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = T::read(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    (value, forget())
}

/// Refuses an answer that is as a whole of another kind than `T`, even if it is empty.
fn whole<T: Wire>(
    bytes: &[u8],
    value: Option<T>,
    mut misfits: Vec<TypeMismatch>,
) -> Result<Decoded<T>, DecodeError> {
    let found = match (T::SHAPE, bytes.trim_ascii_start().first()) {
        (Shape::Array, Some(b'{')) => Some("an object"),
        (Shape::Object(_), Some(b'[')) => Some("an array"),
        _ => None,
    };
    match (value, found) {
        (Some(value), None) => Ok(Decoded { value, misfits }),
        (_, found) => Err(DecodeError::TypeMismatch(misfits.pop().unwrap_or(TypeMismatch {
            expected: T::SHAPE.expected(),
            found: found.unwrap_or(NOTHING),
            steps: Vec::new(),
            unknown: false,
        }))),
    }
}

/// Returns `bytes` with the numbers that no type holds, such as `1e400`, as texts; none if there are no such
/// numbers.
///
/// To the JSON reader they are errors, which would cost the whole answer.
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

/// [`decode`], and the paths of the fields that the models don't have, which are passed over.
///
/// # Errors
/// Those of [`decode`].
pub fn decode_noting_unknown<T: Wire>(bytes: &[u8]) -> Result<(Decoded<T>, Vec<String>), DecodeError> {
    NOTES_UNKNOWN.set(true);
    let decoded = decode(bytes);
    NOTES_UNKNOWN.set(false);
    let Decoded { value, misfits } = decoded?;
    let (unknown, misfits): (Vec<_>, Vec<_>) = misfits.into_iter().partition(|misfit| misfit.unknown);
    Ok((Decoded { value, misfits }, unknown.iter().map(TypeMismatch::path).collect()))
}

/// What kind of JSON value a type is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A single value, or any JSON.
    Value,
    /// An array.
    Array,
    /// An object, of this name.
    Object(&'static str),
}

impl Shape {
    fn expected(self) -> &'static str {
        match self {
            Self::Value => "a value",
            Self::Array => "an array",
            Self::Object(name) => name,
        }
    }
}

/// The kind of a value that is null or blank.
const NOTHING: &str = "nothing";

/// A type that answers hold.
pub trait Wire: Sized {
    /// The kind of JSON value that it is read from.
    ///
    /// In a list, null in place of an object is noted as a misfit. As a whole answer, an empty array in place
    /// of an object is refused, and the reverse.
    const SHAPE: Shape = Shape::Value;
    /// Reads a value; none where it is null, blank or doesn't fit, which is noted.
    ///
    /// # Errors
    /// Only what isn't JSON.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error>;
}

/// Types that are read from a single JSON value that isn't an object or an array.
trait FromScalar: Sized {
    const EXPECTED: &'static str;
    /// None: it doesn't fit.
    fn from_scalar(scalar: &Scalar<'_>) -> Option<Self>;
    /// Whether "" is a value.
    const BLANK_IS_A_VALUE: bool = false;
}

/// A type made from any text.
pub trait Text: Sized {
    /// Makes it.
    fn from_text(text: &str) -> Self;
}

/// A JSON value other than null, as far as a single value is read from it.
enum Scalar<'a> {
    Bool(bool),
    Integer(i64),
    Unsigned(u64),
    Float(f64),
    Text(&'a str),
    Array,
    Object,
}

impl Scalar<'_> {
    fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "a boolean",
            Self::Integer(_) | Self::Unsigned(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }

    fn of_unsigned(value: u64) -> Self {
        i64::try_from(value).map_or(Self::Unsigned(value), Self::Integer)
    }

    /// Reads a `T`; none, which is noted, where it doesn't fit.
    fn settle<T: FromScalar>(&self) -> Option<T> {
        match self {
            Scalar::Text("") if !T::BLANK_IS_A_VALUE => None,
            scalar => {
                let value = T::from_scalar(scalar);
                if value.is_none() {
                    misfit(T::EXPECTED, scalar.kind());
                }
                value
            }
        }
    }
}

/// Passes over an array. Returns whether it is empty.
fn pass_over_array<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<bool, A::Error> {
    let mut is_empty = true;
    while seq.next_element::<IgnoredAny>()?.is_some() {
        is_empty = false;
    }
    Ok(is_empty)
}

/// Passes over an object. Returns whether it is empty.
fn pass_over_object<'de, A: MapAccess<'de>>(mut map: A) -> Result<bool, A::Error> {
    let mut is_empty = true;
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
        is_empty = false;
    }
    Ok(is_empty)
}

struct ScalarVisitor<T>(PhantomData<T>);

impl<'de, T: FromScalar> Visitor<'de> for ScalarVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Bool(value).settle())
    }
    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Integer(value).settle())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Scalar::of_unsigned(value).settle())
    }
    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Float(value).settle())
    }
    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(value).settle())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        pass_over_array(seq)?;
        Ok(Scalar::Array.settle())
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        pass_over_object(map)?;
        Ok(Scalar::Object.settle())
    }
}

fn read_scalar<'de, T: FromScalar, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_any(ScalarVisitor(PhantomData))
}

macro_rules! scalar {
    ($type:ty, $expected:literal, $scalar:ident => $from:expr) => {
        impl FromScalar for $type {
            const EXPECTED: &'static str = $expected;
            fn from_scalar($scalar: &Scalar<'_>) -> Option<Self> {
                $from
            }
        }
        impl Wire for $type {
            fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
                read_scalar(deserializer)
            }
        }
    };
}

scalar!(bool, "a boolean", scalar => match scalar {
    Scalar::Bool(value) => Some(*value),
    Scalar::Integer(0) => Some(false),
    Scalar::Integer(1) => Some(true),
    Scalar::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
    Scalar::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
    _ => None,
});

scalar!(i64, "an integer", scalar => match scalar {
    Scalar::Integer(value) => Some(*value),
    _ => {
        let number = Decimal::from_scalar(scalar)?;
        number.is_integer().then(|| i64::try_from(number).ok()).flatten()
    }
});

scalar!(u64, "an integer that isn't negative", scalar => match scalar {
    Scalar::Unsigned(value) => Some(*value),
    _ => i64::from_scalar(scalar).and_then(|value| value.try_into().ok()),
});

scalar!(Decimal, "a decimal", scalar => match scalar {
    Scalar::Integer(value) => Some(Self::from(*value)),
    Scalar::Unsigned(value) => Some(Self::from(*value)),
    // The shortest text that is this number: what the server wrote, as far as a float holds it.
    Scalar::Float(value) => decimal(&value.to_string()),
    Scalar::Text(text) => decimal(text.trim()),
    _ => None,
});

fn decimal(text: &str) -> Option<Decimal> {
    Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text)).ok()
}

scalar!(uuid::Uuid, "a UUID", scalar => match scalar {
    Scalar::Text(text) => Self::parse_str(text).ok(),
    _ => None,
});

scalar!(DateTime<Utc>, "a time", scalar => match scalar {
    Scalar::Text(text) => time(text),
    _ => None,
});

/// Reads a time as servers write it: without a zone it is UTC, and a date alone is midnight.
pub fn time(text: &str) -> Option<DateTime<Utc>> {
    let naive = |format| NaiveDateTime::parse_from_str(text, format).ok().map(|time| time.and_utc());
    DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%#z"))
        .map(|time| time.with_timezone(&Utc))
        .ok()
        .or_else(|| naive("%Y-%m-%dT%H:%M:%S%.f"))
        .or_else(|| naive("%Y-%m-%d %H:%M:%S%.f"))
        .or_else(|| naive("%Y-%m-%dT%H:%M"))
        .or_else(|| text.parse::<NaiveDate>().ok().map(|date| date.and_time(NaiveTime::MIN).and_utc()))
}

scalar!(NaiveDate, "a date", scalar => match scalar {
    Scalar::Text(text) => {
        text.parse().ok().or_else(|| DateTime::<Utc>::from_scalar(scalar).map(|time| time.date_naive()))
    }
    _ => None,
});

/// What any single value says as a text.
fn text<'a>(scalar: &Scalar<'a>) -> Option<Cow<'a, str>> {
    Some(match scalar {
        Scalar::Text(text) => Cow::Borrowed(*text),
        Scalar::Integer(value) => value.to_string().into(),
        Scalar::Unsigned(value) => value.to_string().into(),
        Scalar::Float(value) => value.to_string().into(),
        Scalar::Bool(value) => value.to_string().into(),
        Scalar::Array | Scalar::Object => return None,
    })
}

impl FromScalar for String {
    const EXPECTED: &'static str = "a text";
    const BLANK_IS_A_VALUE: bool = true;

    fn from_scalar(scalar: &Scalar<'_>) -> Option<Self> {
        text(scalar).map(Cow::into_owned)
    }
}

impl Wire for String {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        read_scalar(deserializer)
    }
}

struct OfText<T>(T);

impl<T: Text> FromScalar for OfText<T> {
    const EXPECTED: &'static str = "a text";

    fn from_scalar(scalar: &Scalar<'_>) -> Option<Self> {
        text(scalar).map(|text| Self(T::from_text(&text)))
    }
}

/// Reads an open enum.
///
/// # Errors
/// Only what isn't JSON.
pub(crate) fn read_text<'de, T: Text, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(read_scalar(deserializer)?.map(|OfText(value)| value))
}

impl Wire for serde_json::Value {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        let value = serde::Deserialize::deserialize(deserializer)?;
        Ok(Some(value).filter(|value: &Self| !value.is_null()))
    }
}

impl<T: Wire> Wire for Box<T> {
    const SHAPE: Shape = T::SHAPE;

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        Ok(T::read(deserializer)?.map(Self::new))
    }
}

impl<T: Wire> Wire for Option<T> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        Ok(Some(T::read(deserializer)?))
    }
}

/// A value that is there, and whether all of it fits.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked<T> {
    /// Null, or blank.
    Null,
    /// All of it fits.
    Value(T),
    /// It, or a part of it, doesn't fit.
    TypeMismatch,
}

impl<T: Default> Checked<T> {
    /// The value, or the default where it is null; none where something in it doesn't fit.
    pub fn or_default(self) -> Option<T> {
        match self {
            Self::Null => Some(T::default()),
            Self::Value(value) => Some(value),
            Self::TypeMismatch => None,
        }
    }
}

impl<T: Wire> Wire for Checked<T> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        let before = mark();
        let value = T::read(deserializer)?;
        Ok(Some(if mark() > before { Self::TypeMismatch } else { value.map_or(Self::Null, Self::Value) }))
    }
}

/// A value of `T` where a `DeserializeSeed` is asked for.
pub(crate) struct Seed<T>(pub(crate) PhantomData<T>);

impl<'de, T: Wire> DeserializeSeed<'de> for Seed<T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        T::read(deserializer)
    }
}

impl<T: Wire> Wire for Vec<T> {
    const SHAPE: Shape = Shape::Array;

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        let read = deserializer.deserialize_any(Structured(List(PhantomData)))?;
        Ok(read.or_misfit("an array"))
    }
}

impl<T: Wire> Wire for HashMap<String, T> {
    const SHAPE: Shape = Shape::Object("an object");

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        let read = deserializer.deserialize_any(Structured(Map(PhantomData)))?;
        Ok(read.or_misfit("an object"))
    }
}

impl<T: Wire> Wire for BTreeMap<String, T> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        Ok(HashMap::<String, T>::read(deserializer)?.map(|all| all.into_iter().collect()))
    }
}

impl Wire for serde_json::Map<String, serde_json::Value> {
    const SHAPE: Shape = Shape::Object("an object");

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        let read = deserializer.deserialize_any(Structured(Free))?;
        Ok(read.or_misfit("an object"))
    }
}

/// Reads a model that stands in another.
///
/// # Errors
/// Only what isn't JSON.
pub fn read_model<'de, M: Model, D: Deserializer<'de>>(deserializer: D) -> Result<Option<M>, D::Error> {
    let read = deserializer.deserialize_any(Structured(Fields(PhantomData)))?;
    Ok(read.or_misfit(M::NAME))
}

/// What was read where an array or an object should be.
pub(crate) enum Read<T> {
    Value(T),
    /// Null, or a blank text.
    Nothing,
    /// A value of another kind.
    TypeMismatch(&'static str),
}

impl<T> Read<T> {
    fn or_misfit(self, expected: &'static str) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Nothing => None,
            Self::TypeMismatch(found) => {
                misfit(expected, found);
                None
            }
        }
    }

    fn another(scalar: &Scalar<'_>) -> Self {
        match scalar {
            Scalar::Text("") => Self::Nothing,
            scalar => Self::TypeMismatch(scalar.kind()),
        }
    }
}

/// How an array or an object is read.
trait Structure: Sized {
    type Value;
    fn seq<'de, A: SeqAccess<'de>>(self, seq: A) -> Result<Read<Self::Value>, A::Error> {
        pass_over_array(seq)?;
        Ok(Read::another(&Scalar::Array))
    }
    fn map<'de, A: MapAccess<'de>>(self, map: A) -> Result<Read<Self::Value>, A::Error> {
        pass_over_object(map)?;
        Ok(Read::another(&Scalar::Object))
    }
}

struct List<T>(PhantomData<T>);
struct Map<T>(PhantomData<T>);
struct Free;
struct Fields<M>(PhantomData<M>);

impl<T: Wire> Structure for List<T> {
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
                misfit(expected, NOTHING);
            }
            at(before, || format!("[{index}]").into());
            values.extend(value);
            index += 1;
        }
        Ok(Read::Value(values))
    }

    /// Reads `{}` as an empty list: some servers write it so.
    fn map<'de, A: MapAccess<'de>>(self, map: A) -> Result<Read<Vec<T>>, A::Error> {
        Ok(if pass_over_object(map)? { Read::Value(Vec::new()) } else { Read::another(&Scalar::Object) })
    }
}

impl<T: Wire> Structure for Map<T> {
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

    /// Reads `[]` as an empty object: some servers write it so.
    fn seq<'de, A: SeqAccess<'de>>(self, seq: A) -> Result<Read<Self::Value>, A::Error> {
        Ok(if pass_over_array(seq)? { Read::Value(HashMap::new()) } else { Read::another(&Scalar::Array) })
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
        Ok(if pass_over_array(seq)? {
            Read::Value(serde_json::Map::new())
        } else {
            Read::another(&Scalar::Array)
        })
    }
}

impl<M: Model> Structure for Fields<M> {
    type Value = M;

    fn seq<'de, A: SeqAccess<'de>>(self, seq: A) -> Result<Read<M>, A::Error> {
        Ok(if pass_over_array(seq)? { Read::Nothing } else { Read::another(&Scalar::Array) })
    }

    fn map<'de, A: MapAccess<'de>>(self, map: A) -> Result<Read<M>, A::Error> {
        model::read_fields(map).map(Read::Value)
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
        Ok(Read::another(&Scalar::Bool(value)))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Read::another(&Scalar::Integer(value)))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Read::another(&Scalar::Unsigned(value)))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Read::another(&Scalar::Float(value)))
    }
    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Read::another(&Scalar::Text(value)))
    }
}
