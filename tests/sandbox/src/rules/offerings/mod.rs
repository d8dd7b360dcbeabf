//! `marketplace-provider-offerings`, `marketplace-public-offerings` and `marketplace-plan-components`.

pub(crate) mod changes;

use serde_json::Value;
use uuid::Uuid;

use crate::protocol::answer::{Answer, Outcome, no_match};
use crate::protocol::call::Call;
use crate::protocol::filters::contains;
use crate::protocol::listing::{self, Ordered, object};
use crate::render::{self, OfferingView};
use crate::rules::generic;
use crate::store::{
    COURSE_ACCOUNTS, CUSTOMER_SERVICE_ACCOUNTS, Collection, Component, Customer, Offering, OfferingState,
    Order, PROJECT_SERVICE_ACCOUNTS, Person, Project, State,
};
use crate::wire::{hex, parse_uuid};

const ORDERINGS: &[Ordered<Offering>] = &[
    ("name", |a, b| a.name.cmp(&b.name)),
    ("created", |a, b| a.created.cmp(&b.created)),
    ("type", |a, b| a.kind.cmp(b.kind)),
    ("state", |a, b| a.state.cmp(&b.state)),
    ("total_customers", |_, _| std::cmp::Ordering::Equal),
    ("total_cost", |_, _| std::cmp::Ordering::Equal),
    ("total_cost_estimated", |_, _| std::cmp::Ordering::Equal),
];

pub(crate) fn provider_list(call: &Call, state: &mut State) -> Outcome {
    list(call, state, OfferingView::Provider)
}

pub(crate) fn provider_retrieve(call: &Call, state: &mut State) -> Outcome {
    retrieve(call, state, OfferingView::Provider)
}

pub(crate) fn public_list(call: &Call, state: &mut State) -> Outcome {
    list(call, state, OfferingView::Public)
}

pub(crate) fn public_retrieve(call: &Call, state: &mut State) -> Outcome {
    retrieve(call, state, OfferingView::Public)
}

fn list(call: &Call, state: &State, view: OfferingView) -> Outcome {
    let states = call.choices::<OfferingState>("state")?;
    let customer = call.uuid_filter("customer_uuid")?;
    let kinds: Vec<&str> = call.values("type").collect();
    // Every offering is shared, so every project and every customer can order it.
    for orderable_by in ["project_uuid", "allowed_customer_uuid"] {
        call.uuid_filter(orderable_by)?;
    }
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
    listing::page(call, &rows, |offering, fields| render::offering(call, state, offering, view, fields))
}

fn shown<'a>(call: &Call, state: &'a State, view: OfferingView) -> Result<&'a Offering, Answer> {
    call.uuid()
        .and_then(|uuid| state.offerings.get(uuid))
        .filter(|offering| view.shows(call, state, offering))
        .ok_or_else(|| no_match("Offering"))
}

fn retrieve(call: &Call, state: &State, view: OfferingView) -> Outcome {
    let offering = shown(call, state, view)?;
    listing::one(call, |fields| render::offering(call, state, offering, view, fields))
}

/// Lists the prices of plans by component.
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
            "price": render::ten_decimals(component.price.unwrap_or_default()),
            "future_price": Value::Null,
        }
    })
}

/// Returns the offering, to its provider and staff.
pub(crate) fn provided<'a>(call: &Call, state: &'a mut State) -> Result<&'a mut Offering, Answer> {
    let actor = call.actor()?;
    let uuid = shown(call, state, OfferingView::Provider)?.uuid;
    state.must_provide(actor, uuid)?;
    state.offerings.get_mut(uuid).ok_or_else(|| no_match("Offering"))
}

pub(crate) fn glauth_users_config(call: &Call, state: &mut State) -> Outcome {
    let uuid = provided(call, state)?.uuid;
    Ok(Answer::text(render::glauth(state, uuid, |_| true)))
}

/// Returns the projects with a resource of the offering.
fn served(state: &State, offering: Uuid) -> Vec<&Project> {
    state
        .kept_projects()
        .filter(|project| {
            state.resources.iter().any(|row| row.project == project.uuid && row.offering == offering)
        })
        .collect()
}

pub(crate) fn projects(call: &Call, state: &mut State) -> Outcome {
    let uuid = provided(call, state)?.uuid;
    let rows = served(state, uuid);
    listing::page(call, &rows, |project, fields| render::project(call, state, project, fields))
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
    listing::page(call, &rows, |person, fields| render::user(call, state, actor, person, fields))
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
    listing::page(call, &rows, |order, fields| render::order(call, state, order, fields))
}

/// Responds with a plan in the provider's representation.
pub(crate) fn plan(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let (offering, plan) = call
        .uuid()
        .and_then(|uuid| state.offerings.iter().find_map(|row| Some((row, row.plan(uuid)?))))
        .filter(|(offering, _)| state.provides(actor, offering.uuid))
        .ok_or_else(|| no_match("Plan"))?;
    let mut map = render::plan(call, state, offering, plan, false);
    map.insert(
        "offering".to_owned(),
        call.url(&format!("marketplace-provider-offerings/{}/", hex(offering.uuid))).into(),
    );
    Ok(Answer::ok(Value::Object(map)))
}

pub(crate) fn public_plans(call: &Call, state: &mut State) -> Outcome {
    let offering = shown(call, state, OfferingView::Public)?;
    let rows = render::plans(call, state, offering, true);
    listing::page(call, &rows, |plan, _| plan.as_object().cloned().unwrap_or_default())
}

pub(crate) fn public_plan(call: &Call, state: &mut State) -> Outcome {
    let offering = shown(call, state, OfferingView::Public)?;
    let plan = call
        .segments
        .get(1)
        .and_then(|text| parse_uuid(text))
        .and_then(|uuid| offering.plan(uuid))
        .ok_or_else(|| no_match("Plan"))?;
    Ok(Answer::ok(Value::Object(render::plan(call, state, offering, plan, true))))
}

fn accounts(call: &Call, state: &mut State, collection: &Collection) -> Outcome {
    let uuid = provided(call, state)?.uuid;
    generic::listed(call, state, |row| row.is_of(collection) && generic::serves(state, row, &[uuid]))
}

pub(crate) fn course_accounts(call: &Call, state: &mut State) -> Outcome {
    accounts(call, state, &COURSE_ACCOUNTS)
}

pub(crate) fn project_service_accounts(call: &Call, state: &mut State) -> Outcome {
    accounts(call, state, &PROJECT_SERVICE_ACCOUNTS)
}

pub(crate) fn customer_service_accounts(call: &Call, state: &mut State) -> Outcome {
    accounts(call, state, &CUSTOMER_SERVICE_ACCOUNTS)
}
