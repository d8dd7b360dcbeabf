//! `marketplace-provider-offerings`, `marketplace-public-offerings` and `marketplace-plan-components`.

use std::collections::HashSet;

use http::StatusCode;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::answer::{Answer, Outcome, hex, invalid, invalid_field, invalid_whole, no_match, timestamp};
use crate::call::{Call, parse_uuid};
use crate::documents;
use crate::filters::contains;
use crate::listing::{self, Fields, Ordered, object};
use crate::model::{Component, Customer, Endpoint, Offering, OfferingState, Order, Person, Plan, Project};
use crate::organisations::render_project;
use crate::people;
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

fn shown<'a>(call: &Call, state: &'a State, view: View) -> Result<&'a Offering, Answer> {
    call.uuid()
        .and_then(|uuid| state.offerings.get(uuid))
        .filter(|offering| view.shows(call, state, offering))
        .ok_or_else(|| no_match("Offering"))
}

fn retrieve(call: &Call, state: &State, view: View) -> Outcome {
    let offering = shown(call, state, view)?;
    listing::one(call, |fields| render(call, state, offering, view, fields))
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
        .filter(|(_, component)| component.price.is_some())
        .collect();
    listing::page(call, &rows, |(offering, component), fields| {
        object! { fields;
            "offering_name": offering.name.as_str(),
            "plan_name": offering.plan.name.as_str(),
            "plan_unit": "month",
            "component_name": component.name.as_str(),
            "measured_unit": component.unit.as_str(),
            "billing_type": component.billing_type(),
            "amount": 0,
            "price": ten_decimals(component.price.unwrap_or_default()),
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
    plan: &Plan,
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
            map.extend(component.set.clone());
            Value::Object(map)
        })
        .collect()
}

/// The plans of an offering; their address depends on who looks.
pub(crate) fn plans(call: &Call, state: &State, offering: &Offering, public: bool) -> Vec<Value> {
    std::iter::once(&offering.plan)
        .chain(&offering.other_plans)
        .map(|plan| Value::Object(render_plan(call, state, offering, plan, public)))
        .collect()
}

/// By what an offering's components are billed.
fn classification(offering: &Offering) -> &'static str {
    let all = |kind: &str| offering.components.iter().all(|component| component.billing_type() == kind);
    match (all("limit"), all("usage")) {
        (_, true) => "usage_only",
        (true, _) => "limit_only",
        _ => "mixed",
    }
}

fn render_plan(
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
        "archived": false,
        "is_active": true,
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

pub(crate) fn resources_count(state: &State, offering: &Offering) -> usize {
    state.resources.iter().filter(|resource| resource.offering == offering.uuid).count()
}

/// An offering as everybody sees it.
pub(crate) fn render_public(
    call: &Call,
    state: &State,
    offering: &Offering,
    fields: &Fields,
) -> Map<String, Value> {
    render(call, state, offering, View::Public, fields)
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
        "endpoints": offering.endpoints.iter().map(Endpoint::render).collect::<Vec<_>>(),
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
        "backend_metadata": offering.backend_metadata.clone(),
        "google_calendar_is_public": Value::Null,
        "google_calendar_link": Value::Null,
    };
    map.extend(match view {
        View::Public => object! { fields; "promotion_campaigns": Value::Array(Vec::new()) },
        View::Provider => object! { fields;
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

/// What an offering's provider does to it; the provider's own or staff.
fn provided<'a>(call: &Call, state: &'a mut State) -> Result<&'a mut Offering, Answer> {
    let actor = call.actor()?;
    let uuid = shown(call, state, View::Provider)?.uuid;
    state.must_provide(actor, uuid)?;
    state.offerings.get_mut(uuid).ok_or_else(|| no_match("Offering"))
}

/// A component whose type no other one of the offering has.
pub(crate) fn create_component(call: &Call, state: &mut State) -> Outcome {
    let uuid = state.fresh_uuid();
    let offering = provided(call, state)?;
    let mut data = call.checked()?;
    let mut text = |name: &str| match data.remove(name) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    };
    let (kind, name, unit) = (text("type"), text("name"), text("measured_unit"));
    if offering.component(&kind).is_some() {
        return Err(invalid_whole("The fields offering, type must make a unique set."));
    }
    let key = offering.component_key(&kind, uuid);
    offering.components.push(Component { uuid, kind, key, name, unit, price: None, set: data });
    Ok(Answer::empty(StatusCode::CREATED))
}

fn taken_uuid(data: &mut Map<String, Value>) -> Option<Uuid> {
    data.remove("uuid").as_ref().and_then(Value::as_str).and_then(parse_uuid)
}

/// The component that a body is about. One that isn't there is 404, with nothing said.
fn component_of(offering: &Offering, data: &Map<String, Value>) -> Result<Uuid, Answer> {
    let uuid = data.get("uuid").ok_or_else(|| details("The uuid of the component is missing."))?;
    let uuid = uuid.as_str().and_then(parse_uuid);
    uuid.filter(|uuid| offering.components.iter().any(|row| row.uuid == *uuid))
        .ok_or_else(|| Answer::empty(StatusCode::NOT_FOUND))
}

/// Components alone are refused in this form.
fn details(text: &str) -> Answer {
    invalid(json!({ "details": text }))
}

/// What is said of a component. Another type renames the limits of all resources; usages stay with theirs.
pub(crate) fn update_component(call: &Call, state: &mut State) -> Outcome {
    let offering = provided(call, state)?;
    let uuid = component_of(offering, &call.data()?)?;
    let mut data = call.checked_partly()?;
    data.remove("uuid");
    let kind = data.get("type").and_then(Value::as_str).unwrap_or_default();
    if offering.components.iter().any(|row| row.kind == kind && row.uuid != uuid) {
        return Err(invalid_field("type", "Another component has this type."));
    }
    let of = offering.uuid;
    let Some(component) = offering.components.iter_mut().find(|row| row.uuid == uuid) else {
        return Err(Answer::empty(StatusCode::NOT_FOUND));
    };
    let before = component.kind.clone();
    for (name, field) in
        [("type", &mut component.kind), ("name", &mut component.name), ("measured_unit", &mut component.unit)]
    {
        if let Some(Value::String(text)) = data.remove(name) {
            *field = text;
        }
    }
    component.set.extend(data);
    let after = component.kind.clone();
    if before != after {
        rename_component(state, of, &before, &after);
    }
    Ok(Answer::empty(StatusCode::OK))
}

fn rename_component(state: &mut State, offering: Uuid, before: &str, after: &str) {
    let mut resources = HashSet::new();
    for row in state.resources.iter_mut().filter(|row| row.offering == offering) {
        resources.insert(row.uuid);
        if let Some(limit) = row.limits.remove(before) {
            row.limits.insert(after.to_owned(), limit);
        }
    }
    for usage in state.usages.iter_mut() {
        if usage.component == before && resources.contains(&usage.resource) {
            usage.component = after.to_owned();
        }
    }
}

/// A component stays as long as the offering has resources, of whatever state, whether they use it or not.
pub(crate) fn remove_component(call: &Call, state: &mut State) -> Outcome {
    let offering = provided(call, state)?;
    let (of, uuid) = (offering.uuid, component_of(offering, &call.data()?)?);
    if state.resources.iter().any(|row| row.offering == of) {
        return Err(details("The offering has resources."));
    }
    if let Some(offering) = state.offerings.get_mut(of) {
        offering.components.retain(|row| row.uuid != uuid);
    }
    Ok(Answer::empty(StatusCode::OK))
}

pub(crate) fn add_endpoint(call: &Call, state: &mut State) -> Outcome {
    let uuid = state.fresh_uuid();
    let offering = provided(call, state)?;
    let data = call.checked()?;
    let text = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    offering.endpoints.push(Endpoint { uuid, name: text("name"), url: text("url") });
    Ok(Answer::created(json!({ "uuid": hex(uuid) })))
}

pub(crate) fn delete_endpoint(call: &Call, state: &mut State) -> Outcome {
    let offering = provided(call, state)?;
    let uuid = taken_uuid(&mut call.checked()?);
    if !offering.endpoints.iter().any(|endpoint| Some(endpoint.uuid) == uuid) {
        return Err(invalid_field("uuid", "Object does not exist."));
    }
    offering.endpoints.retain(|endpoint| Some(endpoint.uuid) != uuid);
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

pub(crate) fn set_backend_metadata(call: &Call, state: &mut State) -> Outcome {
    let offering = provided(call, state)?;
    offering.backend_metadata = call.checked()?.remove("backend_metadata").unwrap_or_default();
    Ok(Answer::empty(StatusCode::OK))
}

/// Whether no resource of the offering, or of any of the provider's, has the back-end id yet.
pub(crate) fn check_unique_backend_id(call: &Call, state: &mut State) -> Outcome {
    let (uuid, customer) = {
        let offering = provided(call, state)?;
        (offering.uuid, offering.customer)
    };
    let data = call.checked()?;
    let id = data.get("backend_id").and_then(Value::as_str).unwrap_or_default();
    let all = data.get("check_all_offerings") == Some(&Value::Bool(true));
    let unique = !state.resources.iter().any(|row| {
        row.backend_id == id
            && (row.offering == uuid
                || all && state.offerings.get(row.offering).is_some_and(|o| o.customer == customer))
    });
    Ok(Answer::ok(json!({ "is_unique": unique, "is_valid_format": null, "errors": [] })))
}

/// Which attributes of its users the provider gets to see.
pub(crate) fn user_attributes(call: &Call, state: &mut State) -> Outcome {
    let offering = provided(call, state)?;
    Ok(Answer::ok(Value::Object(render_user_attributes(offering))))
}

pub(crate) fn update_user_attributes(call: &Call, state: &mut State) -> Outcome {
    let offering = provided(call, state)?;
    let mut data = call.checked()?;
    data.remove("offering");
    offering.user_attributes.get_or_insert_default().extend(data);
    Ok(Answer::ok(Value::Object(render_user_attributes(offering))))
}

const EXPOSED: &[&str] = &["username", "full_name", "email"];

fn render_user_attributes(offering: &Offering) -> Map<String, Value> {
    let mut map: Map<String, Value> =
        EXPOSED.iter().map(|name| (format!("expose_{name}"), Value::Bool(true))).collect();
    map.extend(offering.user_attributes.clone().unwrap_or_default());
    let exposed: Vec<Value> = map
        .iter()
        .filter(|(_, exposed)| **exposed == Value::Bool(true))
        .map(|(name, _)| name.trim_start_matches("expose_").into())
        .collect();
    map.extend(object! { Fields::ALL;
        "uuid": hex(seed::named(&format!("user attributes {}", offering.uuid))),
        "offering_uuid": hex(offering.uuid),
        "offering_name": offering.name.as_str(),
        "exposed_fields": exposed,
        "is_default": offering.user_attributes.is_none(),
        "created": timestamp(offering.created),
        "modified": timestamp(offering.created),
    });
    map
}

/// The accounts of an offering as a configuration file.
pub(crate) fn glauth(state: &State, offering: Uuid, admits: impl Fn(Uuid) -> bool) -> String {
    let mut text = String::new();
    let accounts = state.offering_users.iter().filter(|row| row.offering == offering && admits(row.person));
    for (number, account) in accounts.filter_map(|account| account.username.as_ref()).enumerate() {
        let (name, id) = (account, 1001 + number);
        text.push_str(&format!("[[users]]\nname = \"{name}\"\nuidnumber = {id}\nprimarygroup = {id}\n\n"));
    }
    text
}

pub(crate) fn glauth_users_config(call: &Call, state: &mut State) -> Outcome {
    let uuid = provided(call, state)?.uuid;
    Ok(Answer::text(glauth(state, uuid, |_| true)))
}

/// The projects that have something of the offering.
fn served(state: &State, offering: Uuid) -> Vec<&Project> {
    state
        .projects
        .iter()
        .filter(|project| {
            state.resources.iter().any(|row| row.project == project.uuid && row.offering == offering)
        })
        .collect()
}

pub(crate) fn projects(call: &Call, state: &mut State) -> Outcome {
    let uuid = provided(call, state)?.uuid;
    let rows = served(state, uuid);
    listing::page(call, &rows, |project, fields| render_project(call, state, project, fields))
}

pub(crate) fn users(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let uuid = provided(call, state)?.uuid;
    let projects = served(state, uuid);
    let rows: Vec<&Person> = state
        .people
        .iter()
        .filter(|person| projects.iter().any(|project| person.role_in(project.uuid).is_some()))
        .collect();
    listing::page(call, &rows, |person, fields| people::render(call, state, actor, person, fields))
}

pub(crate) fn customers(call: &Call, state: &mut State) -> Outcome {
    let uuid = provided(call, state)?.uuid;
    let projects = served(state, uuid);
    let rows: Vec<&Customer> = state
        .customers
        .iter()
        .filter(|row| projects.iter().any(|project| project.customer == row.uuid))
        .collect();
    listing::page(call, &rows, |row, fields| {
        object! { fields;
            "uuid": hex(row.uuid),
            "name": row.name.as_str(),
            "slug": row.slug.as_str(),
            "abbreviation": row.abbreviation.as_str(),
            "phone_number": "",
            "email": row.email.as_str(),
        }
    })
}

pub(crate) fn orders(call: &Call, state: &mut State) -> Outcome {
    let uuid = provided(call, state)?.uuid;
    let rows: Vec<&Order> = state.orders.iter().filter(|order| order.offering == uuid).collect();
    listing::page(call, &rows, |order, fields| crate::orders::render(call, state, order, fields))
}

/// A plan, as its provider sees it.
pub(crate) fn plan(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let (offering, plan) = call
        .uuid()
        .and_then(|uuid| state.offerings.iter().find_map(|row| Some((row, row.plan(uuid)?))))
        .filter(|(offering, _)| state.provides(actor, offering.uuid))
        .ok_or_else(|| no_match("Plan"))?;
    let mut map = render_plan(call, state, offering, plan, false);
    map.insert(
        "offering".to_owned(),
        call.url(&format!("marketplace-provider-offerings/{}/", hex(offering.uuid))).into(),
    );
    Ok(Answer::ok(Value::Object(map)))
}

pub(crate) fn public_plans(call: &Call, state: &mut State) -> Outcome {
    let offering = shown(call, state, View::Public)?;
    let rows = plans(call, state, offering, true);
    listing::page(call, &rows, |plan, _| plan.as_object().cloned().unwrap_or_default())
}

pub(crate) fn public_plan(call: &Call, state: &mut State) -> Outcome {
    let offering = shown(call, state, View::Public)?;
    let plan = call
        .segments
        .get(1)
        .and_then(|text| parse_uuid(text))
        .and_then(|uuid| offering.plan(uuid))
        .ok_or_else(|| no_match("Plan"))?;
    Ok(Answer::ok(Value::Object(render_plan(call, state, offering, plan, true))))
}

fn accounts(call: &Call, state: &mut State, collection: &str) -> Outcome {
    let uuid = provided(call, state)?.uuid;
    documents::listed(call, state, |document| {
        document.collection == collection && documents::serves(state, document, &[uuid])
    })
}

pub(crate) fn course_accounts(call: &Call, state: &mut State) -> Outcome {
    accounts(call, state, "marketplace-course-accounts")
}

pub(crate) fn project_service_accounts(call: &Call, state: &mut State) -> Outcome {
    accounts(call, state, "marketplace-project-service-accounts")
}

pub(crate) fn customer_service_accounts(call: &Call, state: &mut State) -> Outcome {
    accounts(call, state, "marketplace-customer-service-accounts")
}
