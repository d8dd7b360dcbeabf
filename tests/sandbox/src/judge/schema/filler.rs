//! Values for properties that the sandbox doesn't compute.

use serde_json::{Map, Value, json};

use crate::judge::pin;
use crate::judge::schema::{Schema, Shape, Text};

impl Schema {
    /// Returns the value of a property that the sandbox doesn't compute: null, "", 0, false or an empty list.
    /// An object with a required object of its own kind has none, so that circular schemas end.
    pub(crate) fn filler(&self) -> Option<&Value> {
        let make = || {
            if self.allows_null() {
                return Some(Value::Null);
            }
            if let Some(value) = self.values.first() {
                return Some(value.clone());
            }
            match &self.shape {
                Shape::Any => Some(Value::Null),
                Shape::Boolean => Some(Value::Bool(false)),
                Shape::Integer(bounds) => Some(json!(bounds.least.unwrap_or(0.0).max(0.0) as i64)),
                Shape::Number(_) => Some(json!(0.0)),
                Shape::Text(text) => Some(Value::from(text.filler())),
                Shape::List { .. } => Some(json!([])),
                Shape::Object(object) => {
                    let mut map = Map::new();
                    for (name, schema, _) in object.properties.iter().filter(|(_, _, required)| *required) {
                        map.insert(name.clone(), schema.filler()?.clone());
                    }
                    Some(Value::Object(map))
                }
                Shape::Ref(name) => pin::schema(name)?.filler().cloned(),
                Shape::Choice(choices) => choices.first()?.filler().cloned(),
            }
        };
        self.filler.get_or_init(make).as_ref()
    }
}

impl Text {
    fn filler(&self) -> &'static str {
        match self.format.as_str() {
            "uuid" => "00000000000000000000000000000000",
            "date-time" => "2024-01-01T00:00:00Z",
            "date" => "2024-01-01",
            "decimal" => "0",
            _ => "",
        }
    }
}
