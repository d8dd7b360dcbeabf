//! Confirms a change: finds out whether a request was applied if its response doesn't tell.
//!
//! A state-changing request is sent once. If its response leaves open whether it was applied, the object is
//! read. If the object shows the change, the request succeeded. If the object is unchanged, the request is
//! sent again, within the client's retry policy and budget. If the object can't be read, the result is
//! unknown.

use std::fmt;

use backon::ExponentialBackoff;
use serde::Serialize;
use tokio::time::{Duration, Instant, sleep};

use crate::outage::Outage;
use waldur_api_client::Client;
use waldur_api_client::Error;

/// Whether a step was applied by this call. Displays in the words of [`Outcome`](crate::Outcome).
///
/// ```
/// use waldur_sdk::Applied;
///
/// assert_eq!(Applied::Now.to_string(), "applied");
/// assert_eq!(Applied::Already.to_string(), "unchanged");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Applied {
    /// This call applied the step.
    Now,
    /// The object was already in the requested state, because of an earlier call or another client.
    Already,
}

impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Now => "applied",
            Self::Already => "unchanged",
        })
    }
}

/// What an object shows when it is read after a request whose result is unknown.
#[derive(Debug)]
pub(crate) enum Seen<T> {
    /// The object shows the change.
    Applied(T),
    /// The object is unchanged, and the change is still possible. Holds a description, such as `the order is
    /// executing`.
    Unchanged(String),
    /// The object shows another value than the one sent; the server may have adjusted it. The change replaces
    /// the value, so it is safe to send again.
    Differs(String),
    /// The state of the object doesn't allow the change any more. Holds a description of the state.
    Superseded(String),
    /// The object doesn't show whether the change was applied, for example in an unknown state. Holds the
    /// reason.
    Unclear(String),
}

/// Whether the object shows that the change was not applied.
enum Unapplied {
    Known(String),
    Perhaps(String),
}

/// Sends a change and finds out whether it was applied.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(crate) struct Confirm<'a> {
    client: &'a Client,
    looks_after: fn(&Error) -> bool,
    sends_again: bool,
    outage: Option<&'a Outage>,
    /// How long a read that fails is repeated. `None`: for as many attempts as the retry policy allows.
    patience: Option<Duration>,
}

impl<'a> Confirm<'a> {
    /// Reads the object after an ambiguous response and after a conflict.
    pub(crate) fn new(client: &'a Client) -> Self {
        Self {
            client,
            looks_after: |error| error.is_ambiguous() || error.is_conflict(),
            sends_again: true,
            outage: None,
            patience: None,
        }
    }

    /// Reads the object after these errors instead.
    pub(crate) fn after(mut self, looks_after: fn(&Error) -> bool) -> Self {
        self.looks_after = looks_after;
        self
    }

    /// Never sends the request again: for requests that are not idempotent, such as a POST that creates an
    /// object.
    pub(crate) fn once(mut self) -> Self {
        self.sends_again = false;
        self
    }

    /// Waits for the end of `outage` before it sends, and reports the result to `outage`.
    pub(crate) fn during(mut self, outage: &'a Outage) -> Self {
        self.outage = Some(outage);
        self
    }

    /// Repeats a read that fails until `patience` is over.
    pub(crate) fn within(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Sends the change.
    ///
    /// # Errors
    /// The server's refusal, or [`Error::is_unconfirmed`] if whether the change was applied is unknown.
    pub(crate) async fn send<T, S, L>(
        self,
        send: impl Fn() -> S,
        look: impl Fn() -> L,
    ) -> Result<(T, Applied), Error>
    where
        S: Future<Output = Result<T, Error>>,
        L: Future<Output = Result<Seen<T>, Error>>,
    {
        self.go_on(None, send, look).await
    }

    /// Continues after `doubt`, the error of an earlier attempt at the same change: reads the object first.
    ///
    /// # Errors
    /// Those of [`Confirm::send`].
    pub(crate) async fn go_on<T, S, L>(
        self,
        mut doubt: Option<Error>,
        send: impl Fn() -> S,
        look: impl Fn() -> L,
    ) -> Result<(T, Applied), Error>
    where
        S: Future<Output = Result<T, Error>>,
        L: Future<Output = Result<Seen<T>, Error>>,
    {
        let begun = Instant::now();
        let policy = self.client.retry_policy();
        let mut pauses = policy.pauses();
        let mut sent = 1;
        // Whether any of the requests may have been applied.
        let mut is_ambiguous = false;
        loop {
            let error = match doubt.take() {
                Some(error) => error,
                None => match self.attempt(&send).await {
                    Ok(value) => {
                        if sent > 1 {
                            self.client.retry_succeeded();
                        }
                        return Ok((value, Applied::Now));
                    }
                    // A refusal of the second request does not show whether the first one arrived late.
                    Err(error) if !is_ambiguous && !(self.looks_after)(&error) => return Err(error),
                    Err(error) => error,
                },
            };
            is_ambiguous |= error.is_ambiguous();
            let unapplied = match self.look(&look).await {
                Ok(Seen::Applied(value)) => {
                    if sent > 1 {
                        self.client.retry_succeeded();
                    }
                    return Ok((value, if is_ambiguous { Applied::Now } else { Applied::Already }));
                }
                Ok(Seen::Superseded(state)) => return Err(error.superseded(state)),
                Ok(Seen::Unclear(state)) => return Err(error.unconfirmed(&state)),
                Err(unread) => return Err(error.unconfirmed(&unread)),
                Ok(Seen::Unchanged(state)) => Unapplied::Known(state),
                Ok(Seen::Differs(state)) => Unapplied::Perhaps(state),
            };
            let pause = self.pause(&mut pauses, &error);
            let is_passing = error.is_server() || error.is_transport() || error.is_timeout();
            let in_time = begun.elapsed().saturating_add(pause) <= policy.max_elapsed;
            let may_again = self.sends_again && is_passing && sent < policy.max_attempts && in_time;
            if !(may_again && self.client.take_retry()) {
                return Err(match unapplied {
                    // The server named the reason.
                    _ if !is_ambiguous && !error.is_conflict() => error,
                    Unapplied::Known(state) => error.not_applied(&state),
                    Unapplied::Perhaps(state) => error.unconfirmed(&state),
                });
            }
            tracing::debug!(%error, ?pause, "the change was not applied and is sent again");
            sleep(pause).await;
            sent += 1;
        }
    }

    async fn attempt<T, S>(&self, send: &impl Fn() -> S) -> Result<T, Error>
    where
        S: Future<Output = Result<T, Error>>,
    {
        let Some(outage) = self.outage else { return send().await };
        let turn = outage.turn().await?;
        let result = send().await;
        outage.report(turn, result.as_ref().err());
        result
    }

    /// Sends a request that changes nothing, and repeats it while the server fails. During an outage each
    /// attempt waits for its turn.
    ///
    /// # Errors
    /// The last failure of the server, or the first error of another kind.
    #[cfg(feature = "agent")]
    pub(crate) async fn read<T, L>(&self, read: impl Fn() -> L) -> Result<T, Error>
    where
        L: Future<Output = Result<T, Error>>,
    {
        self.read_during(self.outage, &read).await
    }

    /// Reads the object, and repeats the read while the server fails.
    async fn look<T, L>(&self, look: &impl Fn() -> L) -> Result<Seen<T>, Error>
    where
        L: Future<Output = Result<Seen<T>, Error>>,
    {
        self.read_during(None, look).await
    }

    async fn read_during<T, L>(&self, outage: Option<&Outage>, read: &impl Fn() -> L) -> Result<T, Error>
    where
        L: Future<Output = Result<T, Error>>,
    {
        let begun = Instant::now();
        let policy = self.client.retry_policy();
        let mut pauses = policy.pauses();
        let mut looked = 1;
        loop {
            let result = match outage {
                Some(outage) => {
                    let turn = outage.turn().await?;
                    let result = read().await;
                    outage.report(turn, result.as_ref().err());
                    result
                }
                None => read().await,
            };
            let unread = match result {
                Err(error) if error.is_server() || error.is_retryable() => error,
                result => return result,
            };
            let pause = self.pause(&mut pauses, &unread);
            let goes_on = match self.patience {
                Some(patience) if policy.max_attempts > 1 => {
                    begun.elapsed().saturating_add(pause) <= patience
                }
                _ => {
                    looked < policy.max_attempts
                        && begun.elapsed().saturating_add(pause) <= policy.max_elapsed
                }
            };
            if !goes_on {
                return Err(unread);
            }
            sleep(pause).await;
            looked += 1;
        }
    }

    fn pause(&self, pauses: &mut ExponentialBackoff, error: &Error) -> Duration {
        pauses.next().unwrap_or_default().max(error.retry_after().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::ready;

    use super::*;
    use waldur_api_client::ErrorKind;

    fn client() -> Client {
        Client::builder().url("http://127.0.0.1:1").token("0123456789").build().unwrap()
    }

    fn error(kind: ErrorKind) -> Error {
        Error::new(kind, "")
    }

    /// Returns the next step of the script on each call.
    fn script<T>(steps: Vec<T>) -> impl Fn() -> std::future::Ready<T> {
        let steps = RefCell::new(steps.into_iter());
        move || ready(steps.borrow_mut().next().unwrap())
    }

    fn still() -> Result<Seen<()>, Error> {
        Ok(Seen::Unchanged("it is as it was".to_owned()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_of_the_second_request_does_not_decide_about_the_first() {
        for kind in [ErrorKind::Forbidden, ErrorKind::Validation, ErrorKind::NotFound] {
            // The first request arrived after the object was read.
            let sent = script(vec![Err(error(ErrorKind::Timeout)), Err(error(kind))]);
            let seen = script(vec![still(), Ok(Seen::Applied(()))]);
            let client = client();
            assert_eq!(Confirm::new(&client).send(sent, seen).await.unwrap(), ((), Applied::Now));
            // The first request did not arrive.
            let sent = script(vec![Err(error(ErrorKind::Timeout)), Err(error(kind))]);
            let refused = Confirm::new(&client).send(sent, script(vec![still(), still()])).await.unwrap_err();
            assert!(refused.kind() == kind && refused.to_string().contains("not applied"), "{refused}");
            // The object can't be read.
            let sent = script(vec![Err(error(ErrorKind::Timeout)), Err(error(kind))]);
            let seen = script(vec![still(), Err(error(ErrorKind::Forbidden))]);
            assert!(Confirm::new(&client).send(sent, seen).await.unwrap_err().is_unconfirmed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_of_the_only_request_is_returned_without_a_read() {
        let sent = script(vec![Err(error(ErrorKind::Forbidden))]);
        let refused = Confirm::new(&client()).send::<(), _, _>(sent, script(Vec::new())).await.unwrap_err();
        assert!(refused.is_forbidden() && !refused.is_unconfirmed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_not_idempotent_is_sent_once() {
        let sent = script(vec![Err(error(ErrorKind::Transport))]);
        let failed = Confirm::new(&client()).once().send(sent, script(vec![still()])).await.unwrap_err();
        assert!(failed.is_transport() && failed.to_string().contains("not applied"), "{failed}");
    }
}
