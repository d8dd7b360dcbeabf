//! Reports of a resource's usage.

use chrono::{DateTime, NaiveDate, Utc};
use http::StatusCode;
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::protocol::answer::{Answer, Outcome, invalid_field, invalid_whole, no_match};
use crate::protocol::call::Call;
use crate::protocol::form::{Form, NOT_NULL, REQUIRED};
use crate::rules::usages::amount::amount;
use crate::store::{Actor, Clock, Component, ResourceState, State, Usage, month_of};
use crate::wire::{parse_time_in, parse_uuid};

/// One entry of the `usages` of a report.
#[derive(Debug)]
struct Entry {
    kind: String,
    amount: Decimal,
    description: String,
    recurring: bool,
}

fn entry(value: &Value) -> Result<Entry, Map<String, Value>> {
    let mut form = Form::default();
    let Some(data) = value.as_object() else { return Err(form.no_dictionary(value)) };
    let kind = form.filled_text(data, "type");
    let amount = match data.get("amount") {
        None => Err(REQUIRED.to_owned()),
        Some(value) => amount(value),
    };
    let amount = amount.map_err(|message| form.refuse("amount", message)).ok();
    let description = form.text(data, "description");
    let recurring = flag(&mut form, data, "recurring");
    match (kind, amount, form.into_errors()) {
        (Some(kind), Some(amount), errors) if errors.is_empty() => {
            Ok(Entry { kind, amount, description: description.unwrap_or_default(), recurring })
        }
        (_, _, errors) => Err(errors),
    }
}

fn flag(form: &mut Form, data: &Map<String, Value>, name: &str) -> bool {
    match data.get(name) {
        None => return false,
        Some(Value::Bool(flag)) => return *flag,
        Some(Value::Null) => form.refuse(name, NOT_NULL),
        Some(_) => form.refuse(name, "Must be a valid boolean."),
    }
    false
}

/// Returns the time that a report is for; now by default.
fn date(form: &mut Form, data: &Map<String, Value>, clock: Clock) -> DateTime<Utc> {
    let now = clock.now();
    let text = match data.get("date") {
        None => return now,
        Some(value) => value.as_str().unwrap_or_default(),
    };
    parse_time_in(text, clock.zone).unwrap_or_else(|| {
        form.refuse("date", "Datetime has wrong format. Use an ISO 8601 time.");
        now
    })
}

/// Returns the resource of a report, named by itself or by one of its plan periods.
fn target(form: &mut Form, state: &State, data: &Map<String, Value>) -> Option<Uuid> {
    let mut found = None;
    for name in ["plan_period", "resource"] {
        let Some(value) = data.get(name) else { continue };
        let Some(text) = value.as_str() else {
            form.refuse(name, if value.is_null() { NOT_NULL } else { "Not a valid string." });
            continue;
        };
        let row = parse_uuid(text).and_then(|uuid| {
            if name == "resource" {
                state.resources.get(uuid)
            } else {
                state
                    .resources
                    .iter()
                    .find(|row| row.plan_period.as_ref().is_some_and(|period| period.uuid == uuid))
            }
        });
        match row {
            Some(row) => found = found.or(Some(row.uuid)),
            None => form.refuse(name, format!("Object with uuid={text} does not exist.")),
        }
    }
    found
}

/// Stores the usage of a resource in a month. A report replaces amount and description of each component; a
/// missing description is emptied. Of two entries for a component the last counts. Negative amounts are
/// accepted. Permission is checked last.
pub(crate) fn set_usage(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let data = call.data()?;
    let mut form = Form::default();
    let target = target(&mut form, state, &data);
    let entries = form.items(&data, "usages", entry);
    // A server without this key ignores it: the report counts for the current month.
    let dated = call.release.has("marketplace_component_usages_set_usage.date") && data.contains_key("date");
    let date = if dated { date(&mut form, &data, state.clock) } else { call.now };
    form.finish()?;
    let resource = target
        .and_then(|uuid| state.resources.get(uuid))
        .ok_or_else(|| invalid_whole("Either plan_period or resource should be provided."))?;
    let offering = state.offerings.get(resource.offering).ok_or_else(|| no_match("Offering"))?;
    if !matches!(resource.state, ResourceState::Ok | ResourceState::Updating | ResourceState::Terminating) {
        return Err(invalid_field("resource", "Resource is not in valid state."));
    }
    let billed = |kind: &str| offering.component(kind).map_or("", Component::billing_type);
    let mut unknown: Vec<&str> = entries
        .iter()
        .map(|entry| entry.kind.as_str())
        .filter(|kind| !matches!(billed(kind), "usage" | "limit"))
        .collect();
    if !unknown.is_empty() {
        unknown.sort_unstable();
        unknown.dedup();
        return Err(invalid_whole(format!("These components are invalid: {}.", unknown.join(", "))));
    }
    let now = call.now;
    if date > now {
        return Err(invalid_field("date", "The date is in the future."));
    }
    if dated && !state.provides(actor, offering.uuid) {
        return Err(invalid_field("date", "Only the provider can say for when usage is."));
    }
    let current = month_of(now.date_naive());
    let month = if call.release.counts_months_in_its_zone() { state.clock.month_of(date) } else { current };
    // Past months are billed already, except components that are billed by limit.
    let by_limit = entries.iter().all(|entry| billed(&entry.kind) == "limit");
    if month < current && actor != Actor::Staff && !by_limit {
        return Err(invalid_field("date", "Usage of a past month can't be reported without permission."));
    }
    state.must_provide(actor, offering.uuid)?;
    if call.release.crashes_on_huge_amounts() && entries.iter().any(|entry| is_huge(entry.amount)) {
        return Err(Answer::page(StatusCode::INTERNAL_SERVER_ERROR));
    }
    let resource = resource.uuid;
    for entry in entries {
        record(state, actor, resource, month, entry);
    }
    Ok(Answer::empty(StatusCode::CREATED))
}

fn is_huge(amount: Decimal) -> bool {
    amount.abs() >= Decimal::from(10_u64.pow(17))
}

fn record(state: &mut State, actor: Actor, resource: Uuid, month: NaiveDate, entry: Entry) {
    let key = state
        .resources
        .get(resource)
        .and_then(|row| state.offerings.get(row.offering)?.component(&entry.kind))
        .map_or(entry.kind.as_str(), |component| &component.key);
    let uuid = Usage::uuid_of(resource, key, month);
    let now = state.now();
    if let Some(usage) = state.usages.get_mut(uuid) {
        usage.amount = entry.amount;
        usage.description = entry.description;
        usage.recurring = entry.recurring;
        usage.date = now;
        usage.modified_by = Some(actor);
        return;
    }
    state.usages.push(Usage {
        uuid,
        resource,
        component: entry.kind,
        month,
        amount: entry.amount,
        description: entry.description,
        recurring: entry.recurring,
        created: now,
        date: now,
        modified_by: Some(actor),
    });
}
