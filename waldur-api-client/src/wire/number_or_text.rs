//! Values of enums of numbers.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::QueryValue;

/// A value of an enum of numbers. Newer servers may send further numbers, or texts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NumberOrText {
    /// A number.
    Number(i64),
    /// A text that isn't a number.
    Text(String),
}

impl NumberOrText {
    /// Returns the number, if the value is one.
    #[must_use]
    pub fn as_number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(_) => None,
        }
    }

    /// Returns the text, if the value is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Number(_) => None,
            Self::Text(text) => Some(text),
        }
    }
}

impl From<i64> for NumberOrText {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<i32> for NumberOrText {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

impl From<&str> for NumberOrText {
    fn from(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Text(text.to_owned()), Self::Number)
    }
}

impl From<String> for NumberOrText {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl PartialEq<i64> for NumberOrText {
    fn eq(&self, other: &i64) -> bool {
        self.as_number() == Some(*other)
    }
}

impl PartialEq<str> for NumberOrText {
    fn eq(&self, other: &str) -> bool {
        self.as_text() == Some(other)
    }
}

impl std::fmt::Display for NumberOrText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.pad(text),
        }
    }
}

impl Serialize for NumberOrText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for NumberOrText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = NumberOrText;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an integer or a text")
            }
            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(number.into())
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                i64::try_from(number).map(Into::into).map_err(E::custom)
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(text.into())
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl crate::wire::Text for NumberOrText {
    fn from_text(text: &str) -> Self {
        Self::from(text)
    }
}

impl crate::wire::LenientDecode for NumberOrText {
    fn read(source: &mut dyn crate::wire::Source) -> Result<Option<Self>, crate::wire::Stopped> {
        crate::wire::read_text(source)
    }
}

impl crate::sealed::Sealed for NumberOrText {}

impl QueryValue for NumberOrText {
    fn texts(&self) -> Vec<String> {
        vec![self.to_string()]
    }
}
