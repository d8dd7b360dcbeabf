//! Decimals that are sent as JSON numbers.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A decimal that is sent as a JSON number.
///
/// Maps of limits hold these, since a server may store such a map unchanged. Other decimals are sent as
/// texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Number(pub Decimal);

macro_rules! from {
    ($($type:ty),*) => {$(
        impl From<$type> for Number {
            fn from(value: $type) -> Self {
                Self(value.into())
            }
        }
    )*};
}

from!(Decimal, i32, i64, u32, u64);

impl From<Number> for Decimal {
    fn from(number: Number) -> Self {
        number.0
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let decimal = self.0.normalize();
        if let (true, Ok(whole)) = (decimal.is_integer(), i64::try_from(decimal)) {
            return serializer.serialize_i64(whole);
        }
        // A float whose shortest text has the same digits is exact.
        let text = decimal.to_string();
        match text.parse::<f64>() {
            Ok(float) if float.to_string() == text => serializer.serialize_f64(float),
            _ => serializer.serialize_str(&text),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Decimal as Deserialize>::deserialize(deserializer).map(Self)
    }
}

impl crate::wire::LenientDecode for Number {
    fn read(source: &mut dyn crate::wire::Source) -> Result<Option<Self>, crate::wire::Stopped> {
        Ok(<Decimal as crate::wire::LenientDecode>::read(source)?.map(Self))
    }
}
