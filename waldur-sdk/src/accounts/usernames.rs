//! Usernames of offering users, set at all offerings of a service provider.

use std::fmt;
use std::future::ready;

use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::types::SetOfferingsUsernameRequest;
use waldur_api_client::{Client, Error, Operation, builder};

use super::invalid;
use crate::bulk::Bulk;
use crate::confirm::{Applied, Confirm, Seen};
use crate::row::Rows;

const SET: &Operation = builder::MarketplaceServiceProvidersSetOfferingsUsername::OPERATION;

/// The longest username that Waldur accepts, in characters.
const LONGEST: usize = 100;

/// A user and the username to set at all offerings of a service provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NewUsername {
    /// The user.
    pub user_uuid: Uuid,
    /// The username.
    pub username: String,
}

/// Writes the username and the uuid of the user.
impl fmt::Display for NewUsername {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "username {} of user {}", self.username, self.user_uuid.simple())
    }
}

/// Validates a username.
///
/// # Errors
/// [`Error::is_validation`] if the username is blank or too long.
pub(super) fn refuse_username(username: &str, operation: &'static Operation) -> Result<(), Error> {
    let length = username.chars().count();
    match length {
        0 => Err(invalid("username is empty", operation)),
        _ if username.trim().is_empty() => Err(invalid("username is blank", operation)),
        length if length > LONGEST => {
            let problem = format!("username has {length} characters; Waldur accepts {LONGEST} at most");
            Err(invalid(problem, operation))
        }
        _ => Ok(()),
    }
}

/// Returns the bulk operation that sets the username of each user at all offerings of a service provider.
pub(crate) fn set_usernames(
    client: &Client,
    service_provider: Uuid,
    names: impl IntoIterator<Item = (impl Into<Uuid>, impl Into<String>)>,
) -> Bulk<'static, NewUsername> {
    let names = names.into_iter();
    let names: Rows<NewUsername> =
        names.map(|(user, name)| Ok(NewUsername { user_uuid: user.into(), username: name.into() })).collect();
    let one = client.clone();
    Bulk::new(client, ready(Ok(names)), move |confirm, doubt, name: &NewUsername| {
        let (client, name) = (one.clone(), name.clone());
        Box::pin(async move { set_username(&client, confirm, doubt, service_provider, name).await })
    })
}

async fn set_username(
    client: &Client,
    confirm: Confirm<'_>,
    doubt: Option<Error>,
    service_provider: Uuid,
    name: NewUsername,
) -> Result<Applied, Error> {
    refuse_username(&name.username, SET)?;
    let body = SetOfferingsUsernameRequest::builder().user_uuid(name.user_uuid).username(name.username);
    let client = client.assume_idempotent();
    let call = client.marketplace_service_providers_set_offerings_username().uuid(service_provider);
    let call = call.body(body);
    let send = || async { call.clone().send().await.map(drop) };
    // The offering users don't show at how many offerings the username should be set.
    let look = || async { Ok(Seen::Unclear("it is safe to set it again".to_owned())) };
    let ((), applied) = confirm.after(Error::is_ambiguous).once().go_on(doubt, send, look).await?;
    Ok(applied)
}
