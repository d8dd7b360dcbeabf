//! `marketplace-resources`, the consumer's view, and `marketplace-provider-resources`, the provider's.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::actor::Actor;
use crate::answer::{Answer, Outcome, conflict, forbidden, hex, invalid, invalid_field, no_match, timestamp};
use crate::call::{Call, Form, NOT_NULL, REQUIRED, python_type};
use crate::filters::contains;
use crate::listing::{self, Fields, Ordered, object};
use crate::model::{Endpoint, OrderState, OrderType, Resource, ResourceState, Usage};
use crate::offerings;
use crate::orders::{self, Wish};
use crate::state::State;
use crate::usages;

const ORDERINGS: &[Ordered<Resource>] = &[
    ("name", |a, b| a.name.cmp(&b.name)),
    ("created", |a, b| a.created.cmp(&b.created)),
    ("state", |a, b| a.state.cmp(&b.state)),
    ("end_date", |_, _| std::cmp::Ordering::Equal),
    ("project_name", |a, b| a.project.cmp(&b.project)),
];

/// A side shows a resource or doesn't.
pub(crate) type Sees = fn(&State, Actor, &Resource) -> bool;
const CONSUMER: Sees = State::sees_as_consumer;
pub(crate) const PROVIDER: Sees = State::sees_as_provider;

/// A resource nobody has done anything to yet.
pub(crate) fn new(
    uuid: Uuid,
    offering: Uuid,
    project: Uuid,
    name: &str,
    state: ResourceState,
    created: DateTime<Utc>,
) -> Resource {
    Resource {
        uuid,
        offering,
        project,
        name: name.to_owned(),
        slug: format!("{}-1", name.chars().take(8).collect::<String>().trim_end_matches('-')),
        state,
        backend_id: String::new(),
        backend_metadata: json!({}),
        limits: Map::new(),
        report: Value::Null,
        error_message: String::new(),
        error_traceback: String::new(),
        scope: None,
        plan_period: None,
        created,
        modified: created,
        last_sync: created,
        plan: None,
        set: Map::new(),
        endpoints: Vec::new(),
        orders: Vec::new(),
    }
}

pub(crate) fn consumer_list(call: &Call, state: &mut State) -> Outcome {
    list(call, state, CONSUMER)
}

pub(crate) fn consumer_retrieve(call: &Call, state: &mut State) -> Outcome {
    retrieve(call, state, CONSUMER)
}

pub(crate) fn consumer_team(call: &Call, state: &mut State) -> Outcome {
    team(call, state, CONSUMER)
}

pub(crate) fn consumer_plan_periods(call: &Call, state: &mut State) -> Outcome {
    plan_periods(call, state, CONSUMER)
}

pub(crate) fn provider_list(call: &Call, state: &mut State) -> Outcome {
    list(call, state, PROVIDER)
}

pub(crate) fn provider_retrieve(call: &Call, state: &mut State) -> Outcome {
    retrieve(call, state, PROVIDER)
}

pub(crate) fn provider_team(call: &Call, state: &mut State) -> Outcome {
    team(call, state, PROVIDER)
}

pub(crate) fn provider_plan_periods(call: &Call, state: &mut State) -> Outcome {
    plan_periods(call, state, PROVIDER)
}

fn list(call: &Call, state: &State, sees: Sees) -> Outcome {
    let actor = call.actor()?;
    let states = call.choices::<ResourceState>("state")?;
    let offerings = call.uuids("offering_uuid")?;
    let slugs = call.joined("offering_slug");
    let order_states = call.choices::<OrderState>("order_state")?;
    let project = call.uuid_filter("project_uuid")?;
    let customer = call.uuid_filter("customer_uuid")?;
    let provider = call.uuid_filter("provider_uuid")?;
    let created = call.date_filter("created")?;
    let modified = call.date_filter("modified")?;
    let (backend_id, name_exact, name) =
        (call.text("backend_id"), call.text("name_exact"), call.text("name"));
    let mut rows: Vec<&Resource> = state
        .resources
        .iter()
        .filter(|row| states.is_empty() || states.contains(&row.state))
        .filter(|row| offerings.is_empty() || offerings.contains(&row.offering))
        .filter(|row| state.has_slug(row.offering, &slugs))
        .filter(|row| {
            let mut orders = row.orders.iter().filter_map(|uuid| state.orders.get(*uuid));
            order_states.is_empty() || orders.any(|order| order_states.contains(&order.state))
        })
        .filter(|row| project.is_none_or(|uuid| row.project == uuid))
        .filter(|row| {
            customer.is_none_or(|uuid| state.projects.get(row.project).is_some_and(|p| p.customer == uuid))
        })
        .filter(|row| {
            provider.is_none_or(|uuid| state.offerings.get(row.offering).is_some_and(|o| o.customer == uuid))
        })
        .filter(|row| created.is_none_or(|day| row.created.date_naive() >= day))
        .filter(|row| modified.is_none_or(|day| row.modified.date_naive() >= day))
        .filter(|row| backend_id.is_none_or(|id| row.backend_id == id))
        .filter(|row| name_exact.is_none_or(|name| row.name == name))
        .filter(|row| name.is_none_or(|part| contains(&row.name, part)))
        .filter(|row| sees(state, actor, row))
        .collect();
    listing::order(call, &mut rows, ORDERINGS)?;
    listing::page(call, &rows, |row, fields| render(call, state, row, fields))
}

pub(crate) fn visible<'a>(call: &Call, state: &'a State, sees: Sees) -> Result<&'a Resource, Answer> {
    let actor = call.actor()?;
    call.uuid()
        .and_then(|uuid| state.resources.get(uuid))
        .filter(|row| sees(state, actor, row))
        .ok_or_else(|| no_match("Resource"))
}

/// A resource to be changed by its provider.
fn provided<'a>(call: &Call, state: &'a mut State) -> Result<&'a mut Resource, Answer> {
    let uuid = visible(call, state, PROVIDER)?.uuid;
    state.resources.get_mut(uuid).ok_or_else(|| no_match("Resource"))
}

fn retrieve(call: &Call, state: &State, sees: Sees) -> Outcome {
    let row = visible(call, state, sees)?;
    listing::one(call, |fields| {
        let mut map = render(call, state, row, fields);
        let order = |order: Option<_>| match order {
            Some(order) => Value::Object(orders::render(call, state, order, &Fields::ALL)),
            None => Value::Null,
        };
        let first = row
            .orders
            .iter()
            .filter_map(|&uuid| state.orders.get(uuid))
            .find(|order| order.kind == OrderType::Create);
        map.extend(object! { fields;
            "order_in_progress": order(state.open_order(row)),
            "creation_order": order(first),
        });
        map
    })
}

/// The members of the resource's project; neither paged nor counted.
fn team(call: &Call, state: &State, sees: Sees) -> Outcome {
    let row = visible(call, state, sees)?;
    let key = call.operation.map(|operation| format!("{}.has_consent", operation.id)).unwrap_or_default();
    let consent = if call.release.has(&key) { call.flag("has_consent") } else { None };
    let agreed = |person: Uuid| state.account(row.offering, person).is_some_and(|row| row.consent.given);
    let members = state
        .members(row.project)
        .filter(|(person, _)| consent.is_none_or(|wanted| agreed(person.uuid) == wanted));
    listing::whole(call, members, |(person, role), fields| {
        let account = state.account(row.offering, person.uuid);
        object! { fields;
            "url": call.url(&format!("users/{}/", hex(person.uuid))),
            "uuid": hex(person.uuid),
            "username": person.username(),
            "full_name": person.full_name(),
            "email": person.email(),
            "role": role.short(),
            "expiration_time": role.expires.map(timestamp),
            "offering_user_username": account.and_then(|account| account.username.clone()),
            "offering_user_state": account.map(|account| account.state.as_str()),
        }
    })
}

/// Neither paged nor counted.
fn plan_periods(call: &Call, state: &State, sees: Sees) -> Outcome {
    let row = visible(call, state, sees)?;
    let offering = state.offerings.get(row.offering).ok_or_else(|| no_match("Resource"))?;
    listing::whole(call, row.plan_period.iter(), |period, fields| {
        let components: Vec<Value> = state
            .usages
            .iter()
            .filter(|usage| usage.resource == row.uuid)
            .filter_map(|usage| Some((usage, offering.component(&usage.component)?)))
            .map(|(usage, component)| Value::Object(usages::facts(usage, component, &Fields::ALL)))
            .collect();
        object! { fields;
            "uuid": hex(period.uuid),
            "plan_name": offering.plan.name.as_str(),
            "plan_uuid": hex(offering.plan.uuid),
            "start": period.start.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "end": Value::Null,
            "components": components,
        }
    })
}

/// Without the field the server crashes; a number is taken as text.
pub(crate) fn set_backend_id(call: &Call, state: &mut State) -> Outcome {
    let row = provided(call, state)?;
    let data = call.data()?;
    let mut form = Form::default();
    let backend_id = form.text(&data, "backend_id");
    if backend_id.as_ref().is_some_and(|id| id.chars().count() > 255) {
        form.refuse("backend_id", "Ensure this field has no more than 255 characters.");
    }
    form.finish()?;
    let Some(backend_id) = backend_id else {
        return Err(Answer::page(StatusCode::INTERNAL_SERVER_ERROR));
    };
    if row.backend_id == backend_id {
        return Ok(status("Resource backend_id is not changed."));
    }
    row.backend_id = backend_id;
    row.modified = call.now;
    Ok(status("Resource backend_id has been changed."))
}

fn status(text: &str) -> Answer {
    Answer::ok(json!({ "status": text }))
}

pub(crate) fn set_backend_metadata(call: &Call, state: &mut State) -> Outcome {
    let row = provided(call, state)?;
    let data = call.data()?;
    row.backend_metadata =
        data.get("backend_metadata").cloned().ok_or_else(|| missing("backend_metadata"))?;
    Ok(status("The backend metadata is updated"))
}

/// Where the resource can be reached: these addresses, and none that was there before. Any text is an
/// address.
pub(crate) fn set_endpoints(call: &Call, state: &mut State) -> Outcome {
    visible(call, state, PROVIDER)?;
    let data = call.data()?;
    let mut form = Form::default();
    let named = form.items(&data, "endpoints", endpoint);
    form.finish()?;
    let endpoints =
        named.into_iter().map(|(name, url)| Endpoint { uuid: state.fresh_uuid(), name, url }).collect();
    let row = provided(call, state)?;
    row.endpoints = endpoints;
    row.modified = call.now;
    Ok(status("Endpoints have been set."))
}

fn endpoint(value: &Value) -> Result<(String, String), Map<String, Value>> {
    let mut form = Form::default();
    let Some(data) = value.as_object() else { return Err(form.no_dictionary(value)) };
    match (form.filled_text(data, "name"), form.filled_text(data, "url")) {
        (Some(name), Some(url)) => Ok((name, url)),
        _ => Err(form.into_errors()),
    }
}

fn missing(name: &str) -> Answer {
    invalid_field(name, REQUIRED)
}

/// Sections with a header and a body each; at least one.
pub(crate) fn submit_report(call: &Call, state: &mut State) -> Outcome {
    let row = provided(call, state)?;
    let data = call.data()?;
    let report = data.get("report").ok_or_else(|| missing("report"))?;
    let sections = match report {
        Value::Null => return Err(invalid_field("report", NOT_NULL)),
        Value::Array(sections) => sections,
        other => {
            let message = format!("Expected a list of items but got type \"{}\".", python_type(other));
            return Err(invalid(json!({ "report": { "non_field_errors": [message] } })));
        }
    };
    if sections.is_empty() {
        return Err(invalid_field("report", "Report object should contain at least one section."));
    }
    let errors: Vec<Value> = sections.iter().map(section_errors).collect();
    if errors.iter().any(|error| error.as_object().is_none_or(|map| !map.is_empty())) {
        return Err(invalid(json!({ "report": errors })));
    }
    row.report = report.clone();
    row.modified = call.now;
    Ok(status("Report is submitted"))
}

fn section_errors(section: &Value) -> Value {
    let mut form = Form::default();
    match section.as_object() {
        Some(section) => {
            form.filled_text(section, "header");
            form.filled_text(section, "body");
        }
        None => return Value::Object(form.no_dictionary(section)),
    }
    Value::Object(form.into_errors())
}

pub(crate) fn set_limits(call: &Call, state: &mut State) -> Outcome {
    let row = provided(call, state)?;
    let data = call.data()?;
    let limits = match data.get("limits") {
        None => return Err(missing("limits")),
        Some(Value::Object(limits)) => limits,
        Some(Value::Null) => return Err(invalid_field("limits", NOT_NULL)),
        Some(other) => {
            let message = format!("Expected a dictionary of items but got type \"{}\".", python_type(other));
            return Err(invalid_field("limits", message));
        }
    };
    row.limits = limits.clone();
    row.modified = call.now;
    Ok(status("Resource limits have been changed."))
}

/// From anywhere but the end, where the server crashes.
pub(crate) fn set_as_ok(call: &Call, state: &mut State) -> Outcome {
    let row = provided(call, state)?;
    if row.state == ResourceState::Terminated {
        return Err(Answer::page(StatusCode::INTERNAL_SERVER_ERROR));
    }
    row.state = ResourceState::Ok;
    row.error_message.clear();
    row.error_traceback.clear();
    row.modified = call.now;
    Ok(Answer::empty(StatusCode::OK))
}

/// From anywhere; texts that aren't given, or are empty, stay what they were.
pub(crate) fn set_as_erred(call: &Call, state: &mut State) -> Outcome {
    if !call.release.lets_providers_err_resources() {
        must_be_staff(call, state)?;
    }
    let row = provided(call, state)?;
    let data = call.data()?;
    let mut form = Form::default();
    let message = form.text(&data, "error_message");
    let traceback = form.text(&data, "error_traceback");
    form.finish()?;
    row.state = ResourceState::Erred;
    for (text, field) in [(message, &mut row.error_message), (traceback, &mut row.error_traceback)] {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            *field = text;
        }
    }
    row.modified = call.now;
    Ok(Answer::empty(StatusCode::OK))
}

pub(crate) fn refresh_last_sync(call: &Call, state: &mut State) -> Outcome {
    provided(call, state)?.last_sync = call.now;
    Ok(Answer::empty(StatusCode::OK))
}

pub(crate) fn consumer_terminate(call: &Call, state: &mut State) -> Outcome {
    terminate(call, state, CONSUMER)
}

pub(crate) fn provider_terminate(call: &Call, state: &mut State) -> Outcome {
    terminate(call, state, PROVIDER)
}

/// Orders the end of a resource that no other order is busy with.
fn terminate(call: &Call, state: &mut State, sees: Sees) -> Outcome {
    let actor = call.actor()?;
    let row = visible(call, state, sees)?;
    if !matches!(row.state, ResourceState::Ok | ResourceState::Erred) || state.open_order(row).is_some() {
        return Err(conflict(&["OK", "Erred"]));
    }
    let uuid = row.uuid;
    let attributes = call.checked()?.get("attributes").and_then(Value::as_object).cloned();
    let wish = Wish { attributes: attributes.unwrap_or_default(), ..Wish::default() };
    let order = orders::add(state, actor, uuid, OrderType::Terminate, wish);
    Ok(Answer::ok(json!({ "order_uuid": hex(order) })))
}

/// A resource in use that no other order is busy with, for an order of its consumer.
fn changeable(call: &Call, state: &State) -> Result<Uuid, Answer> {
    let row = visible(call, state, CONSUMER)?;
    if row.state != ResourceState::Ok || state.open_order(row).is_some() {
        return Err(conflict(&["OK"]));
    }
    Ok(row.uuid)
}

/// Orders other limits.
pub(crate) fn update_limits(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let uuid = changeable(call, state)?;
    let data = call.checked()?;
    let limits = data.get("limits").and_then(Value::as_object).cloned().unwrap_or_default();
    let row = state.resources.get(uuid).ok_or_else(|| no_match("Resource"))?;
    let offering = state.offerings.get(row.offering).ok_or_else(|| no_match("Resource"))?;
    let unknown: Vec<&str> =
        limits.keys().map(String::as_str).filter(|kind| offering.component(kind).is_none()).collect();
    if !unknown.is_empty() {
        let message = format!("These components are invalid: {}.", unknown.join(", "));
        return Err(invalid_field("limits", message));
    }
    let attributes = Map::from_iter([("old_limits".to_owned(), Value::Object(row.limits.clone()))]);
    let order = orders::add(state, actor, uuid, OrderType::Update, Wish { limits, attributes, plan: None });
    if let Some(comment) = data.get("request_comment")
        && let Some(order) = state.orders.get_mut(order)
    {
        order.set.insert("request_comment".to_owned(), comment.clone());
    }
    Ok(Answer::ok(json!({ "order_uuid": hex(order) })))
}

/// Orders another plan.
pub(crate) fn switch_plan(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let uuid = changeable(call, state)?;
    let data = call.checked()?;
    let mut form = Form::default();
    let plan = orders::plan(&mut form, &data, state);
    form.finish()?;
    let row = state.resources.get(uuid).ok_or_else(|| no_match("Resource"))?;
    let offering = state.offerings.get(row.offering).ok_or_else(|| no_match("Resource"))?;
    if plan.and_then(|plan| offering.plan(plan)).is_none() {
        return Err(invalid_field("plan", "This plan is not available for this offering."));
    }
    let order = orders::add(state, actor, uuid, OrderType::Update, Wish { plan, ..Wish::default() });
    Ok(Answer::ok(json!({ "order_uuid": hex(order) })))
}

/// Sets the property that the action is about, which the body names.
///
/// `update_options_direct`, `set_keycloak_scopes`.
pub(crate) fn set_property(call: &Call, state: &mut State) -> Outcome {
    let row = provided(call, state)?;
    row.set.extend(call.checked()?);
    row.modified = call.now;
    let what = call.action().trim_start_matches("set_").replace('_', " ");
    Ok(status(&format!("Resource {what} has been changed.")))
}

/// Refuses everybody but staff, to whom nothing that there is is hidden.
fn must_be_staff(call: &Call, state: &State) -> Result<(), Answer> {
    visible(call, state, PROVIDER)?;
    if call.actor()? == Actor::Staff { Ok(()) } else { Err(forbidden()) }
}

/// A yes or no that only staff decides: `paused`, `downscaled`, `restrict_member_access`. Without it the
/// server crashes.
pub(crate) fn set_flag(call: &Call, state: &mut State) -> Outcome {
    must_be_staff(call, state)?;
    let name = call.action().trim_start_matches("set_");
    if !call.checked()?.contains_key(name) {
        return Err(Answer::page(StatusCode::INTERNAL_SERVER_ERROR));
    }
    set_property(call, state)
}

/// How many days before its end at least a resource is told of it.
const NOTICE: i64 = 7;

/// For how many days after its last use a provider can't set the end of a resource.
const USED: i64 = 90;

/// The last day, which null takes away.
pub(crate) fn set_end_date(call: &Call, state: &mut State) -> Outcome {
    let uuid = provided(call, state)?.uuid;
    let recent = call.now - TimeDelta::days(USED);
    if last_day(&call.checked()?).is_some()
        && state.usages.iter().any(|usage| usage.resource == uuid && usage.date >= recent)
    {
        let message = format!("A resource that was used in the last {USED} days keeps its end date.");
        return Err(invalid_field("end_date", message));
    }
    end(call, state)
}

fn end(call: &Call, state: &mut State) -> Outcome {
    let row = provided(call, state)?;
    let data = call.checked()?;
    if last_day(&data).is_some_and(|day| day < call.now.date_naive() + TimeDelta::days(NOTICE)) {
        return Err(invalid_field("end_date", format!("The end is at least {NOTICE} days ahead.")));
    }
    row.set.extend(data);
    row.modified = call.now;
    Ok(Answer::empty(StatusCode::OK))
}

fn last_day(data: &Map<String, Value>) -> Option<NaiveDate> {
    data.get("end_date").and_then(Value::as_str).and_then(|text| text.parse().ok())
}

/// The same for staff, whether the resource was used or not.
pub(crate) fn set_end_date_by_staff(call: &Call, state: &mut State) -> Outcome {
    must_be_staff(call, state)?;
    end(call, state)
}

/// A short name, which staff gives.
pub(crate) fn set_slug(call: &Call, state: &mut State) -> Outcome {
    must_be_staff(call, state)?;
    let row = provided(call, state)?;
    let data = call.checked()?;
    row.slug = data.get("slug").and_then(Value::as_str).unwrap_or_default().to_owned();
    row.modified = call.now;
    Ok(status("Resource slug has been changed."))
}

/// Name, description and last day. A last day that isn't said is none from then on, also in a PATCH.
pub(crate) fn provider_update(call: &Call, state: &mut State) -> Outcome {
    let row = provided(call, state)?;
    let mut data = call.checked()?;
    if last_day(&data).is_some_and(|day| day < call.now.date_naive()) {
        return Err(invalid_field("end_date", "The day is past."));
    }
    if let Some(Value::String(name)) = data.remove("name") {
        row.name = name;
    }
    row.set.insert("end_date".to_owned(), data.remove("end_date").unwrap_or_default());
    row.set.extend(data.into_iter().filter(|(name, _)| name == "description"));
    row.modified = call.now;
    Ok(Answer::ok(json!({
        "name": row.name,
        "description": row.set.get("description").cloned().unwrap_or_else(|| "".into()),
        "end_date": row.set.get("end_date"),
    })))
}

/// Options go through an order where the offering has any; here they are set.
pub(crate) fn update_options(call: &Call, state: &mut State) -> Outcome {
    let row = provided(call, state)?;
    let data = call.checked()?;
    row.set.insert("options".to_owned(), data.get("options").cloned().unwrap_or_default());
    row.modified = call.now;
    Ok(status("Resource options are submitted"))
}

/// From where something was going on or went wrong; what went wrong is still said.
pub(crate) fn set_state_ok(call: &Call, state: &mut State) -> Outcome {
    use ResourceState::{Creating, Erred, Terminating, Updating};
    let row = provided(call, state)?;
    if !matches!(row.state, Erred | Creating | Updating | Terminating) {
        return Err(conflict(&["Erred", "Creating", "Updating", "Terminating"]));
    }
    row.state = ResourceState::Ok;
    row.modified = call.now;
    Ok(status("Resource state has been changed to OK."))
}

/// The object behind the resource; 204 where there is none.
pub(crate) fn details(call: &Call, state: &mut State) -> Outcome {
    let row = visible(call, state, PROVIDER)?;
    Ok(match row.scope {
        Some(scope) => Answer::ok(json!({
            "url": call.url(&format!("slurm-allocations/{}/", hex(scope))),
            "uuid": hex(scope),
            "name": row.name,
            "backend_id": row.backend_id,
        })),
        None => Answer::empty(StatusCode::NO_CONTENT),
    })
}

pub(crate) fn offering(call: &Call, state: &mut State) -> Outcome {
    let row = visible(call, state, PROVIDER)?;
    let offering = state.offerings.get(row.offering).ok_or_else(|| no_match("Offering"))?;
    listing::one(call, |fields| offerings::render_public(call, state, offering, fields))
}

/// The members' accounts as a configuration file.
pub(crate) fn glauth_users_config(call: &Call, state: &mut State) -> Outcome {
    let row = visible(call, state, PROVIDER)?;
    let people: Vec<Uuid> = state.members(row.project).map(|(person, _)| person.uuid).collect();
    Ok(Answer::text(offerings::glauth(state, row.offering, |uuid| people.contains(&uuid))))
}

/// Takes a resource out without an order; staff only.
pub(crate) fn unlink(call: &Call, state: &mut State) -> Outcome {
    must_be_staff(call, state)?;
    let uuid = provided(call, state)?.uuid;
    state.resources.remove(uuid);
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

pub(crate) fn pull(call: &Call, state: &mut State) -> Outcome {
    visible(call, state, PROVIDER)?;
    Ok(Answer::detail(StatusCode::ACCEPTED, "Pull operation was successfully scheduled."))
}

pub(crate) fn scope_type(row: &Resource) -> Option<&'static str> {
    row.scope.map(|_| "SLURM.Allocation")
}

pub(crate) fn render(call: &Call, state: &State, row: &Resource, fields: &Fields) -> Map<String, Value> {
    let (Some(offering), Some(project)) =
        (state.offerings.get(row.offering), state.projects.get(row.project))
    else {
        return Map::new();
    };
    let plan = row.plan.and_then(|uuid| offering.plan(uuid)).unwrap_or(&offering.plan);
    let mut map = offerings::summary(call, state, offering, plan, fields);
    map.extend(object! { fields;
        "attributes": Value::Object(object! { Fields::ALL; "name": row.name.as_str() }),
        "limits": row.limits.clone(),
        "offering_slug": offering.slug.as_str(),
        "offering_state": offering.state.as_str(),
        "offering_components": offerings::components(offering),
        "uuid": hex(row.uuid),
        "created": timestamp(row.created),
        "modified": timestamp(row.modified),
        // Also in the provider's view.
        "url": call.url(&format!("marketplace-resources/{}/", hex(row.uuid))),
        "scope": row.scope.map(|scope| call.url(&format!("slurm-allocations/{}/", hex(scope)))),
        "description": "",
        "state": row.state.as_str(),
        "resource_uuid": row.scope.map(hex),
        "backend_id": row.backend_id.as_str(),
        "effective_id": "",
        "resource_type": scope_type(row),
        "project": call.url(&format!("projects/{}/", hex(project.uuid))),
        "project_uuid": hex(project.uuid),
        "project_name": project.name.as_str(),
        "project_description": project.description.as_str(),
        "project_end_date": Value::Null,
        "project_end_date_requested_by": Value::Null,
        "customer_uuid": hex(project.customer),
        "customer_name": state.customer_of(project).map(|customer| customer.name.clone()),
        "backend_metadata": row.backend_metadata.clone(),
        "is_usage_based": true,
        "is_limit_based": false,
        "name": row.name.as_str(),
        "slug": row.slug.as_str(),
        "current_usages": current_usages(state, row),
        "can_terminate": matches!(row.state, ResourceState::Ok | ResourceState::Erred),
        "report": row.report.clone(),
        "end_date": Value::Null,
        "end_date_requested_by": Value::Null,
        "username": Value::Null,
        "limit_usage": Value::Null,
        "downscaled": false,
        "restrict_member_access": false,
        "paused": false,
        "endpoints": row.endpoints.iter().map(Endpoint::render).collect::<Vec<_>>(),
        "error_message": row.error_message.as_str(),
        "error_traceback": row.error_traceback.as_str(),
        "offering_customer_uuid": hex(offering.customer),
        "options": Value::Null,
        "available_actions": Value::Array(Vec::new()),
        "last_sync": timestamp(row.last_sync),
    });
    for (name, value) in row.set.iter().filter(|(name, _)| fields.wants(name)) {
        map.insert(name.clone(), value.clone());
    }
    map
}

/// What the provider has reported of each component in this month.
fn current_usages(state: &State, row: &Resource) -> Map<String, Value> {
    let month = state.clock.month();
    let Some(offering) = state.offerings.get(row.offering) else { return Map::new() };
    offering
        .components
        .iter()
        .filter_map(|component| state.usages.get(Usage::uuid_of(row.uuid, &component.key, month)))
        .filter(|usage| usage.modified_by.is_some())
        .map(|usage| (usage.component.clone(), Value::from(usages::two_decimals(usage.amount))))
        .collect()
}
