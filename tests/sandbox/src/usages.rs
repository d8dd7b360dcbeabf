//! `marketplace-component-usages` and `marketplace-component-user-usages`: what was used, month by month.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use http::StatusCode;
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::actor::Actor;
use crate::answer::{Answer, Outcome, hex, invalid_field, invalid_whole, no_match, timestamp};
use crate::call::{Call, Form, NOT_NULL, REQUIRED, parse_time_in, parse_uuid};
use crate::listing::{self, Fields, Ordered, object};
use crate::model::{Component, Resource, ResourceState, Usage, UserUsage};
use crate::references;
use crate::seed::named;
use crate::state::{Clock, State, month_of};

const MAX_DIGITS: usize = 20;
const MAX_DECIMALS: usize = 2;

const ORDERINGS: &[Ordered<Usage>] =
    &[("billing_period", |a, b| a.month.cmp(&b.month)), ("usage", |a, b| a.amount.cmp(&b.amount))];
const USER_ORDERINGS: &[Ordered<UserUsage>] = &[
    ("usage", |a, b| a.amount.cmp(&b.amount)),
    ("username", |a, b| a.username.cmp(&b.username)),
    ("component_usage__billing_period", |a, b| a.usage.cmp(&b.usage)),
];

impl Usage {
    /// There is one usage of a component of a resource in a month. The component goes by its key.
    pub(crate) fn uuid_of(resource: Uuid, component: &str, month: NaiveDate) -> Uuid {
        named(&format!("usage {} {component} {month}", hex(resource)))
    }
}

pub(crate) fn two_decimals(amount: Decimal) -> String {
    format!("{amount:.2}")
}

/// An amount as the server reads it: at most 20 digits, two of them decimals. A sum of floats such as
/// 0.1 + 0.2 arrives with seventeen and is refused.
fn amount(value: &Value) -> Result<Decimal, String> {
    const NOT_A_NUMBER: &str = "A valid number is required.";
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Null => return Err(NOT_NULL.to_owned()),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => return Err(NOT_A_NUMBER.to_owned()),
    };
    let plain = text.trim_start_matches(['+', '-']);
    if plain.contains(['e', 'E']) {
        let value = Decimal::from_scientific(&text).map_err(|_| NOT_A_NUMBER)?;
        return amount(&Value::String(value.normalize().to_string()));
    }
    let (whole, decimals) = plain.split_once('.').unwrap_or((plain, ""));
    if plain.is_empty()
        || plain == "."
        || text.len() > plain.len() + 1
        || !plain.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        || decimals.contains('.')
    {
        return Err(NOT_A_NUMBER.to_owned());
    }
    // A JSON number without a fraction arrives as a float: 100.0 has one decimal.
    let digits = whole.trim_start_matches('0').len() + decimals.len();
    if digits > MAX_DIGITS {
        return Err(format!("Ensure that there are no more than {MAX_DIGITS} digits in total."));
    }
    if decimals.len() > MAX_DECIMALS {
        return Err(format!("Ensure that there are no more than {MAX_DECIMALS} decimal places."));
    }
    let most = MAX_DIGITS - MAX_DECIMALS;
    if whole.trim_start_matches('0').len() > most {
        return Err(format!("Ensure that there are no more than {most} digits before the decimal point."));
    }
    Decimal::from_str(&text).map_err(|_| NOT_A_NUMBER.to_owned())
}

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

/// The time that a report is for; now unless it says so.
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

/// The resource that a report is for, named by itself or by one of its plan periods.
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

/// Reports what a resource used in a month. The latest report of a component replaces all that was there, so
/// that a description left out is none; of two in one report the last counts; a negative amount is taken as
/// it is. Who may is asked last.
pub(crate) fn set_usage(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let data = call.data()?;
    let mut form = Form::default();
    let target = target(&mut form, state, &data);
    let entries = form.items(&data, "usages", entry);
    // A server that doesn't know the key doesn't look at it: the report is for the current month.
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
    // A bill that is out says what was used; limits aren't billed by what is used of them.
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
        store(state, actor, resource, month, entry);
    }
    Ok(Answer::empty(StatusCode::CREATED))
}

fn is_huge(amount: Decimal) -> bool {
    amount.abs() >= Decimal::from(10_u64.pow(17))
}

fn store(state: &mut State, actor: Actor, resource: Uuid, month: NaiveDate, entry: Entry) {
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

/// Which usages a list is about.
#[derive(Debug)]
struct Filter<'a> {
    resource: Option<Uuid>,
    offering: Option<Uuid>,
    project: Option<Uuid>,
    customer: Option<Uuid>,
    kind: Option<&'a str>,
    month: Option<NaiveDate>,
    after: Option<NaiveDate>,
    before: Option<NaiveDate>,
    year: Option<&'a str>,
    number: Option<&'a str>,
}

impl<'a> Filter<'a> {
    fn new(call: &'a Call, month: &'static str) -> Result<Self, Answer> {
        Ok(Self {
            resource: call.uuid_filter("resource_uuid")?,
            offering: call.uuid_filter("offering_uuid")?,
            project: call.uuid_filter("project_uuid")?,
            customer: call.uuid_filter("customer_uuid")?,
            kind: call.text("type"),
            month: call.date_filter(month)?,
            after: call.date_filter("date_after")?,
            before: call.date_filter("date_before")?,
            year: call.text("billing_period_year"),
            number: call.text("billing_period_month"),
        })
    }

    fn admits(&self, state: &State, usage: &Usage) -> bool {
        let Some(resource) = state.resources.get(usage.resource) else { return false };
        let day = usage.date.date_naive();
        let number = |text: Option<&str>, format: &str| {
            text.and_then(|text| text.parse::<u32>().ok())
                .is_none_or(|wanted| usage.month.format(format).to_string().parse() == Ok(wanted))
        };
        self.resource.is_none_or(|uuid| resource.uuid == uuid)
            && self.offering.is_none_or(|uuid| resource.offering == uuid)
            && self.project.is_none_or(|uuid| resource.project == uuid)
            && self
                .customer
                .is_none_or(|uuid| state.projects.get(resource.project).is_some_and(|p| p.customer == uuid))
            && self.kind.is_none_or(|kind| usage.component == kind)
            && self.month.is_none_or(|month| usage.month == month)
            && self.after.is_none_or(|after| day >= after)
            && self.before.is_none_or(|before| day <= before)
            && number(self.year, "%Y")
            && number(self.number, "%m")
    }
}

pub(crate) fn list(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let filter = Filter::new(call, "billing_period")?;
    let open = filter.resource.is_some() && call.release.shows_usages_of_known_resources();
    let mut rows: Vec<&Usage> = state
        .usages
        .iter()
        .filter(|usage| filter.admits(state, usage))
        .filter(|usage| open || state.sees_usage(actor, usage))
        .collect();
    rows.sort_by(|a, b| a.component.cmp(&b.component));
    listing::order(call, &mut rows, ORDERINGS)?;
    listing::page(call, &rows, |usage, fields| render(state, usage, fields))
}

pub(crate) fn retrieve(call: &Call, state: &mut State) -> Outcome {
    let usage = visible(call, state)?;
    listing::one(call, |fields| render(state, usage, fields))
}

fn visible<'a>(call: &Call, state: &'a State) -> Result<&'a Usage, Answer> {
    let actor = call.actor()?;
    call.uuid()
        .and_then(|uuid| state.usages.get(uuid))
        .filter(|usage| state.sees_usage(actor, usage))
        .ok_or_else(|| no_match("ComponentUsage"))
}

/// What a usage says of itself; its place comes on top.
pub(crate) fn facts(usage: &Usage, component: &Component, fields: &Fields) -> Map<String, Value> {
    object! { fields;
        "uuid": hex(usage.uuid),
        "created": timestamp(usage.created),
        "description": usage.description.as_str(),
        "type": component.kind.as_str(),
        "name": component.name.as_str(),
        "measured_unit": component.unit.as_str(),
        "usage": two_decimals(usage.amount),
        "date": timestamp(usage.date),
        "recurring": usage.recurring,
    }
}

fn render(state: &State, usage: &Usage, fields: &Fields) -> Map<String, Value> {
    let Some((resource, component)) = parts(state, usage) else { return Map::new() };
    let mut map = facts(usage, component, fields);
    map.extend(place(state, resource, fields));
    map.extend(object! { fields;
        "billing_period": usage.month.to_string(),
        "modified_by": usage.modified_by.map(Actor::number),
    });
    map
}

fn parts<'a>(state: &'a State, usage: &Usage) -> Option<(&'a Resource, &'a Component)> {
    let resource = state.resources.get(usage.resource)?;
    let component = state.offerings.get(resource.offering)?.component(&usage.component)?;
    Some((resource, component))
}

fn place(state: &State, resource: &Resource, fields: &Fields) -> Map<String, Value> {
    let project = state.projects.get(resource.project);
    let customer = project.and_then(|project| state.customer_of(project));
    object! { fields;
        "resource_name": resource.name.as_str(),
        "resource_uuid": hex(resource.uuid),
        "offering_name": state.offerings.get(resource.offering).map(|offering| offering.name.clone()),
        "offering_uuid": hex(resource.offering),
        "project_name": project.map(|project| project.name.clone()),
        "project_uuid": hex(resource.project),
        "customer_name": customer.map(|customer| customer.name.clone()),
        "customer_uuid": customer.map(|customer| hex(customer.uuid)),
    }
}

/// One account's share of a usage, as a report gives it.
#[derive(Debug)]
struct Share {
    username: String,
    amount: Decimal,
    description: String,
    offering_user: Option<Uuid>,
}

fn share(state: &State, value: &Value) -> Result<Share, Map<String, Value>> {
    let mut form = Form::default();
    let empty = Map::new();
    let data = value.as_object().unwrap_or(&empty);
    let username = form.filled_text(data, "username");
    let amount = data.get("usage").map_or(Ok(Decimal::ZERO), amount);
    let amount = amount.map_err(|message| form.refuse("usage", message)).ok();
    let description = form.text(data, "description");
    let offering_user = data.get("user").filter(|user| !user.is_null()).and_then(|_| {
        references::required(&mut form, data, "user", "marketplace-offering-users", |uuid| {
            state.offering_users.get(uuid).map(|account| account.uuid)
        })
    });
    match (username, amount, form.into_errors()) {
        (Some(username), Some(amount), errors) if errors.is_empty() => {
            Ok(Share { username, amount, description: description.unwrap_or_default(), offering_user })
        }
        (_, _, errors) => Err(errors),
    }
}

/// One share of the usage whose uuid is in the path. `set_usage` doesn't tell that uuid: list the usages.
pub(crate) fn set_user_usage(call: &Call, state: &mut State) -> Outcome {
    let usage = reportable(call, state)?;
    let data = Value::Object(call.data()?);
    let share = share(state, &data).map_err(|errors| crate::answer::invalid(Value::Object(errors)))?;
    store_share(state, usage, share);
    Ok(Answer::empty(StatusCode::CREATED))
}

/// Several shares at once, at least one: all of them or none.
pub(crate) fn set_user_usages(call: &Call, state: &mut State) -> Outcome {
    let usage = reportable(call, state)?;
    let data = call.data()?;
    let mut form = Form::default();
    let shares = form.items(&data, "usages", |value| share(state, value));
    if data.get("usages").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        form.refuse("usages", "This list may not be empty.");
    }
    form.finish()?;
    for share in shares {
        store_share(state, usage, share);
    }
    Ok(Answer::empty(StatusCode::CREATED))
}

fn reportable(call: &Call, state: &State) -> Result<Uuid, Answer> {
    let actor = call.actor()?;
    let usage = visible(call, state)?;
    let resource = state.resources.get(usage.resource).ok_or_else(|| no_match("ComponentUsage"))?;
    state.must_provide(actor, resource.offering)?;
    Ok(usage.uuid)
}

fn store_share(state: &mut State, usage: Uuid, share: Share) {
    let now = state.now();
    let uuid = state.fresh_uuid();
    let known = state.user_usages.iter_mut().find(|row| row.usage == usage && row.username == share.username);
    if let Some(row) = known {
        row.amount = share.amount;
        row.description = share.description;
        row.offering_user = share.offering_user.or(row.offering_user);
        row.modified = now;
        return;
    }
    state.user_usages.push(UserUsage {
        uuid,
        usage,
        offering_user: share.offering_user,
        username: share.username,
        amount: share.amount,
        description: share.description,
        created: now,
        modified: now,
    });
}

pub(crate) fn user_list(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let filter = Filter::new(call, "component_usage__billing_period")?;
    let username = call.text("username");
    let mut rows: Vec<&UserUsage> = state
        .user_usages
        .iter()
        .filter(|row| username.is_none_or(|name| row.username == name))
        .filter(|row| {
            state
                .usages
                .get(row.usage)
                .is_some_and(|usage| filter.admits(state, usage) && state.sees_usage(actor, usage))
        })
        .collect();
    listing::order(call, &mut rows, USER_ORDERINGS)?;
    listing::page(call, &rows, |row, fields| render_share(call, state, row, call.looks.young_field(fields)))
}

pub(crate) fn user_retrieve(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let row = call
        .uuid()
        .and_then(|uuid| state.user_usages.get(uuid))
        .filter(|row| state.usages.get(row.usage).is_some_and(|usage| state.sees_usage(actor, usage)))
        .ok_or_else(|| no_match("ComponentUserUsage"))?;
    listing::one(call, |fields| render_share(call, state, row, call.looks.young_field(fields)))
}

fn render_share(call: &Call, state: &State, row: &UserUsage, fields: &Fields) -> Map<String, Value> {
    let Some(usage) = state.usages.get(row.usage) else { return Map::new() };
    let Some((resource, component)) = parts(state, usage) else { return Map::new() };
    let mut map = object! { fields;
        "uuid": hex(row.uuid),
        "user": row.offering_user.map(|uuid| call.url(&format!("marketplace-offering-users/{}/", hex(uuid)))),
        "username": row.username.as_str(),
        "component_usage": call.url(&format!("marketplace-component-usages/{}/", hex(usage.uuid))),
        "usage": two_decimals(row.amount),
        "measured_unit": component.unit.as_str(),
        "description": row.description.as_str(),
        "created": timestamp(row.created),
        "modified": timestamp(row.modified),
        "backend_id": "",
        "component_type": component.kind.as_str(),
        "date": timestamp(usage.date),
    };
    map.extend(place(state, resource, fields));
    map
}
