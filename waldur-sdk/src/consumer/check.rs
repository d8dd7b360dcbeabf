//! Checks of an order against its offering, before it is sent.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use http::Uri;
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use uuid::Uuid;
use waldur_api_client::types::OfferingState;
use waldur_api_client::{Error, Operation};

use super::attributes::NO_DATE;
use super::offerings::{Component, OfferingDetails};

/// The types of offerings whose orders have the attributes of the order form and no others. Orders of other
/// types also have attributes of their plugin, such as the flavor of a virtual machine.
const FORM_ONLY: [&str; 4] =
    ["Marketplace.Basic", "Marketplace.Script", "Marketplace.Slurm", "Support.OfferingTemplate"];

/// The attributes that every order may have.
const COMMON: [&str; 3] = ["name", "description", END_DATE];

/// The attribute that is the last day of the resource.
const END_DATE: &str = "end_date";

/// What is wrong with an order: the path of a field, and a text.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<(String, String)>);

impl Problems {
    pub(super) fn add(&mut self, path: impl Into<String>, text: impl Into<String>) {
        self.0.push((path.into(), text.into()));
    }

    /// Returns an error if there are problems.
    ///
    /// # Errors
    /// [`Error::is_validation`] with all problems.
    pub(super) fn into_result(self, operation: &'static Operation) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::invalid_fields(self.0).with_operation(operation)) }
    }

    /// Checks whether a URL that the server calls is one.
    pub(super) fn check_callback(&mut self, url: &str) {
        let is_url = |url: Uri| matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some();
        if !url.parse().is_ok_and(is_url) {
            self.add("callback_url", format!("`{url}` is no URL such as https://portal.example.org/done"));
        }
    }

    /// Checks whether the offering can be ordered.
    pub(super) fn check_state(&mut self, offering: &OfferingDetails) {
        let is_known = matches!(
            offering.state,
            OfferingState::Draft
                | OfferingState::Paused
                | OfferingState::Archived
                | OfferingState::Unavailable
        );
        if is_known {
            self.add("offering", format!("the offering `{}` is {}", offering.name, offering.state));
        }
    }

    /// Checks whether a plan can be ordered.
    pub(super) fn check_plan(&mut self, offering: &OfferingDetails, plan: Uuid) {
        match offering.plans.iter().find(|known| known.uuid == plan) {
            None => {
                let plans = listed(offering.orderable_plans().map(|plan| plan.name.as_str()));
                let (plan, name) = (plan.simple(), &offering.name);
                self.add("plan", format!("the offering `{name}` has no plan {plan}; its plans are: {plans}"));
            }
            Some(plan) if plan.archived => self.add("plan", format!("the plan `{}` is archived", plan.name)),
            Some(_) => {}
        }
    }

    /// Checks whether each limit is one of a component, and within its bounds.
    pub(super) fn check_limits(&mut self, offering: &OfferingDetails, limits: &BTreeMap<String, Decimal>) {
        for (type_, limit) in limits {
            let problem = match offering.component(type_) {
                Some(component) => limit_problem(component, *limit),
                None => {
                    let limited = offering.components.iter().filter(|component| component.takes_limit());
                    let types = listed(limited.map(|component| component.type_.as_str()));
                    Some(format!("the offering has no such component; limits can be set of: {types}"))
                }
            };
            if let Some(problem) = problem {
                self.add(format!("limits.{type_}"), problem);
            }
        }
    }

    /// Checks whether required attributes are there, and whether all are known and valid.
    pub(super) fn check_attributes(&mut self, offering: &OfferingDetails, attributes: &Map<String, Value>) {
        if attributes.get("name").and_then(Value::as_str).is_none_or(|name| name.trim().is_empty()) {
            self.add("attributes.name", "the resource needs a name");
        }
        match attributes.get(END_DATE).filter(|day| !day.is_null()) {
            Some(day) if day.as_str().is_none_or(|day| day.parse::<NaiveDate>().is_err()) => {
                self.add("attributes.end_date", NO_DATE);
            }
            None if offering.components.iter().any(|component| component.is_prepaid) => {
                self.add("attributes.end_date", "the offering is paid in advance, and needs an end date");
            }
            Some(_) | None => {}
        }
        for field in &offering.attributes {
            let path = format!("attributes.{}", field.name);
            match attributes.get(&field.name).filter(|value| !value.is_null()) {
                Some(value) => {
                    if let Some(problem) = field.problem(value) {
                        self.add(path, problem);
                    }
                }
                None if field.required => self.add(path, "the attribute is required"),
                None => {}
            }
        }
        if !FORM_ONLY.contains(&offering.type_.as_str()) {
            return;
        }
        let fields = || offering.attributes.iter().map(|field| field.name.as_str()).chain(COMMON);
        for name in attributes.keys().filter(|name| fields().all(|known| known != *name)) {
            let text = format!("the offering has no such attribute; it has: {}", listed(fields()));
            self.add(format!("attributes.{name}"), text);
        }
    }
}

/// Returns what is wrong with the limit of a component. Servers treat a bound of 0 as none.
fn limit_problem(component: &Component, limit: Decimal) -> Option<String> {
    let bound = |bound: Option<Decimal>| bound.filter(|bound| !bound.is_zero());
    if !component.takes_limit() {
        return Some(format!("the component is billed by `{}` and takes no limit", component.billing_type));
    }
    if component.is_boolean && limit != Decimal::ZERO && limit != Decimal::ONE {
        return Some(format!("{limit} is neither 0 nor 1"));
    }
    if !limit.is_integer() {
        return Some(format!("{limit} is not a whole number"));
    }
    if limit.is_sign_negative() && !limit.is_zero() {
        return Some(format!("{limit} is negative"));
    }
    if let Some(min) = bound(component.min_value).filter(|min| limit < *min) {
        return Some(format!("{limit} is less than the minimum {min}"));
    }
    if let Some(max) = bound(component.max_value).filter(|max| limit > *max) {
        return Some(format!("{limit} is more than the maximum {max}"));
    }
    let available = bound(component.max_available_limit).filter(|available| limit >= *available)?;
    Some(format!("{limit} is not less than {available}, which bounds the sum of all limits of the offering"))
}

/// Returns the names with commas between them.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
