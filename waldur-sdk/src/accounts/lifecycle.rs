//! Creating and closing the accounts of services and courses.

use waldur_api_client::types::ServiceAccountState;
use waldur_api_client::{Client, Error, ErrorKind, Operation};

use crate::confirm::{Applied, Confirm, Seen};

/// Sends once what a server would apply a second time, and looks where the response is lost.
///
/// # Errors
/// What the server refuses, and what isn't known to be applied.
pub(super) async fn send_once<T, S, L>(
    client: &Client,
    send: impl Fn() -> S,
    look: impl Fn() -> L,
) -> Result<T, Error>
where
    S: Future<Output = Result<T, Error>>,
    L: Future<Output = Result<Seen<T>, Error>>,
{
    Confirm::new(client).after(Error::is_ambiguous).once().send(send, look).await.map(|(sent, _)| sent)
}

/// Returns what is known of a creation whose response is lost, by how many accounts it may have created.
pub(super) fn created_any<T>(like_it: usize) -> Seen<T> {
    match like_it {
        0 => Seen::Unchanged("there is no such account".to_owned()),
        // Nothing tells the new one from those that were there, and its token isn't shown again.
        count => Seen::Unclear(format!("{count} accounts are like it; look which is new")),
    }
}

/// Returns whether an account with the value `there` may have been created with the value `wanted`: a server that
/// chooses the value may show any.
pub(super) fn may_be(wanted: &str, there: &str) -> bool {
    wanted.is_empty() || wanted == there
}

/// Closes an account: it is closed if its state says so, or if it isn't shown any more.
///
/// # Errors
/// What the server refuses; a conflict if the account is still open; and what isn't known to be applied.
pub(super) async fn close<D, S>(
    client: &Client,
    operation: &'static Operation,
    destroy: impl Fn() -> D,
    state: impl Fn() -> S,
) -> Result<Applied, Error>
where
    D: Future<Output = Result<(), Error>>,
    S: Future<Output = Result<Option<ServiceAccountState>, Error>>,
{
    if state().await? == Some(ServiceAccountState::Closed) {
        return Ok(Applied::Already);
    }
    let look = || async {
        match state().await {
            Ok(Some(ServiceAccountState::Closed)) => Ok(Seen::Applied(())),
            Ok(Some(state)) => Ok(Seen::Unchanged(format!("the account is {state}"))),
            Ok(None) => Ok(Seen::Unclear("the account has no state".to_owned())),
            Err(gone) if gone.is_not_found() => Ok(Seen::Applied(())),
            Err(unread) => Err(unread),
        }
    };
    let send = || async {
        let refused = match destroy().await {
            Ok(()) => Error::new(ErrorKind::Conflict, "the server did nothing").with_operation(operation),
            // A DELETE is sent again if its response is lost, and finds nothing then.
            Err(error) if error.is_not_found() && !error.is_unsupported() => return Ok(()),
            // Or it finds a closed account.
            Err(error) if error.is_conflict() && error.attempts() > 1 => error,
            Err(error) => return Err(error),
        };
        match look().await? {
            Seen::Applied(()) => Ok(()),
            _ => Err(refused),
        }
    };
    let ((), applied) = Confirm::new(client).send(send, look).await?;
    Ok(applied)
}
