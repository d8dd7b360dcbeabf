//! Decoding of values other than arrays and objects.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

use super::lenient::LenientDecode;
use super::source::{Sink, Source, Stopped};
use super::time::time;
use super::type_mismatch::mismatch;

/// A type that is decoded from a JSON value other than an object or an array.
trait FromScalar: Sized {
    const EXPECTED: &'static str;
    /// Returns the value; `None` if it doesn't fit.
    fn from_scalar(scalar: &Scalar<'_>) -> Option<Self>;
    /// Whether "" is a value. If not, it means that there is none.
    const BLANK_IS_A_VALUE: bool = false;
}

/// A type that any text can be converted to.
pub(crate) trait Text: Sized {
    /// Converts the text.
    fn from_text(text: &str) -> Self;
}

/// A JSON value other than null. The content of arrays and objects is left out.
#[derive(Debug)]
pub enum Scalar<'a> {
    Bool(bool),
    Integer(i64),
    /// A number above those of `i64`.
    Unsigned(u64),
    Float(f64),
    Text(&'a str),
    Array,
    Object,
}

impl Scalar<'_> {
    /// Returns the words for the kind of the value in a mismatch.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "a boolean",
            Self::Integer(_) | Self::Unsigned(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }

    pub(super) fn of_unsigned(value: u64) -> Self {
        i64::try_from(value).map_or(Self::Unsigned(value), Self::Integer)
    }

    /// Converts the value to a `T`. Returns `None` if it doesn't fit, which is recorded.
    fn decode<T: FromScalar>(&self) -> Option<T> {
        match self {
            Scalar::Text("") if !T::BLANK_IS_A_VALUE => None,
            scalar => {
                let value = T::from_scalar(scalar);
                if value.is_none() {
                    mismatch(T::EXPECTED, scalar.kind());
                }
                value
            }
        }
    }
}

/// Receives a value as a `T`.
struct Slot<T>(Option<T>);

impl<T: FromScalar> Sink for Slot<T> {
    fn scalar(&mut self, scalar: &Scalar<'_>) {
        self.0 = scalar.decode();
    }
}

fn read_scalar<T: FromScalar>(source: &mut dyn Source) -> Result<Option<T>, Stopped> {
    let mut slot = Slot(None);
    source.visit(&mut slot)?;
    Ok(slot.0)
}

macro_rules! scalar {
    ($type:ty, $expected:literal, $scalar:ident => $from:expr) => {
        impl FromScalar for $type {
            const EXPECTED: &'static str = $expected;
            fn from_scalar($scalar: &Scalar<'_>) -> Option<Self> {
                $from
            }
        }
        impl LenientDecode for $type {
            fn read(source: &mut dyn Source) -> Result<Option<Self>, Stopped> {
                read_scalar(source)
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
    // The shortest text of the number: the digits that the server wrote, as far as a float holds them.
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

scalar!(NaiveDate, "a date", scalar => match scalar {
    Scalar::Text(text) => {
        text.parse().ok().or_else(|| DateTime::<Utc>::from_scalar(scalar).map(|time| time.date_naive()))
    }
    _ => None,
});

/// Returns a value other than an array or an object as a text.
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

impl LenientDecode for String {
    fn read(source: &mut dyn Source) -> Result<Option<Self>, Stopped> {
        read_scalar(source)
    }
}

struct OfText<T>(T);

impl<T: Text> FromScalar for OfText<T> {
    const EXPECTED: &'static str = "a text";

    fn from_scalar(scalar: &Scalar<'_>) -> Option<Self> {
        text(scalar).map(|text| Self(T::from_text(&text)))
    }
}

/// Decodes a type from any text, such as an open enum.
///
/// # Errors
/// If the text isn't JSON.
pub(crate) fn read_text<T: Text>(source: &mut dyn Source) -> Result<Option<T>, Stopped> {
    Ok(read_scalar(source)?.map(|OfText(value)| value))
}
