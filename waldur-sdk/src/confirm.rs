//! Confirming a change: the one rule for what is known of a request whose answer doesn't tell whether it was
//! applied.
//!
//! A request that changes something is sent once. If its answer leaves open whether it was applied, the
//! object is read: if the change is there, it succeeded; if the object is provably as it was, the request is
//! sent again, within the client's retry policy and budget; if the object can't be read, nothing is claimed.

use backon::ExponentialBackoff;
use serde::Serialize;
use tokio::time::{Duration, Instant, sleep};

use crate::outage::Outage;
use waldur_api_client::Client;
use waldur_api_client::Error;

/// How a change came to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Applied {
    /// This call applied it.
    Now,
    /// It was there already, by an earlier call or somebody else.
    Already,
}

/// What an object shows when it is read after a change whose outcome is in doubt.
#[derive(Debug)]
pub(crate) enum Seen<T> {
    /// The change is there.
    Applied(T),
    /// The object is as it was, and the change is still possible. Says how it is, such as `the order is
    /// executing`.
    Unchanged(String),
    /// The object shows something else than what was sent, which may be what the server made of it. The
    /// change replaces what is there, so sending it again does no harm.
    Differs(String),
    /// The object is in a state in which the change isn't possible any more. Says in which.
    Superseded(String),
    /// The object doesn't tell, such as in a state that nobody knows. Says why.
    Unclear(String),
}

/// Why a change is sent again.
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
    /// How long the object is read again if it can't be read; none: as often as the retry policy has
    /// attempts.
    patience: Option<Duration>,
}

impl<'a> Confirm<'a> {
    /// Reads the object after an ambiguous answer and after a conflict.
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

    /// Never sends it again: for what a server would apply twice, such as a POST that makes a second object.
    pub(crate) fn once(mut self) -> Self {
        self.sends_again = false;
        self
    }

    /// Waits for the end of an outage before it sends, and reports to it.
    pub(crate) fn during(mut self, outage: &'a Outage) -> Self {
        self.outage = Some(outage);
        self
    }

    /// Reads the object again until so much time is over, if it can't be read.
    pub(crate) fn within(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Sends the change.
    ///
    /// # Errors
    /// What the server refuses, and what isn't known to be applied ([`Error::is_unconfirmed`]).
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

    /// Goes on after `doubt`, an earlier error of the same change: looks first.
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
                    // A refusal of the second request says nothing about the first, which may have arrived late.
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
                    // The server said why it refuses.
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

    /// Reads something that changes nothing, again while the server fails. During an outage each attempt
    /// waits for its turn.
    ///
    /// # Errors
    /// The last failure, and any that isn't about the server.
    #[cfg(feature = "agent")]
    pub(crate) async fn read<T, L>(&self, read: impl Fn() -> L) -> Result<T, Error>
    where
        L: Future<Output = Result<T, Error>>,
    {
        self.read_during(self.outage, &read).await
    }

    /// Looks, again if the object can't be read for now.
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

    /// Answers what is next.
    fn script<T>(steps: Vec<T>) -> impl Fn() -> std::future::Ready<T> {
        let steps = RefCell::new(steps.into_iter());
        move || ready(steps.borrow_mut().next().unwrap())
    }

    fn still() -> Result<Seen<()>, Error> {
        Ok(Seen::Unchanged("it is as it was".to_owned()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_of_the_second_request_is_no_word_on_the_first() {
        for kind in [ErrorKind::Forbidden, ErrorKind::Validation, ErrorKind::NotFound] {
            // The first arrived after the look.
            let sent = script(vec![Err(error(ErrorKind::Timeout)), Err(error(kind))]);
            let seen = script(vec![still(), Ok(Seen::Applied(()))]);
            let client = client();
            assert_eq!(Confirm::new(&client).send(sent, seen).await.unwrap(), ((), Applied::Now));
            // It did not arrive at all.
            let sent = script(vec![Err(error(ErrorKind::Timeout)), Err(error(kind))]);
            let refused = Confirm::new(&client).send(sent, script(vec![still(), still()])).await.unwrap_err();
            assert!(refused.kind() == kind && refused.to_string().contains("not applied"), "{refused}");
            // Nobody knows.
            let sent = script(vec![Err(error(ErrorKind::Timeout)), Err(error(kind))]);
            let seen = script(vec![still(), Err(error(ErrorKind::Forbidden))]);
            assert!(Confirm::new(&client).send(sent, seen).await.unwrap_err().is_unconfirmed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_of_the_only_request_needs_no_look() {
        let sent = script(vec![Err(error(ErrorKind::Forbidden))]);
        let refused = Confirm::new(&client()).send::<(), _, _>(sent, script(Vec::new())).await.unwrap_err();
        assert!(refused.is_forbidden() && !refused.is_unconfirmed());
    }

    #[tokio::test(start_paused = true)]
    async fn what_would_be_made_twice_is_sent_once() {
        let sent = script(vec![Err(error(ErrorKind::Transport))]);
        let failed = Confirm::new(&client()).once().send(sent, script(vec![still()])).await.unwrap_err();
        assert!(failed.is_transport() && failed.to_string().contains("not applied"), "{failed}");
    }
}
