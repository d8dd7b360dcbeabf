//! The attributes that orders of an offering have.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;
use waldur_api_client::types::OptionFieldTypeEnum;

use crate::row::row;

/// What is wrong with a value that is no date.
pub(super) const NO_DATE: &str = "it must be a date such as 2027-05-31";

/// An attribute that orders of an offering have: a field of the order form.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AttributeField {
    /// The name of the attribute.
    pub name: String,
    /// The label in a form.
    pub label: String,
    /// The type, such as `string`, `integer` or `select_string`.
    #[serde(rename = "type")]
    pub type_: OptionFieldTypeEnum,
    /// Whether an order must have it.
    pub required: bool,
    /// The values that can be chosen, for the types `select_string` and `select_string_multi`.
    pub choices: Vec<String>,
    /// The value that a form suggests.
    pub default: Option<Value>,
    /// The least value of a number.
    pub min: Option<Decimal>,
    /// The greatest value of a number.
    pub max: Option<Decimal>,
    /// The help text; empty if there is none.
    pub help_text: String,
}

row! {
    pub(super) struct OptionsRow {
        order: Vec<String> = or_default "order",
        options: BTreeMap<String, OptionRow> = or_default "options",
    }
}

row! {
    struct OptionRow {
        label: String = or_default "label",
        type_: OptionFieldTypeEnum = or_unknown "type",
        required: bool = or_default "required",
        choices: Vec<String> = or_default "choices",
        default: Option<Value> = optional "default",
        min: Option<Decimal> = optional "min",
        max: Option<Decimal> = optional "max",
        help_text: String = or_default "help_text",
    }
}

impl OptionsRow {
    /// Returns the fields in the order of the form. Those that the form's order lacks come last, by name.
    pub(super) fn into_fields(mut self) -> Vec<AttributeField> {
        let mut fields = Vec::with_capacity(self.options.len());
        for name in self.order {
            if let Some(option) = self.options.remove(&name) {
                fields.push(option.into_field(name));
            }
        }
        fields.extend(self.options.into_iter().map(|(name, option)| option.into_field(name)));
        fields
    }
}

impl OptionRow {
    fn into_field(self, name: String) -> AttributeField {
        AttributeField {
            name,
            label: self.label,
            type_: self.type_,
            required: self.required,
            choices: self.choices,
            default: self.default.filter(|value| !value.is_null()),
            min: self.min,
            max: self.max,
            help_text: self.help_text,
        }
    }
}

impl AttributeField {
    /// Returns what is wrong with a value of this attribute. `None` also for types that can't be checked
    /// here, such as a tenant.
    pub(super) fn problem(&self, value: &Value) -> Option<String> {
        use OptionFieldTypeEnum::{
            Boolean, Date, HtmlText, Integer, Money, SelectString, SelectStringMulti, String, Text, Time,
        };
        match &self.type_ {
            Boolean => value.as_bool().is_none().then(|| "it must be true or false".to_owned()),
            Integer | Money => self.number_problem(value),
            String | Text | HtmlText => value.as_str().is_none().then(|| "it must be a text".to_owned()),
            SelectString => self.choice_problem(value),
            SelectStringMulti => match value.as_array() {
                Some(values) => values.iter().find_map(|value| self.choice_problem(value)),
                None => Some("it must be a list of texts".to_owned()),
            },
            Date => {
                let is_date = value.as_str().is_some_and(|text| text.parse::<chrono::NaiveDate>().is_ok());
                (!is_date).then(|| NO_DATE.to_owned())
            }
            Time => {
                let is_time = value.as_str().is_some_and(|text| text.parse::<chrono::NaiveTime>().is_ok());
                (!is_time).then(|| "it must be a time such as 12:30:00".to_owned())
            }
            _ => None,
        }
    }

    fn number_problem(&self, value: &Value) -> Option<String> {
        let number: Option<Decimal> = match value {
            Value::Number(number) => number.to_string().parse().ok(),
            // Servers read numbers from texts, too.
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let is_whole = self.type_ == OptionFieldTypeEnum::Integer;
        let Some(number) = number.filter(|number| !is_whole || number.is_integer()) else {
            let what = if is_whole { "a whole number" } else { "a number" };
            return Some(format!("it must be {what}"));
        };
        match (self.min, self.max) {
            (Some(min), _) if number < min => Some(format!("{number} is less than the minimum {min}")),
            (_, Some(max)) if number > max => Some(format!("{number} is more than the maximum {max}")),
            _ => None,
        }
    }

    fn choice_problem(&self, value: &Value) -> Option<String> {
        let Some(text) = value.as_str() else { return Some("it must be a text".to_owned()) };
        let is_choice = self.choices.iter().any(|choice| choice == text);
        (!is_choice).then(|| format!("`{text}` is none of the choices: {}", self.choices.join(", ")))
    }
}
