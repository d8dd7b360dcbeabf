//! Offerings, their components and plans.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::protocol::call::Call;
use crate::protocol::listing::{Fields, object};
use crate::render;
use crate::store::{
    Category, Component, Endpoint, OFFERING_DESCRIPTION, Offering, OfferingState, Plan, State, named,
};
use crate::wire::{hex, timestamp};

/// The two representations of an offering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OfferingView {
    Provider,
    Public,
}

impl OfferingView {
    fn collection(self) -> &'static str {
        match self {
            Self::Provider => "marketplace-provider-offerings",
            Self::Public => "marketplace-public-offerings",
        }
    }

    pub(crate) fn shows(self, call: &Call, state: &State, offering: &Offering) -> bool {
        match self {
            Self::Public => true,
            Self::Provider => call.caller.is_some_and(|actor| state.sees_offering(actor, offering)),
        }
    }
}

/// Returns the offering's part of an order or a resource.
pub(crate) fn offering_summary(
    call: &Call,
    state: &State,
    offering: &Offering,
    plan: &Plan,
    fields: &Fields,
) -> Map<String, Value> {
    let address = format!("marketplace-public-offerings/{}/", hex(offering.uuid));
    let mut map = object! { fields;
        "offering": call.url(&address),
        "offering_name": offering.name.as_str(),
        "offering_uuid": hex(offering.uuid),
        "offering_description": OFFERING_DESCRIPTION,
        "offering_image": Value::Null,
        "offering_thumbnail": Value::Null,
        "offering_type": offering.kind,
        "offering_terms_of_service": "",
        "offering_shared": true,
        "offering_billable": true,
        "offering_plugin_options": plugin_options(),
        "provider_uuid": hex(offering.customer),
        "category_title": state.category_title(offering),
        "category_uuid": hex(offering.category),
        "category_icon": Value::Null,
        "plan": call.url(&format!("{address}plans/{}/", hex(plan.uuid))),
        "plan_unit": "month",
        "plan_name": plan.name.as_str(),
        "plan_uuid": hex(plan.uuid),

        "plan_description": "",
    };
    if let Some(provider) = state.customers.get(offering.customer) {
        map.extend(object! { fields; "provider_name": provider.name.as_str(), "provider_slug": provider.slug.as_str() });
    }
    map
}

/// Returns a category of the marketplace. Every caller can order all of its active offerings.
pub(crate) fn category(
    call: &Call,
    state: &State,
    category: &Category,
    fields: &Fields,
) -> Map<String, Value> {
    let active = |row: &&Offering| row.category == category.uuid && row.state == OfferingState::Active;
    let count = state.offerings.iter().filter(active).count();
    object! { fields;
        "url": call.url(&format!("marketplace-categories/{}/", hex(category.uuid))),
        "uuid": hex(category.uuid),
        "title": category.title.as_str(),
        "description": "",
        "icon": Value::Null,
        "default_vm_category": false,
        "default_volume_category": false,
        "default_tenant_category": false,
        "offering_count": count,
        "available_offerings_count": count,
        "sections": Value::Array(Vec::new()),
        "columns": Value::Array(Vec::new()),
        "components": Value::Array(Vec::new()),
        "articles": Value::Array(Vec::new()),
        "group": Value::Null,
    }
}

/// Returns an endpoint of an offering or a resource.
pub(crate) fn endpoint(endpoint: &Endpoint) -> Value {
    json!({ "uuid": hex(endpoint.uuid), "name": endpoint.name, "url": endpoint.url })
}

/// Returns the public representation.
pub(crate) fn public_offering(
    call: &Call,
    state: &State,
    offering: &Offering,
    fields: &Fields,
) -> Map<String, Value> {
    render::offering(call, state, offering, OfferingView::Public, fields)
}

pub(crate) fn offering(
    call: &Call,
    state: &State,
    offering: &Offering,
    view: OfferingView,
    fields: &Fields,
) -> Map<String, Value> {
    let mut map = object! { fields;
        "url": call.url(&format!("{}/{}/", view.collection(), hex(offering.uuid))),
        "uuid": hex(offering.uuid),
        "created": timestamp(offering.created),
        "name": offering.name.as_str(),
        "slug": offering.slug.as_str(),
        "description": OFFERING_DESCRIPTION,
        "full_description": "",
        "terms_of_service": "",
        "terms_of_service_link": "",
        "privacy_policy_link": "",
        "endpoints": offering.endpoints.iter().map(endpoint).collect::<Vec<_>>(),
        "roles": Value::Array(Vec::new()),
        "customer": call.url(&format!("customers/{}/", hex(offering.customer))),
        "customer_uuid": hex(offering.customer),
        "customer_name": state.customers.get(offering.customer).map(|customer| customer.name.clone()),
        "project": Value::Null,
        "category": call.url(&format!("marketplace-categories/{}/", hex(offering.category))),
        "category_uuid": hex(offering.category),
        "category_title": state.category_title(offering),
        "rating": Value::Null,
        "attributes": Map::new(),
        "options": order_options(offering),
        "resource_options": Map::new(),
        "components": components(offering),
        "billing_type_classification": classification(offering),
        "plugin_options": plugin_options(),
        "state": offering.state.as_str(),
        "native_name": "",
        "native_description": "",
        "vendor_details": "",
        "getting_started": "",
        "integration_guide": "",
        "thumbnail": Value::Null,
        "order_count": state.orders.iter().filter(|order| order.offering == offering.uuid).count(),
        "plans": plans(call, state, offering, view == OfferingView::Public),
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
        "backend_metadata": offering.backend_metadata.clone(),
        "google_calendar_is_public": Value::Null,
        "google_calendar_link": Value::Null,
    };
    map.extend(match view {
        OfferingView::Public => object! { fields; "promotion_campaigns": Value::Array(Vec::new()) },
        OfferingView::Provider => object! { fields;
            "secret_options": secret_options(),
            "backend_id_rules": Map::new(),
            "service_attributes": Map::new(),
            "integration_status": Value::Array(Vec::new()),
            "total_customers": 1,
            "total_cost": 0,
            "total_cost_estimated": 0,
        },
    });
    map
}

pub(crate) fn components(offering: &Offering) -> Vec<Value> {
    offering
        .components
        .iter()
        .map(|component| {
            let mut map = object! { Fields::ALL;
                "uuid": hex(component.uuid),
                "billing_type": "usage",
                "type": component.kind.as_str(),
                "name": component.name.as_str(),
                "description": "",
                "measured_unit": component.unit.as_str(),
                "limit_period": Value::Null,
                "limit_amount": Value::Null,
                "article_code": "",
                "max_value": Value::Null,
                "min_value": Value::Null,
                "max_available_limit": Value::Null,
                "is_boolean": false,
                "default_limit": Value::Null,
                "factor": Value::Null,
                "is_builtin": false,
            };
            map.extend(component.properties.to_map(|_| true));
            Value::Object(map)
        })
        .collect()
}

fn plugin_options() -> Value {
    json!({ "username_generation_policy": "service_provider" })
}

pub(crate) fn secret_options() -> Value {
    json!({ "service_provider_can_create_offering_user": true })
}

pub(crate) fn order_options(offering: &Offering) -> Value {
    let order: Vec<&str> = offering.options.iter().map(|(name, _)| name.as_str()).collect();
    let options: Map<String, Value> = offering.options.iter().cloned().collect();
    json!({ "order": order, "options": options })
}

pub(crate) fn ten_decimals(amount: Decimal) -> String {
    format!("{amount:.10}")
}

/// Returns the plans; their addresses depend on the representation.
pub(crate) fn plans(call: &Call, state: &State, offering: &Offering, public: bool) -> Vec<Value> {
    std::iter::once(&offering.plan)
        .chain(&offering.other_plans)
        .map(|plan| Value::Object(render::plan(call, state, offering, plan, public)))
        .collect()
}

pub(crate) fn plan(
    call: &Call,
    state: &State,
    offering: &Offering,
    plan: &Plan,
    public: bool,
) -> Map<String, Value> {
    let uuid = hex(plan.uuid);
    let address = if public {
        format!("marketplace-public-offerings/{}/plans/{uuid}/", hex(offering.uuid))
    } else {
        format!("marketplace-plans/{uuid}/")
    };
    let each = |value: &dyn Fn(&Component) -> Value| -> Value {
        let priced = offering.components.iter().filter(|component| component.price.is_some());
        Value::Object(priced.map(|component| (component.kind.clone(), value(component))).collect())
    };
    object! { Fields::ALL;
        "url": call.url(&address),
        "uuid": uuid,
        "name": plan.name.as_str(),
        "description": "",
        "article_code": "",
        "max_amount": Value::Null,
        "archived": plan.archived,
        "is_active": !plan.archived,
        "unit_price": "0.0000000000",
        "unit": "month",
        "init_price": 0,
        "switch_price": 0,
        "backend_id": "",
        "organization_groups": Value::Array(Vec::new()),
        "prices": each(&|component| component.price.and_then(|price| price.to_f64()).into()),
        "future_prices": each(&|_| Value::Null),
        "quotas": each(&|_| 0.into()),
        "resources_count": resources_count(state, offering),
        "plan_type": "usage-based",
        "minimal_price": 0,
    }
}

/// Returns how the components are billed.
fn classification(offering: &Offering) -> &'static str {
    let all = |kind: &str| offering.components.iter().all(|component| component.billing_type() == kind);
    match (all("limit"), all("usage")) {
        (_, true) => "usage_only",
        (true, _) => "limit_only",
        _ => "mixed",
    }
}

pub(crate) fn resources_count(state: &State, offering: &Offering) -> usize {
    state.resources.iter().filter(|resource| resource.offering == offering.uuid).count()
}

const EXPOSED: &[&str] = &["username", "full_name", "email"];

pub(crate) fn user_attributes(offering: &Offering) -> Map<String, Value> {
    let mut map: Map<String, Value> =
        EXPOSED.iter().map(|name| (format!("expose_{name}"), Value::Bool(true))).collect();
    map.extend(offering.user_attributes.clone().unwrap_or_default());
    let exposed: Vec<Value> = map
        .iter()
        .filter(|(_, exposed)| **exposed == Value::Bool(true))
        .map(|(name, _)| name.trim_start_matches("expose_").into())
        .collect();
    map.extend(object! { Fields::ALL;
        "uuid": hex(named(&format!("user attributes {}", offering.uuid))),
        "offering_uuid": hex(offering.uuid),
        "offering_name": offering.name.as_str(),
        "exposed_fields": exposed,
        "is_default": offering.user_attributes.is_none(),
        "created": timestamp(offering.created),
        "modified": timestamp(offering.created),
    });
    map
}

/// Returns the offering users as a configuration file.
pub(crate) fn glauth(state: &State, offering: Uuid, admits: impl Fn(Uuid) -> bool) -> String {
    let mut text = String::new();
    let accounts = state.offering_users.iter().filter(|row| row.offering == offering && admits(row.person));
    for (number, account) in accounts.filter_map(|account| account.username.as_ref()).enumerate() {
        let (name, id) = (account, 1001 + number);
        text.push_str(&format!("[[users]]\nname = \"{name}\"\nuidnumber = {id}\nprimarygroup = {id}\n\n"));
    }
    text
}
