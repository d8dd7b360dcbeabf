//! Sends the requests of a client: with authorization, limits, retries, redirects and telemetry.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use backon::ExponentialBackoff;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, LOCATION};
use http::{Method, StatusCode};
use reqwest::{Request, Response};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::Instrument as _;

use super::authorization::{AuthHeader, Authorize};
use super::budget::RetryBudget;
use super::clock::ServerClock;
use super::failure::FailureKind;
use super::limiter::{ConcurrencyLimiter, Permit};
use super::received::{Body, Received, SecretResponses, refusal};
use super::redirect::{self, Step};
use super::retry::{Decision, FailedAttempt, RETRYABLE_STATUSES, RetryPolicy, StopReason};
use super::telemetry::CallTelemetry;
use super::{FollowedRedirect, LONGEST, Transport};
use crate::error::connection::{FailedExchange, ProxyRoute};
use crate::error::retry_after::retry_after;
use crate::error::{Attempts, BoxError, Error, ErrorKind};
use crate::wire::Operation;

/// The header with the user that a staff user acts as.
pub(crate) const IMPERSONATED: HeaderName = HeaderName::from_static("x-impersonated-user-uuid");

/// Sends every request of a client.
#[derive(Clone)]
pub(crate) struct Pipeline {
    pub(crate) connections: Arc<Connections>,
    pub(crate) authorization: Arc<dyn Authorize>,
    pub(crate) retry: RetryPolicy,
    /// The time limit of a whole call.
    pub(crate) timeout: Duration,
    pub(crate) impersonated: Option<HeaderValue>,
    /// Set for a token endpoint.
    pub(crate) secret_responses: Option<SecretResponses>,
}

/// What all clones of a client share, whatever their settings.
pub(crate) struct Connections {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) limiter: ConcurrencyLimiter,
    pub(crate) budget: RetryBudget,
    pub(crate) clock: ServerClock,
    pub(crate) route: ProxyRoute,
    /// The headers of all requests.
    pub(crate) headers: HeaderMap,
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline")
            .field("retry", &self.retry)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// The result of one attempt.
enum Attempt {
    /// The response of the call.
    Received(Received),
    /// The error of the call.
    Error(Error),
    /// Another request to send instead, at once.
    Resend(Request),
    /// A failure that may be followed by another attempt.
    Failed(FailureKind, Failure),
}

/// The response or the error of an attempt that failed.
enum Failure {
    Response(Response),
    Error(Error),
}

/// The state of a call.
struct CallState {
    operation: &'static Operation,
    telemetry: CallTelemetry,
    begun: Instant,
    deadline: Instant,
    /// The number of requests that were sent.
    sent: u32,
    /// The number of attempts for the retry policy.
    attempts: u32,
    /// The number of redirects that were followed.
    hops: u32,
    /// Whether the token was renewed.
    renewed: bool,
    /// Whether a request may have been applied without a response of the server.
    ambiguous: bool,
    pauses: Option<ExponentialBackoff>,
}

impl CallState {
    fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    fn attempts(&self) -> Attempts {
        Attempts { count: self.sent, elapsed: self.begun.elapsed() }
    }

    fn error(&self, error: Error) -> Error {
        error.sent(self.attempts()).unsent(!self.ambiguous)
    }

    async fn in_time<T>(&self, waiting: impl Future<Output = T>, what: &str) -> Result<T, Error> {
        timeout_at(self.deadline, waiting)
            .await
            .map_err(|_| self.error(Error::new(ErrorKind::Timeout, format!("{what} in time"))))
    }
}

impl Pipeline {
    /// Sends `request`, with retries. Returns a response with a status of 2xx and any body.
    pub(crate) async fn send(
        &self,
        request: Request,
        operation: &'static Operation,
    ) -> Result<Received, Error> {
        let telemetry = CallTelemetry::begin(&request, operation);
        let timeout = request.timeout().map_or(self.timeout, |own| self.timeout.min(*own)).min(LONGEST);
        let span = telemetry.span();
        let mut state = CallState {
            operation,
            begun: telemetry.begun(),
            deadline: telemetry.begun() + timeout,
            sent: 0,
            attempts: 0,
            hops: 0,
            renewed: false,
            ambiguous: false,
            pauses: None,
            telemetry,
        };
        let result = self.attempts(request, &mut state).instrument(span).await;
        state.telemetry.end(state.sent, &result);
        result
    }

    async fn attempts(&self, mut request: Request, state: &mut CallState) -> Result<Received, Error> {
        declare_length(&mut request);
        for (name, value) in &self.connections.headers {
            request.headers_mut().insert(name, value.clone());
        }
        if let Some(user) = &self.impersonated {
            request.headers_mut().insert(IMPERSONATED, user.clone());
        }
        loop {
            let header = state
                .in_time(self.authorization.header(), "no token")
                .await?
                .map_err(|error| state.error(error))?;
            let permit = state.in_time(self.connections.limiter.acquire(), "no other call ended").await?;
            if let Some(header) = &header {
                request.headers_mut().insert(AUTHORIZATION, header.value().clone());
            }
            let method = request.method().clone();
            let spare = request.try_clone();
            let replayable = spare.is_some();
            let attempt = self.attempt(request, &spare, permit, header.as_ref(), state);
            let (kind, failure) = match attempt.await {
                Attempt::Received(received) => {
                    self.connections.budget.succeeded(state.attempts > 1);
                    return Ok(received);
                }
                Attempt::Error(error) => return Err(error),
                Attempt::Resend(next) => {
                    request = next;
                    continue;
                }
                Attempt::Failed(kind, failure) => (kind, failure),
            };
            state.ambiguous |= !matches!(kind, FailureKind::Unsent | FailureKind::Permanent);
            let backoff = state.pauses.get_or_insert_with(|| self.retry.pauses()).next();
            let mut decision = self.retry.decide(&FailedAttempt {
                method: &method,
                kind,
                replayable,
                attempt: state.attempts,
                elapsed: state.begun.elapsed(),
                remaining: state.remaining(),
                backoff: backoff.unwrap_or(self.retry.max_backoff),
            });
            if matches!(decision, Decision::Again(_)) && !self.connections.budget.take() {
                decision = Decision::Stop(StopReason::Budget);
            }
            match (decision, spare) {
                (Decision::Again(pause), Some(spare)) => {
                    state.telemetry.retries(state.sent, kind, pause);
                    // Drops the response before the pause, to free its connection.
                    drop(failure);
                    sleep(pause).await;
                    request = spare;
                }
                (decision, _) => {
                    let stop =
                        if let Decision::Stop(stop) = decision { stop } else { StopReason::NotReplayable };
                    state.telemetry.stops(state.sent, kind, stop);
                    let error = self.error(failure, header.as_ref(), state).await;
                    let error = stop.note(kind).into_iter().fold(error, Error::with_note);
                    return Err(if stop == StopReason::Attempts { error.gave_up() } else { error });
                }
            }
        }
    }

    /// Sends `request` once, and reads the response if its status is 2xx.
    async fn attempt(
        &self,
        mut request: Request,
        spare: &Option<Request>,
        permit: Permit,
        header: Option<&AuthHeader>,
        state: &mut CallState,
    ) -> Attempt {
        let url = request.url().clone();
        let method = request.method().clone();
        let secret = AuthHeader::secret_of(header);
        *request.timeout_mut() = Some(state.remaining());
        state.sent += 1;
        let (begun, sent) = (Instant::now(), SystemTime::now());
        let response = match self.connections.transport.execute(request, state.operation).await {
            Ok(response) => response,
            Err(error) => {
                state.telemetry.failed(state.sent, &error, begun.elapsed());
                let exchange = FailedExchange {
                    url: Some(&url),
                    route: Some(&self.connections.route),
                    took: Some(begun.elapsed()),
                };
                state.attempts += 1;
                return failed_attempt(error, exchange, state);
            }
        };
        self.connections.clock.learn(response.headers(), sent, SystemTime::now());
        let status = response.status();
        state.telemetry.answered(state.sent, status, begun.elapsed());
        if status == StatusCode::UNAUTHORIZED
            && header.is_some_and(|header| self.authorization.refused(header))
            && !state.renewed
            && let Some(spare) = spare.as_ref().and_then(Request::try_clone)
        {
            state.renewed = true;
            state.telemetry.resends(state.sent, "the token was refused");
            return Attempt::Resend(spare);
        }
        if status.is_redirection() {
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let step = redirect::step(&method, &url, status, location, state.hops);
            let note = match (step, spare.as_ref().and_then(Request::try_clone)) {
                (Step::Follow(target), Some(mut next)) => {
                    state.hops += 1;
                    state.telemetry.resends(state.sent, "the server redirects");
                    *next.url_mut() = target;
                    return Attempt::Resend(next);
                }
                (Step::Follow(_), None) => {
                    "the server redirects, but the body can't be sent again".to_owned()
                }
                (Step::Refuse(note), _) => note,
            };
            self.connections.budget.succeeded(state.attempts > 1);
            let error = match self.secret_responses {
                Some(responses) => (responses.refusal)(status, &[]),
                None => Error::redirected(status, response.headers(), note),
            };
            return Attempt::Error(error.sent(state.attempts()));
        }
        state.attempts += 1;
        if RETRYABLE_STATUSES.contains(&status.as_u16()) {
            let retry_after = retry_after(response.headers(), SystemTime::now());
            let kind = FailureKind::Status { status: status.as_u16(), retry_after };
            return Attempt::Failed(kind, Failure::Response(response));
        }
        if !status.is_success() {
            let error = self.error(Failure::Response(response), header, state).await;
            self.connections.budget.succeeded(state.attempts > 1);
            return Attempt::Error(error);
        }
        let (headers, body) = match self.secret_responses {
            Some(responses) => Body::receive_secret(response, responses.max_body).await,
            None => Body::receive(response, permit, secret).await,
        };
        match body {
            // A GET can be sent again. A change was applied, even if its response was cut off.
            Body::Broken(error) if method == Method::GET || self.secret_responses.is_some() => {
                let exchange = FailedExchange { url: Some(&url), ..FailedExchange::default() };
                let error = error.into();
                state.telemetry.failed(state.sent, &error, begun.elapsed());
                failed_attempt(error, exchange, state)
            }
            body => {
                let (attempts, authorization) = (state.attempts(), header.cloned());
                Attempt::Received(Received { status, headers, body, attempts, authorization })
            }
        }
    }

    /// Returns the error of a call that ends with this failure.
    async fn error(&self, failure: Failure, header: Option<&AuthHeader>, state: &CallState) -> Error {
        match failure {
            Failure::Response(response) => {
                let secret = AuthHeader::secret_of(header);
                refusal(response, secret, self.secret_responses).await.sent(state.attempts())
            }
            Failure::Error(error) => state.error(error),
        }
    }
}

/// Returns the result of an attempt without a response, or with one that was cut off.
fn failed_attempt(error: BoxError, exchange: FailedExchange<'_>, state: &mut CallState) -> Attempt {
    if error.is::<FollowedRedirect>() {
        // A server has responded.
        state.ambiguous = true;
        return Attempt::Error(state.error(Error::configuration("http_client", &error.to_string())));
    }
    Attempt::Failed(FailureKind::of(&error), Failure::Error(Error::no_response(error, exchange)))
}

/// Sets `Content-Length: 0` on a POST, PUT or PATCH without a body. The HTTP client doesn't, and some proxies
/// require it (411).
fn declare_length(request: &mut Request) {
    let empty = request.body().is_none_or(|body| body.as_bytes().is_some_and(<[u8]>::is_empty));
    if empty && [Method::POST, Method::PUT, Method::PATCH].contains(request.method()) {
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
}
