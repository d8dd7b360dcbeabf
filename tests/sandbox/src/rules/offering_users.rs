//! `marketplace-offering-users`: the accounts that users have at offerings.

use http::{StatusCode, header};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::protocol::answer::{Answer, Outcome, forbidden, invalid_whole, no_match};
use crate::protocol::call::Call;
use crate::protocol::form::Form;
use crate::protocol::listing::{self, Fields, Ordered};
use crate::render;
use crate::rules::events::OfferingUserEvent::{Create, Delete, Update, UsernameSet};
use crate::rules::events::{self, OfferingUserEvent};
use crate::rules::references;
use crate::store::OfferingUserState::Ok as Ready;
use crate::store::OfferingUserState::{
    Creating, Deleted, Deleting, ErrorCreating, ErrorDeleting, PendingAccountLinking,
    PendingAdditionalValidation, Requested, RequestedDeletion,
};
use crate::store::{Consent, OfferingUser, OfferingUserState, State};
use crate::wire::parse_uuid;

const ORDERINGS: &[Ordered<OfferingUser>] = &[
    ("created", |a, b| a.created.cmp(&b.created)),
    ("modified", |a, b| a.modified.cmp(&b.modified)),
    ("username", |a, b| a.username.cmp(&b.username)),
];

/// Returns the states that an action starts from, and the state that it leads to.
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

/// Refuses an action that the state doesn't allow. Unlike elsewhere, the status is 400, not 409.
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
    listing::page(call, &rows, |row, fields| render::offering_user(call, state, row, fields))
}

pub(crate) fn retrieve(call: &Call, state: &mut State) -> Outcome {
    let row = visible(call, state)?;
    listing::one(call, |fields| render::offering_user(call, state, row, fields))
}

fn visible<'a>(call: &Call, state: &'a State) -> Result<&'a OfferingUser, Answer> {
    let actor = call.actor()?;
    call.uuid()
        .and_then(|uuid| state.offering_users.get(uuid))
        .filter(|row| state.sees_offering_user(actor, row))
        .ok_or_else(|| no_match("OfferingUser"))
}

/// Returns an offering user that the caller's customer provides.
fn provided<'a>(call: &Call, state: &'a mut State) -> Result<&'a mut OfferingUser, Answer> {
    let actor = call.actor()?;
    let row = visible(call, state)?;
    let uuid = row.uuid;
    state.must_provide(actor, row.offering)?;
    state.offering_users.get_mut(uuid).ok_or_else(|| no_match("OfferingUser"))
}

/// A reference in a body: by address in one property, or by uuid in another.
struct Pointer {
    address: &'static str,
    uuid: &'static str,
    collection: &'static str,
    /// The property's key in the table of releases.
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
    /// Returns the referenced object. A server of late 2024 takes only the address.
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

    /// Refuses a body that has both properties, or neither.
    fn check(&self, data: &Map<String, Value>) -> Result<(), Answer> {
        let Self { address, uuid, .. } = self;
        match (data.contains_key(*address), data.contains_key(*uuid)) {
            (true, true) => Err(invalid_whole(format!("Give either {address} or {uuid}, not both."))),
            (false, false) => Err(invalid_whole(format!("Either {address} or {uuid} is needed."))),
            _ => Ok(()),
        }
    }
}

/// Creates an offering user. Body: user and offering by address or uuid. A user has one account per offering.
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
    let body = render::offering_user(call, state, &row, &Fields::ALL);
    state.offering_users.push(row.clone());
    events::offering_user(state, &row, Create);
    Ok(Answer::created(Value::Object(body))
        .with_text(header::LOCATION, &render::offering_user_address(call, uuid)))
}

/// Returns the username, which may be missing or null.
fn optional_username(form: &mut Form, data: &Map<String, Value>) -> Option<String> {
    if data.get("username").is_some_and(Value::is_null) { None } else { form.text(data, "username") }
}

/// Changes the username. A new name sets an offering user that is being created, or whose creation failed, to
/// OK.
pub(crate) fn partial_update(call: &Call, state: &mut State) -> Outcome {
    let row = provided(call, state)?;
    let data = call.data()?;
    let mut form = Form::default();
    let username = optional_username(&mut form, &data);
    form.finish()?;
    let uuid = row.uuid;
    if let Some(username) = username {
        let changed = row.username.as_deref().unwrap_or_default() != username;
        let was = row.state;
        if changed && !username.is_empty() && matches!(row.state, Creating | ErrorCreating) {
            row.state = Ready;
        }
        row.username = Some(username);
        row.modified = call.now;
        if changed {
            let fields: &[&str] = if row.state == was { &["username"] } else { &["username", "state"] };
            tell(state, uuid, &[Update(fields), UsernameSet]);
        }
    }
    let row = visible(call, state)?;
    Ok(Answer::ok(Value::Object(render::offering_user(call, state, row, &Fields::ALL))))
}

/// Sets the provider's comments, unless the offering user is deleted. White space around them is cut off.
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
            *field = text.trim().to_owned();
        }
    }
    row.modified = call.now;
    Ok(Answer::ok(serde_json::json!({
        "service_provider_comment": row.comment,
        "service_provider_comment_url": row.comment_url,
    })))
}

/// Sets whether the user is kept from using the account.
pub(crate) fn update_restricted(call: &Call, state: &mut State) -> Outcome {
    let row = provided(call, state)?;
    row.restricted = call.checked()?.get("is_restricted").and_then(Value::as_bool).unwrap_or(false);
    row.modified = call.now;
    let uuid = row.uuid;
    tell(state, uuid, &[Update(&["is_restricted"])]);
    Ok(Answer::empty(StatusCode::OK))
}

pub(crate) fn destroy(call: &Call, state: &mut State) -> Outcome {
    let uuid = provided(call, state)?.uuid;
    if let Some(row) = state.offering_users.remove(uuid) {
        events::offering_user(state, &row, Delete);
    }
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

/// Changes the state by the action in the path.
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
    let uuid = row.uuid;
    tell(state, uuid, &[Update(&["state"])]);
    Ok(Answer::empty(StatusCode::OK))
}

/// Publishes events about an offering user.
pub(crate) fn tell(state: &mut State, uuid: Uuid, happened: &[OfferingUserEvent<'_>]) {
    let Some(row) = state.offering_users.get(uuid).cloned() else { return };
    for one in happened {
        events::offering_user(state, &row, *one);
    }
}

/// Adds an offering user without a name for each member of a project who has none at the offering.
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
        tell(state, uuid, &[Create]);
    }
}
