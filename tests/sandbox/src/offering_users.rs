//! `marketplace-offering-users`: the accounts that people have at offerings.

use http::{StatusCode, header};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::answer::{Answer, Outcome, forbidden, hex, invalid_whole, no_match, timestamp};
use crate::call::{Call, Form, parse_uuid};
use crate::listing::{self, Fields, Ordered, object};
use crate::model::{Consent, OfferingUser, OfferingUserState};
use crate::references;
use crate::state::State;

use OfferingUserState::{
    Creating, Deleted, Deleting, ErrorCreating, ErrorDeleting, Ok as Ready, PendingAccountLinking,
    PendingAdditionalValidation, Requested, RequestedDeletion,
};

const ORDERINGS: &[Ordered<OfferingUser>] = &[
    ("created", |a, b| a.created.cmp(&b.created)),
    ("modified", |a, b| a.modified.cmp(&b.modified)),
    ("username", |a, b| a.username.cmp(&b.username)),
];

/// From which states an action goes to which.
fn transition(action: &str) -> Option<(&'static [OfferingUserState], OfferingUserState)> {
    Some(match action {
        "begin_creating" => (&[Requested, ErrorCreating], Creating),
        "set_pending_account_linking" => {
            (&[Creating, ErrorCreating, PendingAdditionalValidation], PendingAccountLinking)
        }
        "set_pending_additional_validation" => {
            (&[Creating, ErrorCreating, PendingAccountLinking], PendingAdditionalValidation)
        }
        "set_validation_complete" => (&[PendingAccountLinking, PendingAdditionalValidation], Ready),
        "set_ok" => (
            &[
                Requested,
                Creating,
                PendingAccountLinking,
                PendingAdditionalValidation,
                ErrorCreating,
                ErrorDeleting,
            ],
            Ready,
        ),
        "set_error_creating" => {
            (&[Requested, Creating, PendingAccountLinking, PendingAdditionalValidation], ErrorCreating)
        }
        "request_deletion" => (&[Ready], RequestedDeletion),
        "set_deleting" => (&[RequestedDeletion, ErrorDeleting], Deleting),
        "set_deleted" => (&[Deleting], Deleted),
        "set_error_deleting" => (&[RequestedDeletion, Deleting], ErrorDeleting),
        _ => return None,
    })
}

/// Accounts are unlike all else here: what their state doesn't allow is a bad request, not a conflict.
fn impossible(from: &[OfferingUserState], now: OfferingUserState) -> Answer {
    let valid: Vec<_> = from.iter().map(|state| state.as_str()).collect();
    let text = format!("Not in state {now}. Valid states for operation: {}.", valid.join(", "));
    Answer::detail(StatusCode::BAD_REQUEST, text)
}

pub(crate) fn list(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let states = if call.release.takes("marketplace_offering_users_list", "state") {
        call.choices::<OfferingUserState>("state")?
    } else {
        Vec::new()
    };
    let offerings = call.uuids("offering_uuid")?;
    let slugs = call.joined("offering_slug");
    let user = call.uuid_filter("user_uuid")?;
    let provider = call.uuid_filter("provider_uuid")?;
    let username = call.text("user_username");
    let mut rows: Vec<&OfferingUser> = state
        .offering_users
        .iter()
        .filter(|row| states.is_empty() || states.contains(&row.state))
        .filter(|row| offerings.is_empty() || offerings.contains(&row.offering))
        .filter(|row| state.has_slug(row.offering, &slugs))
        .filter(|row| user.is_none_or(|uuid| row.person == uuid))
        .filter(|row| {
            provider.is_none_or(|uuid| state.offerings.get(row.offering).is_some_and(|o| o.customer == uuid))
        })
        .filter(|row| {
            username.is_none_or(|name| state.people.get(row.person).is_some_and(|p| p.username() == name))
        })
        .filter(|row| state.sees_offering_user(actor, row))
        .collect();
    listing::order(call, &mut rows, ORDERINGS)?;
    listing::page(call, &rows, |row, fields| render(call, state, row, fields))
}

pub(crate) fn retrieve(call: &Call, state: &mut State) -> Outcome {
    let row = visible(call, state)?;
    listing::one(call, |fields| render(call, state, row, fields))
}

fn visible<'a>(call: &Call, state: &'a State) -> Result<&'a OfferingUser, Answer> {
    let actor = call.actor()?;
    call.uuid()
        .and_then(|uuid| state.offering_users.get(uuid))
        .filter(|row| state.sees_offering_user(actor, row))
        .ok_or_else(|| no_match("OfferingUser"))
}

/// An account to be changed by its provider.
fn provided<'a>(call: &Call, state: &'a mut State) -> Result<&'a mut OfferingUser, Answer> {
    let actor = call.actor()?;
    let row = visible(call, state)?;
    let uuid = row.uuid;
    state.must_provide(actor, row.offering)?;
    state.offering_users.get_mut(uuid).ok_or_else(|| no_match("OfferingUser"))
}

/// What a body points at: by its address under one name, or by its uuid under the other.
struct Pointer {
    address: &'static str,
    uuid: &'static str,
    collection: &'static str,
    /// In the table of releases.
    key: &'static str,
}

const USER: Pointer = Pointer {
    address: "user",
    uuid: "user_uuid",
    collection: "users",
    key: "marketplace_offering_users_create.user_uuid",
};
const OFFERING: Pointer = Pointer {
    address: "offering",
    uuid: "offering_uuid",
    collection: "marketplace-provider-offerings",
    key: "marketplace_offering_users_create.offering_uuid",
};

impl Pointer {
    /// The server of late 2024 knows only the address.
    fn follow(
        &self,
        call: &Call,
        form: &mut Form,
        data: &Map<String, Value>,
        find: impl Fn(Uuid) -> Option<Uuid>,
    ) -> Option<Uuid> {
        let takes_uuids = call.release.has(self.key);
        if !takes_uuids || data.contains_key(self.address) {
            return references::required(form, data, self.address, self.collection, find);
        }
        let text = form.text(data, self.uuid)?;
        let found = parse_uuid(&text).and_then(find);
        if found.is_none() {
            form.refuse(self.uuid, format!("Object with uuid={text} does not exist."));
        }
        found
    }

    /// One of the two names, and only one.
    fn check(&self, data: &Map<String, Value>) -> Result<(), Answer> {
        let Self { address, uuid, .. } = self;
        match (data.contains_key(*address), data.contains_key(*uuid)) {
            (true, true) => Err(invalid_whole(format!("Give either {address} or {uuid}, not both."))),
            (false, false) => Err(invalid_whole(format!("Either {address} or {uuid} is needed."))),
            _ => Ok(()),
        }
    }
}

/// User and offering are named by their addresses or their uuids; a person has one account at an offering.
pub(crate) fn create(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let data = call.data()?;
    let mut form = Form::default();
    let person = USER.follow(call, &mut form, &data, |uuid| state.people.get(uuid).map(|person| person.uuid));
    let offering = OFFERING
        .follow(call, &mut form, &data, |uuid| state.offerings.get(uuid).map(|offering| offering.uuid));
    let username = optional_username(&mut form, &data);
    form.finish()?;
    if call.release.has(OFFERING.key) {
        OFFERING.check(&data)?;
        USER.check(&data)?;
    }
    let (Some(person), Some(offering)) = (person, offering) else { return Err(no_match("Offering")) };
    state.must_provide(actor, offering)?;
    if state.account(offering, person).is_some() {
        return Err(invalid_whole("The fields offering, user must make a unique set."));
    }
    let uuid = state.fresh_uuid();
    let now = call.now;
    let row = OfferingUser {
        uuid,
        offering,
        person,
        state: if username.as_deref().unwrap_or_default().is_empty() { Requested } else { Ready },
        username,
        comment: String::new(),
        comment_url: String::new(),
        restricted: false,
        consent: Consent::default(),
        propagated: None,
        created: now,
        modified: now,
    };
    let body = render(call, state, &row, &Fields::ALL);
    state.offering_users.push(row);
    Ok(Answer::created(Value::Object(body)).with_text(header::LOCATION, &address(call, uuid)))
}

/// The name may be missing or null until the provider has made the account.
fn optional_username(form: &mut Form, data: &Map<String, Value>) -> Option<String> {
    if data.get("username").is_some_and(Value::is_null) { None } else { form.text(data, "username") }
}

/// A new name for an account that is being made, or whose making failed, makes it usable.
pub(crate) fn partial_update(call: &Call, state: &mut State) -> Outcome {
    let row = provided(call, state)?;
    let data = call.data()?;
    let mut form = Form::default();
    let username = optional_username(&mut form, &data);
    form.finish()?;
    if let Some(username) = username {
        let changed = row.username.as_deref().unwrap_or_default() != username;
        if changed && !username.is_empty() && matches!(row.state, Creating | ErrorCreating) {
            row.state = Ready;
        }
        row.username = Some(username);
        row.modified = call.now;
    }
    let row = visible(call, state)?;
    Ok(Answer::ok(Value::Object(render(call, state, row, &Fields::ALL))))
}

/// What the provider says to the user, as long as there is an account.
pub(crate) fn update_comments(call: &Call, state: &mut State) -> Outcome {
    let row = provided(call, state)?;
    if row.state == Deleted {
        return Err(forbidden());
    }
    let data = call.checked()?;
    for (name, field) in [
        ("service_provider_comment", &mut row.comment),
        ("service_provider_comment_url", &mut row.comment_url),
    ] {
        if let Some(text) = data.get(name).and_then(Value::as_str) {
            *field = text.to_owned();
        }
    }
    row.modified = call.now;
    Ok(Answer::ok(serde_json::json!({
        "service_provider_comment": row.comment,
        "service_provider_comment_url": row.comment_url,
    })))
}

/// Keeps an account's user from using it, or no longer.
pub(crate) fn update_restricted(call: &Call, state: &mut State) -> Outcome {
    let row = provided(call, state)?;
    row.restricted = call.checked()?.get("is_restricted").and_then(Value::as_bool).unwrap_or(false);
    row.modified = call.now;
    Ok(Answer::empty(StatusCode::OK))
}

pub(crate) fn destroy(call: &Call, state: &mut State) -> Outcome {
    let uuid = provided(call, state)?.uuid;
    state.offering_users.remove(uuid);
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

/// The action is the last word of the path.
pub(crate) fn act(call: &Call, state: &mut State) -> Outcome {
    let (from, to) = transition(call.action()).ok_or_else(|| Answer::page(StatusCode::NOT_FOUND))?;
    let row = provided(call, state)?;
    if !from.contains(&row.state) {
        return Err(impossible(from, row.state));
    }
    let data = call.data()?;
    let mut form = Form::default();
    let comment = form.text(&data, "comment");
    let comment_url = form.text(&data, "comment_url");
    form.finish()?;
    row.state = to;
    row.modified = call.now;
    if call.action() == "set_validation_complete" {
        row.comment.clear();
        row.comment_url.clear();
    }
    if let Some(comment) = comment {
        row.comment = comment;
    }
    if let Some(comment_url) = comment_url {
        row.comment_url = comment_url;
    }
    Ok(Answer::empty(StatusCode::OK))
}

/// An account without a name for each member of a project who has none at the offering.
pub(crate) fn add_for_team(state: &mut State, offering: Uuid, project: Uuid) {
    let team: Vec<Uuid> = state.members(project).map(|(person, _)| person.uuid).collect();
    let now = state.now();
    for person in team {
        if state.account(offering, person).is_some() {
            continue;
        }
        let uuid = state.fresh_uuid();
        state.offering_users.push(OfferingUser {
            uuid,
            offering,
            person,
            username: Some(String::new()),
            state: Creating,
            comment: String::new(),
            comment_url: String::new(),
            restricted: false,
            consent: Consent::default(),
            propagated: Some(now),
            created: now,
            modified: now,
        });
    }
}

fn address(call: &Call, uuid: Uuid) -> String {
    call.url(&format!("marketplace-offering-users/{}/", hex(uuid)))
}

fn render(call: &Call, state: &State, row: &OfferingUser, fields: &Fields) -> Map<String, Value> {
    let (Some(offering), Some(person)) = (state.offerings.get(row.offering), state.people.get(row.person))
    else {
        return Map::new();
    };
    object! { fields;
        "url": address(call, row.uuid),
        "uuid": hex(row.uuid),
        "user": call.url(&format!("users/{}/", hex(person.uuid))),
        "offering": call.url(&format!("marketplace-provider-offerings/{}/", hex(offering.uuid))),
        "username": row.username.clone(),
        "offering_uuid": hex(offering.uuid),
        "offering_name": offering.name.as_str(),
        "user_uuid": hex(person.uuid),
        "user_username": person.username(),
        "user_full_name": person.full_name(),
        "user_email": person.email(),
        "created": timestamp(row.created),
        "modified": timestamp(row.modified),
        "propagation_date": row.propagated.map(timestamp),
        "customer_uuid": hex(offering.customer),
        "customer_name": state.customers.get(offering.customer).map(|customer| customer.name.clone()),
        "is_restricted": row.restricted,
        "state": row.state.as_str(),
        "service_provider_comment": row.comment.as_str(),
        "service_provider_comment_url": row.comment_url.as_str(),
        "has_consent": row.consent.given,
        "requires_reconsent": row.consent.outdated,
    }
}
