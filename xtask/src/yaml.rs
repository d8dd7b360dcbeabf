//! YAML as JSON: what YAML can hold and JSON can't is said in JSON's words.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Parses `bytes`. Keys that are no texts (such as status codes without quotes) become texts, and integers that are
/// longer than 64 bits become floats.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, yaml_serde::Error> {
    yaml_serde::from_slice::<Json>(bytes).map(|Json(value)| value)
}

struct Json(Value);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor).map(Self)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what JSON can hold")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_i128<E: Error>(self, value: i128) -> Result<Value, E> {
        self.visit_f64(value as f64)
    }
    fn visit_u128<E: Error>(self, value: u128) -> Result<Value, E> {
        self.visit_f64(value as f64)
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Json(value)) = seq.next_element()? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((Json(key), Json(value))) = entries.next_entry()? {
            let key = match key {
                Value::String(text) => text,
                Value::Array(_) | Value::Object(_) => {
                    return Err(A::Error::custom("a key that is no plain value"));
                }
                other => other.to_string(),
            };
            if map.contains_key(&key) {
                return Err(A::Error::custom(format!("the key {key:?} stands twice")));
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn what_json_cannot_hold_is_said_in_its_words() {
        let text = "200: a\ntrue: b\nnull: c\n1.5: d\non: off\nno: [yes, ~, .inf, 0x10, '1', 2024-01-01]\n\
                    big: 18446744073709551616\nsmall: -9223372036854775809\nedge: 18446744073709551615\n";
        assert_eq!(
            super::parse(text.as_bytes()).unwrap(),
            json!({
                "200": "a", "true": "b", "null": "c", "1.5": "d", "on": "off",
                "no": ["yes", null, null, 16, "1", "2024-01-01"],
                "big": 18446744073709551616.0, "small": -9223372036854775809.0, "edge": 18446744073709551615_u64,
            })
        );
    }

    #[test]
    fn a_key_that_stands_twice_is_an_error() {
        let error = super::parse(b"a: 1\nb: 2\na: 3\n").unwrap_err().to_string();
        assert!(error.contains("\"a\" stands twice"), "{error}");
        assert!(super::parse(b"? [a]\n: 1\n").is_err());
    }
}
