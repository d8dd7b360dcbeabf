//! Reports of users' shares.

use http::StatusCode;
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::protocol::answer::{self, Answer, Outcome, no_match};
use crate::protocol::call::Call;
use crate::protocol::form::Form;
use crate::rules::references;
use crate::rules::usages::amount::amount;
use crate::rules::usages::visible;
use crate::store::{State, UserUsage};

/// An entry of a report: one user's share.
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

/// Stores one share of the usage in the path. The response of `set_usage` has no uuid of the usage; the list
/// has.
pub(crate) fn set_user_usage(call: &Call, state: &mut State) -> Outcome {
    let usage = reportable(call, state)?;
    let data = Value::Object(call.data()?);
    let share = share(state, &data).map_err(|errors| answer::invalid(Value::Object(errors)))?;
    record_share(state, usage, share);
    Ok(Answer::empty(StatusCode::CREATED))
}

/// Stores several shares: all or none, at least one.
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
        record_share(state, usage, share);
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

fn record_share(state: &mut State, usage: Uuid, share: Share) {
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
