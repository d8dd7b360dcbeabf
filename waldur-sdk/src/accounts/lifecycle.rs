//! Creating and closing service and course accounts.

use waldur_api_client::types::ServiceAccountState;
use waldur_api_client::{Client, Error, ErrorKind, Operation};

use crate::confirm::{Applied, Confirm, Seen};

/// Sends a request that is not idempotent, once, and calls `look` if the response is lost.
///
/// # Errors
/// The server's refusal, or [`Error::is_unconfirmed`] if whether the request was applied is unknown.
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

/// Returns what is known of a creation whose response was lost, by the number of accounts that match it.
pub(super) fn created_any<T>(matching: usize) -> Seen<T> {
    match matching {
        0 => Seen::Unchanged("there is no such account".to_owned()),
        // Nothing distinguishes the new account from the others, and its token isn't shown again.
        count => Seen::Unclear(format!("accounts that match it: {count}; check which is new")),
    }
}

/// Returns whether an account with the value `there` may have been created with the value `wanted`. If
/// `wanted` is empty, the server chose the value.
pub(super) fn may_be(wanted: &str, there: &str) -> bool {
    wanted.is_empty() || wanted == there
}

/// Closes an account. It is closed if its state is closed, or if it is not visible any more.
///
/// # Errors
/// The server's refusal; [`Error::is_conflict`] if the account is still open; and [`Error::is_unconfirmed`]
/// if the result is unknown.
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
            Ok(()) => {
                Error::new(ErrorKind::Conflict, "the server did not close it").with_operation(operation)
            }
            // A DELETE is sent again if its response is lost, and finds no account then.
            Err(error) if error.is_not_found() && !error.is_unsupported() => return Ok(()),
            // Or it finds an account that is closed already.
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
