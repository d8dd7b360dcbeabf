//! How requests leave: the one seam under all calls.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use backon::ExponentialBackoff;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Body, Method, Request, Response, ResponseBuilderExt as _, StatusCode, Url};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::Instrument as _;
use waldur_api_client::{BoxError, Operation, Sending, Transport};

use crate::clock::ServerClock;
use crate::connection::{Lost, Route};
use crate::credentials::{Authority, Grant};
use crate::error::{Error, ErrorKind, GaveUp, Note};
use crate::flow::{Gate, Place};
use crate::observe::Observed;
use crate::provider::Booking;
use crate::redirect::{self, Step};
use crate::retry::{Budget, Decision, Failed, How, PASSING, RetryPolicy, Stop, retry_after};

/// Whom a request is made for, in place of the token's user.
pub(crate) const IMPERSONATED: HeaderName = HeaderName::from_static("x-impersonated-user-uuid");
/// An answer that is no JSON is read before it is handed over if it is at most this long.
const SHORT: u64 = 1024 * 1024;
/// How much of a page that may be long is looked through before it is handed over.
const BEGINNING: usize = 8 * 1024;
/// How much of an answer other than 2xx is read.
const REFUSAL_READ: usize = 256 * 1024;

/// The longest that a time may be; more could not be added to a clock.
pub(crate) const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// What stands where a token was repeated.
const HIDDEN: &str = "[hidden]";

/// Carries every request of a client: with its credentials, in its turn, again if it may, and watched.
#[derive(Clone)]
pub(crate) struct Seam {
    pub(crate) core: Arc<Core>,
    pub(crate) authority: Arc<Authority>,
    pub(crate) retry: RetryPolicy,
    /// Of a whole call.
    pub(crate) timeout: Duration,
    pub(crate) impersonated: Option<HeaderValue>,
}

/// What clones of a client share whatever else is different.
pub(crate) struct Core {
    pub(crate) http: reqwest::Client,
    pub(crate) gate: Gate,
    pub(crate) budget: Budget,
    pub(crate) clock: ServerClock,
    pub(crate) booking: Booking,
    pub(crate) route: Route,
    /// What every request has.
    pub(crate) headers: HeaderMap,
}

impl fmt::Debug for Seam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seam")
            .field("retry", &self.retry)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl Transport for Seam {
    fn execute(
        &self,
        request: Request,
        operation: &'static Operation,
    ) -> BoxFuture<'_, Result<Response, BoxError>> {
        Box::pin(async move { self.call(request, operation).await.map_err(BoxError::from) })
    }
}

/// How one request ended.
enum Attempt {
    /// The answer to hand over.
    Answer(Response),
    /// Send this instead, at once.
    Resend(Request),
    /// It failed so; this is what is reported if nothing follows.
    Failed(How, Result<Response, Error>),
    /// There is no use in going on.
    Over(Error),
}

/// Where a call stands.
struct Course {
    begun: Instant,
    deadline: Instant,
    /// Requests that were sent.
    sent: u32,
    /// Attempts that count for the retry policy.
    attempts: u32,
    hops: u32,
    renewed: bool,
    /// Whether something may have been applied without a word from the server.
    doubtful: bool,
    pauses: Option<ExponentialBackoff>,
}

impl Course {
    fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    fn sending(&self) -> Sending {
        Sending { attempts: self.sent, elapsed: self.begun.elapsed() }
    }

    fn failure(&self, error: Error) -> Error {
        error.sent(self.sending()).unsent(!self.doubtful)
    }

    async fn in_time<T>(&self, waiting: impl Future<Output = T>, what: &str) -> Result<T, Error> {
        timeout_at(self.deadline, waiting)
            .await
            .map_err(|_| self.failure(Error::new(ErrorKind::Timeout, format!("{what} in time"))))
    }
}

impl Seam {
    /// Sends `request`, as often as it needs and may.
    pub(crate) async fn call(
        &self,
        request: Request,
        operation: &'static Operation,
    ) -> Result<Response, Error> {
        let observed = Observed::begin(&request, operation);
        let timeout = request.timeout().map_or(self.timeout, |own| self.timeout.min(*own)).min(LONGEST);
        let mut course = Course {
            begun: observed.begun(),
            deadline: observed.begun() + timeout,
            sent: 0,
            attempts: 0,
            hops: 0,
            renewed: false,
            doubtful: false,
            pauses: None,
        };
        let span = observed.span();
        let result = self.carry(request, &mut course, &observed).instrument(span).await;
        observed.end(course.sent, &result);
        result
    }

    async fn carry(
        &self,
        mut request: Request,
        course: &mut Course,
        observed: &Observed,
    ) -> Result<Response, Error> {
        for (name, value) in &self.core.headers {
            request.headers_mut().insert(name, value.clone());
        }
        if let Some(user) = &self.impersonated {
            request.headers_mut().insert(IMPERSONATED, user.clone());
        }
        loop {
            let grant = course
                .in_time(self.authority.grant(), "no token")
                .await?
                .map_err(|error| course.failure(error))?;
            let place = course.in_time(self.core.gate.enter(), "no other call ended").await?;
            request.headers_mut().insert(AUTHORIZATION, grant.header.clone());
            let method = request.method().clone();
            let spare = request.try_clone();
            let replayable = spare.is_some();
            let (how, failure) = match self.attempt(request, &spare, place, &grant, course, observed).await {
                Attempt::Answer(mut response) => {
                    self.core.budget.came_through(course.attempts > 1);
                    response.extensions_mut().insert(course.sending());
                    return Ok(response);
                }
                Attempt::Resend(next) => {
                    request = next;
                    continue;
                }
                Attempt::Over(error) => return Err(course.failure(error)),
                Attempt::Failed(how, failure) => (how, failure),
            };
            course.doubtful |= !matches!(how, How::Unsent | How::Final);
            let backoff = course.pauses.get_or_insert_with(|| self.retry.backoff()).next();
            let mut decision = self.retry.decide(&Failed {
                method: &method,
                how,
                replayable,
                attempt: course.attempts,
                elapsed: course.begun.elapsed(),
                remaining: course.remaining(),
                backoff: backoff.unwrap_or(self.retry.longest_pause),
            });
            if matches!(decision, Decision::Again(_)) && !self.core.budget.take() {
                decision = Decision::Stop(Stop::Budget);
            }
            match (decision, spare) {
                (Decision::Again(pause), Some(spare)) => {
                    observed.repeats(course.sent, how, pause);
                    // What is left of an answer goes before the pause, not after it.
                    drop(failure);
                    sleep(pause).await;
                    request = spare;
                }
                (decision, _) => {
                    let stop = if let Decision::Stop(stop) = decision { stop } else { Stop::Gone };
                    observed.stops(course.sent, how, stop);
                    return self.report(failure, how, stop, &grant, course).await;
                }
            }
        }
    }

    /// Sends once, and reads the answer if there is no need to do it elsewhere.
    async fn attempt(
        &self,
        mut request: Request,
        spare: &Option<Request>,
        place: Place,
        grant: &Grant,
        course: &mut Course,
        observed: &Observed,
    ) -> Attempt {
        let url = request.url().clone();
        let method = request.method().clone();
        *request.timeout_mut() = Some(course.remaining());
        course.sent += 1;
        let (begun, sent) = (Instant::now(), SystemTime::now());
        let answer = self.core.http.execute(request).await;
        let response = match answer {
            Ok(response) => response,
            Err(error) => {
                observed.failed(course.sent, &error, begun.elapsed());
                course.attempts += 1;
                let lost =
                    Lost { url: Some(&url), route: Some(&self.core.route), took: Some(begun.elapsed()) };
                return Attempt::Failed(How::of_reqwest(&error), Err(Error::of_lost(error, lost)));
            }
        };
        self.core.clock.learn(response.headers(), sent, SystemTime::now());
        let status = response.status();
        observed.answered(course.sent, status, begun.elapsed());
        if *response.url() != url {
            // Only a client of the user's own can have done that.
            course.doubtful = true;
            let problem = "follows redirects by itself: it has to be built with redirect::Policy::none()";
            return Attempt::Over(Error::configuration("http_client", problem));
        }
        if status == StatusCode::UNAUTHORIZED
            && self.authority.refused(grant)
            && !course.renewed
            && let Some(spare) = spare.as_ref().and_then(Request::try_clone)
        {
            course.renewed = true;
            observed.resends(course.sent, "the token was refused");
            return Attempt::Resend(spare);
        }
        if status.is_redirection() {
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let step = redirect::step(&method, &url, status, location, course.hops);
            let note = match (step, spare.as_ref().and_then(Request::try_clone)) {
                (Step::Follow(target), Some(mut next)) => {
                    course.hops += 1;
                    observed.resends(course.sent, "the server redirects");
                    *next.url_mut() = target;
                    return Attempt::Resend(next);
                }
                (Step::Follow(_), None) => {
                    "the server redirects, but the body can't be sent again".to_owned()
                }
                (Step::Refuse(note), _) => note,
            };
            return Attempt::Answer(noted(refusal(response, grant.secret()).await, note));
        }
        course.attempts += 1;
        if PASSING.contains(&status.as_u16()) {
            let retry_after = retry_after(response.headers(), SystemTime::now());
            return Attempt::Failed(How::Status { status: status.as_u16(), retry_after }, Ok(response));
        }
        if !status.is_success() {
            return Attempt::Answer(refusal(response, grant.secret()).await);
        }
        match receive(response, &url, place, grant.secret()).await {
            Received::Whole(response) => Attempt::Answer(response),
            // What was only read can be read again; what was changed is changed, however its answer ends.
            Received::Broken(_, error) if method == Method::GET => {
                observed.failed(course.sent, &error, begun.elapsed());
                let lost = Lost { url: Some(&url), ..Lost::default() };
                Attempt::Failed(How::Lost, Err(Error::of_lost(error, lost)))
            }
            Received::Broken(parts, error) => {
                let broken = stream::once(std::future::ready(Err::<Bytes, _>(error.without_url())));
                Attempt::Answer(parts.with_body(Body::wrap_stream(broken)))
            }
        }
    }

    /// Hands over the last failure.
    async fn report(
        &self,
        failure: Result<Response, Error>,
        how: How,
        stop: Stop,
        grant: &Grant,
        course: &Course,
    ) -> Result<Response, Error> {
        let note = stop.note(how);
        let gave_up = stop == Stop::Attempts;
        match failure {
            Ok(response) => {
                let mut response = refusal(response, grant.secret()).await;
                response.extensions_mut().insert(course.sending());
                if gave_up {
                    response.extensions_mut().insert(GaveUp);
                }
                Ok(match note {
                    Some(note) => noted(response, note),
                    None => response,
                })
            }
            Err(error) => {
                let error = course.failure(note.into_iter().fold(error, Error::with_note));
                Err(if gave_up { error.gave_up() } else { error })
            }
        }
    }
}

fn noted(mut response: Response, note: impl Into<String>) -> Response {
    response.extensions_mut().insert(Note(note.into()));
    response
}

/// An answer without its body.
struct Parts {
    url: Url,
    parts: http::response::Parts,
}

impl Parts {
    fn of(response: &mut Response, url: &Url) -> Self {
        let (mut parts, ()) = http::Response::new(()).into_parts();
        parts.status = response.status();
        parts.version = response.version();
        parts.headers = std::mem::take(response.headers_mut());
        parts.extensions = std::mem::take(response.extensions_mut());
        Self { url: url.clone(), parts }
    }

    /// Takes the secret out of the headers.
    fn hide(&mut self, secret: &[u8]) {
        for value in self.parts.headers.values_mut() {
            if holds(value.as_bytes(), secret) {
                *value = HeaderValue::from_static(HIDDEN);
            }
        }
    }

    fn with_body(self, body: Body) -> Response {
        let Parts { url, parts } = self;
        let mut built = http::Response::new(body);
        *built.status_mut() = parts.status;
        *built.version_mut() = parts.version;
        *built.headers_mut() = parts.headers;
        *built.extensions_mut() = parts.extensions;
        // The address of a response can be set only in this way.
        if let Ok(addressed) = http::Response::builder().url(url).body(()) {
            built.extensions_mut().extend(addressed.into_parts().0.extensions);
        }
        Response::from(built)
    }
}

enum Received {
    Whole(Response),
    Broken(Parts, reqwest::Error),
}

/// Reads a 2xx answer to its end if it is JSON or short, so that a broken one can be asked for again; any
/// other keeps its place until it is read or dropped.
///
/// A page, which may be an error's body, is handed over without the token, should whoever answers repeat it.
async fn receive(mut response: Response, url: &Url, place: Place, secret: &[u8]) -> Received {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.map(|value| value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    let json = kind.as_deref().is_some_and(|kind| kind == "application/json" || kind.ends_with("+json"));
    let page = kind.is_none_or(|kind| kind.is_empty() || kind.contains("html"));
    let short = response.content_length().is_some_and(|length| length <= SHORT);
    let mut parts = Parts::of(&mut response, url);
    if page {
        parts.hide(secret);
    }
    if !json && !short {
        let beginning = if page { beginning(&mut response, secret).await } else { Vec::new() };
        let body = stream::iter(beginning).chain(response.bytes_stream()).map(move |chunk| {
            let _held = &place;
            chunk
        });
        return Received::Whole(parts.with_body(Body::wrap_stream(body)));
    }
    match response.bytes().await {
        Ok(body) if page && holds(&body, secret) => {
            Received::Whole(parts.with_body(without(body.into(), secret).into()))
        }
        Ok(body) => Received::Whole(parts.with_body(body.into())),
        Err(error) => Received::Broken(parts, error),
    }
}

/// Reads the beginning of a body, as far as it comes, and hands it over without the secret.
async fn beginning(response: &mut Response, secret: &[u8]) -> Vec<reqwest::Result<Bytes>> {
    let mut beginning = Vec::new();
    let mut end = None;
    while beginning.len() < BEGINNING && end.is_none() {
        match response.chunk().await {
            Ok(Some(chunk)) => beginning.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => end = Some(error),
        }
    }
    std::iter::once(Ok(without(beginning, secret).into())).chain(end.map(Err)).collect()
}

/// Reads the beginning of an answer other than 2xx, without the token, should the server or a proxy repeat
/// it.
async fn refusal(mut response: Response, secret: &[u8]) -> Response {
    let url = response.url().clone();
    let mut body = Vec::new();
    while body.len() < REFUSAL_READ {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            // The status is what counts.
            Ok(None) | Err(_) => break,
        }
    }
    let mut parts = Parts::of(&mut response, &url);
    parts.hide(secret);
    parts.with_body(without(body, secret).into())
}

fn holds(text: &[u8], secret: &[u8]) -> bool {
    !secret.is_empty() && text.windows(secret.len()).any(|window| window == secret)
}

/// `text`, with something else where the secret is.
fn without(text: Vec<u8>, secret: &[u8]) -> Vec<u8> {
    if !holds(&text, secret) {
        return text;
    }
    let mut clean = Vec::with_capacity(text.len());
    let mut rest = text.as_slice();
    while let Some(at) = rest.windows(secret.len()).position(|window| window == secret) {
        clean.extend_from_slice(&rest[..at]);
        clean.extend_from_slice(HIDDEN.as_bytes());
        rest = &rest[at + secret.len()..];
    }
    clean.extend_from_slice(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_token_is_hidden() {
        assert_eq!(without(b"a geheim, geheim".to_vec(), b"geheim"), b"a [hidden], [hidden]");
        assert_eq!(without(b"geheimnis".to_vec(), b"geheim"), b"[hidden]nis");
        assert_eq!(without(b"nothing".to_vec(), b"geheim"), b"nothing");
        assert_eq!(without(b"".to_vec(), b"geheim"), b"");
    }

    #[tokio::test]
    async fn an_answer_is_put_together_again() {
        let url = Url::parse("https://w.example.org/api/a/?b=1").unwrap();
        let built = http::Response::builder().status(201).header("x-a", "b").url(url.clone()).body("body");
        let mut response = Response::from(built.unwrap());
        response.extensions_mut().insert(7_u8);
        let again = Parts::of(&mut response, &url).with_body(response.bytes().await.unwrap().into());
        assert_eq!((again.status().as_u16(), again.url()), (201, &url));
        assert_eq!(again.headers()["x-a"], "b");
        assert_eq!(again.extensions().get(), Some(&7_u8));
        assert_eq!(again.text().await.unwrap(), "body");
    }
}
