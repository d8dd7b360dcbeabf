//! `invoices`: one of each customer, for the current month, with an item of each resource. Nothing in a
//! sandbox has a price.

use chrono::{Datelike as _, Months, TimeDelta};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::protocol::answer::{Answer, Outcome, no_match};
use crate::protocol::call::Call;
use crate::protocol::listing::{self, Fields, object};
use crate::store::{Customer, Person, Resource, ResourceState, State, named};
use crate::wire::{hex, timestamp};

const NOTHING: &str = "0.00";

fn uuid_of(customer: &Customer) -> Uuid {
    named(&format!("invoice {}", customer.uuid))
}

/// Returns the customers whose invoices the caller sees: those that they own, or all to staff.
fn billed<'a>(call: &Call, state: &'a State) -> Result<Vec<&'a Customer>, Answer> {
    let actor = call.actor()?;
    let is_staff = state.person(actor).is_some_and(Person::is_staff);
    Ok(state.customers.iter().filter(|row| is_staff || state.owns(actor, row.uuid)).collect())
}

pub(crate) fn list(call: &Call, state: &mut State) -> Outcome {
    let customer = call.uuid_filter("customer_uuid")?;
    let month = state.clock.month();
    let is_asked = |name: &'static str, now: i64| call.text(name).is_none_or(|text| text.parse() == Ok(now));
    let is_month = is_asked("year", month.year().into()) && is_asked("month", month.month().into());
    let mut rows = billed(call, state)?;
    rows.retain(|row| is_month && customer.is_none_or(|uuid| row.uuid == uuid));
    listing::page(call, &rows, |row, fields| invoice(call, state, row, fields))
}

pub(crate) fn retrieve(call: &Call, state: &mut State) -> Outcome {
    let rows = billed(call, state)?;
    let row = rows.into_iter().find(|row| Some(uuid_of(row)) == call.uuid());
    let row = row.ok_or_else(|| no_match("Invoice"))?;
    listing::one(call, |fields| invoice(call, state, row, fields))
}

fn invoice(call: &Call, state: &State, customer: &Customer, fields: &Fields) -> Map<String, Value> {
    let month = state.clock.month();
    let is_of = |row: &&Resource| {
        row.state != ResourceState::Terminated
            && state.projects.get(row.project).is_some_and(|project| project.customer == customer.uuid)
    };
    let items: Vec<Value> = state.resources.iter().filter(is_of).map(|row| item(call, state, row)).collect();
    object! { fields;
        "url": call.url(&format!("invoices/{}/", hex(uuid_of(customer)))),
        "uuid": hex(uuid_of(customer)),
        "number": 100_001,
        "customer": call.url(&format!("customers/{}/", hex(customer.uuid))),
        "price": NOTHING,
        "tax": NOTHING,
        "total": NOTHING,
        "state": "pending",
        "year": month.year(),
        "month": month.month(),
        "invoice_date": Value::Null,
        "items": items,
        "backend_id": "",
        "incurred_costs": 0,
        "compensations": 0,
    }
}

fn item(call: &Call, state: &State, row: &Resource) -> Value {
    let project = state.projects.get(row.project);
    let start = state.clock.month().and_hms_opt(0, 0, 0).map(|time| time.and_utc());
    let next = start.and_then(|start| start.checked_add_months(Months::new(1)));
    let end = next.map(|next| next - TimeDelta::microseconds(1));
    json!({
        "uuid": hex(named(&format!("invoice item {}", row.uuid))),
        "name": row.name,
        "resource": call.url(&format!("marketplace-resources/{}/", hex(row.uuid))),
        "resource_uuid": hex(row.uuid),
        "resource_name": row.name,
        "project_uuid": hex(row.project),
        "project_name": project.map(|project| project.name.clone()),
        "start": start.map(timestamp),
        "end": end.map(timestamp),
        "unit": "month",
        "measured_unit": "",
        "article_code": "",
        "quantity": "1.0000000",
        "unit_price": "0.0000000000",
        "price": 0.0,
        "tax": NOTHING,
        "total": NOTHING,
    })
}
