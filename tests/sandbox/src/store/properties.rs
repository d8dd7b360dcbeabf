//! Properties that requests can set: typed, and absent until set.

use chrono::NaiveDate;
use serde_json::{Map, Value};

/// Conversion of a property from and to JSON.
trait Property: Sized {
    /// Returns `None` for null and for values of another kind.
    fn read(value: &Value) -> Option<Self>;
    fn write(&self) -> Value;
}

impl Property for bool {
    fn read(value: &Value) -> Option<Self> {
        value.as_bool()
    }

    fn write(&self) -> Value {
        (*self).into()
    }
}

impl Property for i64 {
    /// Accepts a text, as the server does.
    fn read(value: &Value) -> Option<Self> {
        value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
    }

    fn write(&self) -> Value {
        (*self).into()
    }
}

impl Property for String {
    /// Accepts a number, as the server does.
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    fn write(&self) -> Value {
        self.as_str().into()
    }
}

impl Property for NaiveDate {
    fn read(value: &Value) -> Option<Self> {
        value.as_str()?.parse().ok()
    }

    fn write(&self) -> Value {
        self.to_string().into()
    }
}

/// Any JSON except null.
impl Property for Value {
    fn read(value: &Value) -> Option<Self> {
        (!value.is_null()).then(|| value.clone())
    }

    fn write(&self) -> Value {
        self.clone()
    }
}

/// Defines a struct of optional properties; `= "name"` gives one another name on the wire.
macro_rules! properties {
    ($(#[$meta:meta])* $name:ident { $($field:ident $(= $wire:literal)?: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default)]
        pub(crate) struct $name { $(pub(crate) $field: Option<$type>,)* }

        impl $name {
            /// Sets the properties that `data` has; null unsets one.
            pub(crate) fn update(&mut self, data: &Map<String, Value>) {
                $(if let Some(value) = data.get(properties!(@name $field $($wire)?)) {
                    self.$field = Property::read(value);
                })*
            }

            /// Returns the properties that are set and wanted.
            pub(crate) fn to_map(&self, wants: impl Fn(&str) -> bool) -> Map<String, Value> {
                let mut map = Map::new();
                $(if let Some(value) = &self.$field && wants(properties!(@name $field $($wire)?)) {
                    map.insert(properties!(@name $field $($wire)?).to_owned(), value.write());
                })*
                map
            }
        }
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $wire:literal) => { $wire };
}

properties! {
    /// Properties of a project besides name, description and slug.
    ProjectProperties {
        backend_id: String,
        end_date: NaiveDate,
        grace_period_days: i64,
        image: String,
        is_industry: bool,
        kind: String,
        oecd_fos_2007_code: String,
        staff_notes: String,
        start_date: NaiveDate,
        type_ = "type": String,
        user_affiliations: Value,
        user_email_patterns: Value,
        user_identity_sources: Value,
    }
}

properties! {
    /// Properties of a component besides type, name and unit.
    ComponentProperties {
        article_code: String,
        billing_type: String,
        default_limit: i64,
        description: String,
        is_boolean: bool,
        is_prepaid: bool,
        limit_amount: i64,
        limit_period: String,
        max_available_limit: i64,
        max_prepaid_duration: i64,
        max_value: i64,
        min_prepaid_duration: i64,
        min_value: i64,
        overage_component: String,
        unit_factor: i64,
    }
}

properties! {
    /// Properties of a resource that actions set.
    ResourceProperties {
        description: String,
        downscaled: bool,
        end_date: NaiveDate,
        keycloak_available_scopes: Value,
        options: Value,
        paused: bool,
        restrict_member_access: bool,
    }
}

properties! {
    /// Properties of an order that consumer and provider set.
    OrderProperties {
        callback_url: String,
        consumer_message: String,
        consumer_message_attachment: String,
        consumer_rejection_comment: String,
        provider_message: String,
        provider_message_attachment: String,
        provider_message_url: String,
        provider_rejection_comment: String,
        request_comment: String,
        start_date: NaiveDate,
    }
}
