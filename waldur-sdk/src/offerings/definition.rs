//! What a component of an offering is.

use serde::Serialize;
use waldur_api_client::types::{BillingTypeEnum, LimitPeriodEnum};

/// What a component is, or is to become. Where a field is `None`, an existing component keeps its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ComponentDefinition {
    /// The type, which names the component in usages, limits and prices, such as `cpu`: letters, digits and
    /// `_-/:`, at most 50 characters. An offering has at most one component of a type.
    #[serde(rename = "type")]
    pub type_: String,
    /// The display name, at most 150 characters.
    pub name: String,
    /// What is billed.
    pub billing_type: BillingTypeEnum,
    /// The unit of the amounts, such as `hours`; at most 30 characters, may be empty.
    pub measured_unit: String,
    /// The description, at most 4096 characters.
    pub description: Option<String>,
    /// The article code in accounting, at most 30 characters.
    pub article_code: Option<String>,
    /// The period that the limit applies to.
    pub limit_period: Option<LimitPeriodEnum>,
    /// The most that may be used in that period.
    pub limit_amount: Option<i64>,
    /// The least limit that can be ordered.
    pub min_value: Option<i64>,
    /// The greatest limit that can be ordered.
    pub max_value: Option<i64>,
    /// The limit that an order form suggests.
    pub default_limit: Option<i64>,
    /// The greatest sum of the limits of all resources.
    pub max_available_limit: Option<i64>,
    /// Whether the component is a switch instead of an amount.
    pub is_boolean: Option<bool>,
}

impl ComponentDefinition {
    /// Returns a definition with the fields that every component has.
    pub fn new(
        type_: impl Into<String>,
        name: impl Into<String>,
        billing_type: BillingTypeEnum,
        measured_unit: impl Into<String>,
    ) -> Self {
        Self {
            type_: type_.into(),
            name: name.into(),
            billing_type,
            measured_unit: measured_unit.into(),
            description: None,
            article_code: None,
            limit_period: None,
            limit_amount: None,
            min_value: None,
            max_value: None,
            default_limit: None,
            max_available_limit: None,
            is_boolean: None,
        }
    }

    /// Returns why every server refuses it.
    pub(super) fn problem(&self) -> Option<String> {
        let lengths = [
            ("name", Some(&self.name), 150),
            ("measured_unit", Some(&self.measured_unit), 30),
            ("description", self.description.as_ref(), 4096),
            ("article_code", self.article_code.as_ref(), 30),
            ("type", Some(&self.type_), 50),
        ];
        for (field, text, most) in lengths {
            let length = text.map_or(0, |text| text.chars().count());
            if length > most {
                return Some(format!(
                    "{}: {field} has {length} characters; at most {most} are accepted",
                    self.type_
                ));
            }
        }
        let named = |letter: char| letter.is_ascii_alphanumeric() || "_-/:".contains(letter);
        if self.type_.is_empty() || !self.type_.chars().all(named) {
            return Some(format!(
                "type: {:?} has characters other than letters, digits and _-/:",
                self.type_
            ));
        }
        self.name.is_empty().then(|| format!("{}: name is empty", self.type_))
    }

    /// Returns the existing definition with the wanted values, and the names of the fields that change.
    pub(super) fn onto(&self, existing: &Self) -> (Self, Vec<&'static str>) {
        let mut merged = self.clone();
        let mut changed = Vec::new();
        macro_rules! compare {
            ($($field:ident),*) => {
                $(if self.$field != existing.$field { changed.push(stringify!($field)); })*
            };
        }
        macro_rules! keep {
            ($($field:ident),*) => {$(
                match &self.$field {
                    None => merged.$field.clone_from(&existing.$field),
                    wanted if *wanted != existing.$field => changed.push(stringify!($field)),
                    _ => {}
                }
            )*};
        }
        compare!(name, billing_type, measured_unit);
        keep!(
            description,
            article_code,
            limit_period,
            limit_amount,
            min_value,
            max_value,
            default_limit,
            max_available_limit,
            is_boolean
        );
        (merged, changed)
    }
}
