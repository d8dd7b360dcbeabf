//! `marketplace-provider-offerings`, `marketplace-public-offerings` and `marketplace-plan-components`.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Map, Value, json};

use crate::answer::{Outcome, hex, no_match, timestamp};
use crate::call::Call;
use crate::listing::{self, Fields, Ordered, object};
use crate::model::{Component, Offering, OfferingState};
use crate::seed;
use crate::state::State;

const ORDERINGS: &[Ordered<Offering>] = &[
    ("name", |a, b| a.name.cmp(&b.name)),
    ("created", |a, b| a.created.cmp(&b.created)),
    ("type", |a, b| a.kind.cmp(b.kind)),
    ("state", |a, b| a.state.cmp(&b.state)),
    ("total_customers", |_, _| std::cmp::Ordering::Equal),
    ("total_cost", |_, _| std::cmp::Ordering::Equal),
    ("total_cost_estimated", |_, _| std::cmp::Ordering::Equal),
];

/// The same offering looks a little different to its provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    Provider,
    Public,
}

impl View {
    fn collection(self) -> &'static str {
        match self {
            Self::Provider => "marketplace-provider-offerings",
            Self::Public => "marketplace-public-offerings",
        }
    }

    fn shows(self, call: &Call, state: &State, offering: &Offering) -> bool {
        match self {
            Self::Public => true,
            Self::Provider => call.caller.is_some_and(|actor| state.sees_offering(actor, offering)),
        }
    }
}

pub(crate) fn provider_list(call: &Call, state: &mut State) -> Outcome {
    list(call, state, View::Provider)
}

pub(crate) fn provider_retrieve(call: &Call, state: &mut State) -> Outcome {
    retrieve(call, state, View::Provider)
}

pub(crate) fn public_list(call: &Call, state: &mut State) -> Outcome {
    list(call, state, View::Public)
}

pub(crate) fn public_retrieve(call: &Call, state: &mut State) -> Outcome {
    retrieve(call, state, View::Public)
}

fn list(call: &Call, state: &State, view: View) -> Outcome {
    let states = call.choices::<OfferingState>("state")?;
    let customer = call.uuid_filter("customer_uuid")?;
    let kinds: Vec<&str> = call.values("type").collect();
    let mut rows: Vec<&Offering> = state
        .offerings
        .iter()
        .filter(|offering| states.is_empty() || states.contains(&offering.state))
        .filter(|offering| customer.is_none_or(|uuid| offering.customer == uuid))
        .filter(|offering| kinds.is_empty() || kinds.contains(&offering.kind))
        .filter(|offering| call.text("name_exact").is_none_or(|name| offering.name == name))
        .filter(|offering| call.text("name").is_none_or(|part| contains(&offering.name, part)))
        .filter(|offering| view.shows(call, state, offering))
        .collect();
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    listing::order(call, &mut rows, ORDERINGS)?;
    listing::page(call, &rows, |offering, fields| render(call, state, offering, view, fields))
}

fn retrieve(call: &Call, state: &State, view: View) -> Outcome {
    let offering = call
        .uuid()
        .and_then(|uuid| state.offerings.get(uuid))
        .filter(|offering| view.shows(call, state, offering))
        .ok_or_else(|| no_match("Offering"))?;
    listing::one(call, |fields| render(call, state, offering, view, fields))
}

/// Text filters look for a part, without regard to case.
pub(crate) fn contains(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}

/// Prices of one plan, component by component.
pub(crate) fn plan_components(call: &Call, state: &mut State) -> Outcome {
    let offering = call.uuid_filter("offering_uuid")?;
    let plan = call.uuid_filter("plan_uuid")?;
    let rows: Vec<(&Offering, &Component)> = state
        .offerings
        .iter()
        .filter(|row| offering.is_none_or(|uuid| row.uuid == uuid))
        .filter(|row| plan.is_none_or(|uuid| row.plan.uuid == uuid))
        .flat_map(|offering| offering.components.iter().map(move |component| (offering, component)))
        .collect();
    listing::page(call, &rows, |(offering, component), fields| {
        object! { fields;
            "offering_name": offering.name.as_str(),
            "plan_name": offering.plan.name.as_str(),
            "plan_unit": "month",
            "component_name": component.name,
            "measured_unit": component.unit,
            "billing_type": "usage",
            "amount": 0,
            "price": ten_decimals(component.price),
            "future_price": Value::Null,
        }
    })
}

fn ten_decimals(amount: Decimal) -> String {
    format!("{amount:.10}")
}

/// What orders and resources say of their offering.
pub(crate) fn summary(
    call: &Call,
    state: &State,
    offering: &Offering,
    fields: &Fields,
) -> Map<String, Value> {
    let address = format!("marketplace-public-offerings/{}/", hex(offering.uuid));
    let mut map = object! { fields;
        "offering": call.url(&address),
        "offering_name": offering.name.as_str(),
        "offering_uuid": hex(offering.uuid),
        "offering_description": seed::OFFERING_DESCRIPTION,
        "offering_image": Value::Null,
        "offering_thumbnail": Value::Null,
        "offering_type": offering.kind,
        "offering_terms_of_service": "",
        "offering_shared": true,
        "offering_billable": true,
        "offering_plugin_options": plugin_options(),
        "provider_uuid": hex(offering.customer),
        "category_title": seed::CATEGORY_TITLE,
        "category_uuid": hex(seed::category()),
        "category_icon": Value::Null,
        "plan": call.url(&format!("{address}plans/{}/", hex(offering.plan.uuid))),
        "plan_unit": "month",
        "plan_name": offering.plan.name.as_str(),
        "plan_uuid": hex(offering.plan.uuid),
        "plan_description": "",
    };
    if let Some(provider) = state.customers.get(offering.customer) {
        map.extend(object! { fields; "provider_name": provider.name.as_str() });
    }
    map
}

fn plugin_options() -> Value {
    json!({ "username_generation_policy": "service_provider" })
}

pub(crate) fn secret_options() -> Value {
    json!({ "service_provider_can_create_offering_user": true })
}

pub(crate) fn order_options() -> Value {
    json!({ "order": [], "options": {} })
}

pub(crate) fn components(offering: &Offering) -> Vec<Value> {
    offering
        .components
        .iter()
        .map(|component| {
            json!({
                "uuid": hex(component.uuid),
                "billing_type": "usage",
                "type": component.kind,
                "name": component.name,
                "description": "",
                "measured_unit": component.unit,
                "limit_period": null,
                "limit_amount": null,
                "article_code": "",
                "max_value": null,
                "min_value": null,
                "max_available_limit": null,
                "is_boolean": false,
                "default_limit": null,
                "factor": null,
                "is_builtin": false,
            })
        })
        .collect()
}

/// The plans of an offering; their address depends on who looks.
pub(crate) fn plans(call: &Call, state: &State, offering: &Offering, public: bool) -> Vec<Value> {
    let uuid = hex(offering.plan.uuid);
    let address = if public {
        format!("marketplace-public-offerings/{}/plans/{uuid}/", hex(offering.uuid))
    } else {
        format!("marketplace-plans/{uuid}/")
    };
    let each = |value: &dyn Fn(&Component) -> Value| -> Value {
        Value::Object(offering.components.iter().map(|c| (c.kind.to_owned(), value(c))).collect())
    };
    vec![json!({
        "url": call.url(&address),
        "uuid": uuid,
        "name": offering.plan.name,
        "description": "",
        "article_code": "",
        "max_amount": null,
        "archived": false,
        "is_active": true,
        "unit_price": "0.0000000000",
        "unit": "month",
        "init_price": 0,
        "switch_price": 0,
        "backend_id": "",
        "organization_groups": [],
        "prices": each(&|component| component.price.to_f64().into()),
        "future_prices": each(&|_| Value::Null),
        "quotas": each(&|_| 0.into()),
        "resources_count": resources_count(state, offering),
        "plan_type": "usage-based",
        "minimal_price": 0,
    })]
}

pub(crate) fn resources_count(state: &State, offering: &Offering) -> usize {
    state.resources.iter().filter(|resource| resource.offering == offering.uuid).count()
}

fn render(
    call: &Call,
    state: &State,
    offering: &Offering,
    view: View,
    fields: &Fields,
) -> Map<String, Value> {
    let mut map = object! { fields;
        "url": call.url(&format!("{}/{}/", view.collection(), hex(offering.uuid))),
        "uuid": hex(offering.uuid),
        "created": timestamp(offering.created),
        "name": offering.name.as_str(),
        "slug": offering.slug.as_str(),
        "description": seed::OFFERING_DESCRIPTION,
        "full_description": "",
        "terms_of_service": "",
        "terms_of_service_link": "",
        "privacy_policy_link": "",
        "endpoints": Value::Array(Vec::new()),
        "roles": Value::Array(Vec::new()),
        "customer": call.url(&format!("customers/{}/", hex(offering.customer))),
        "customer_uuid": hex(offering.customer),
        "customer_name": state.customers.get(offering.customer).map(|customer| customer.name.clone()),
        "project": Value::Null,
        "category": call.url(&format!("marketplace-categories/{}/", hex(seed::category()))),
        "category_uuid": hex(seed::category()),
        "category_title": seed::CATEGORY_TITLE,
        "rating": Value::Null,
        "attributes": Map::new(),
        "options": order_options(),
        "resource_options": Map::new(),
        "components": components(offering),
        "plugin_options": plugin_options(),
        "state": offering.state.as_str(),
        "native_name": "",
        "native_description": "",
        "vendor_details": "",
        "getting_started": "",
        "integration_guide": "",
        "thumbnail": Value::Null,
        "order_count": state.orders.iter().filter(|order| order.offering == offering.uuid).count(),
        "plans": plans(call, state, offering, view == View::Public),
        "screenshots": Value::Array(Vec::new()),
        "type": offering.kind,
        "shared": true,
        "billable": true,
        "scope": Value::Null,
        "files": Value::Array(Vec::new()),
        "paused_reason": "",
        "datacite_doi": "",
        "citation_count": -1,
        "latitude": Value::Null,
        "longitude": Value::Null,
        "country": "",
        "backend_id": "",
        "organization_groups": Value::Array(Vec::new()),
        "image": Value::Null,
        "backend_metadata": Map::new(),
        "google_calendar_is_public": Value::Null,
        "google_calendar_link": Value::Null,
    };
    map.extend(match view {
        View::Public => object! { fields; "promotion_campaigns": Value::Array(Vec::new()) },
        View::Provider => object! { fields;
            "secret_options": secret_options(),
            "service_attributes": Map::new(),
            "integration_status": Value::Array(Vec::new()),
            "total_customers": 1,
            "total_cost": 0,
            "total_cost_estimated": 0,
        },
    });
    map
}
