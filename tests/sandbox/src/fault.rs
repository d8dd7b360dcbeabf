//! Misbehaviour on demand.

use std::str::FromStr;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::answer::{Answer, Ending};

/// Where the page of [`Fault::PortalRedirect`] is.
pub(crate) const PORTAL: &str = "/portal/";

/// A way to misbehave, once for each request that it strikes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// This status instead of the answer; the request is not applied. 500, 502, 503 and 504 come with a page
    /// for people, others with `{"detail": …}`.
    Status(u16),
    /// This status instead of the answer, as [`Fault::Status`], but the request is applied: a proxy lost its
    /// server while it waited.
    StatusAfter(u16),
    /// A page with status 200, such as a login or a portal in front of the server shows to all; the request
    /// is not applied.
    Portal,
    /// A redirect with this status to such a page on the same server; the request is not applied.
    PortalRedirect(u16),
    /// 411, as some proxies answer to POST, PUT and PATCH without a `Content-Length`; the request is not
    /// applied. Other requests are not struck.
    LengthRequired,
    /// The page of an unknown route, as a server answers that doesn't have the operation; it is not applied.
    NoSuchOperation,
    /// A status with a `Retry-After` header of this many seconds.
    RetryAfter(u16, u64),
    /// The connection closes without an answer; the request is not applied.
    ResetBefore,
    /// The request is applied; then the connection closes without an answer.
    ResetAfter,
    /// The request is applied and answered, but the answer has no body.
    EmptyBody,
    /// The request is applied and answered, but later.
    Delay(Duration),
    /// The request is applied; the connection closes in the middle of the answer's body.
    Truncated,
    /// The request is applied; half of the answer's body comes, then nothing, and the connection stays.
    Stalled,
    /// The request is applied and answered, but as another media type than it is.
    MediaType(String),
    /// The request is applied; objects of the answer have a property that no schema knows.
    ExtraFields,
    /// The request is applied; objects of the answer lack these properties, or half of all if none is named.
    MissingFields(Vec<String>),
    /// The request is applied; these properties are null, or all but `uuid` and `url` if none is named.
    NullFields(Vec<String>),
    /// The request is applied; these properties are "", or all but `uuid` and `url` if none is named.
    BlankFields(Vec<String>),
    /// The request is applied; these properties have a text that nobody knows, or `state` and `type` if none
    /// is named.
    UnknownValues(Vec<String>),
    /// A list is answered as if its first so many items had gone since the page before.
    VanishedItems(usize),
    /// The request is answered as by a server of late 2024, without younger properties.
    OlderServer,
    /// The request is applied and answered; so long after the answer, the connection closes. What the client
    /// sends on it by then is not applied.
    CloseAfter(Duration),
    /// The sandbox's clock is set when the request arrives, which is applied and answered then.
    Clock(DateTime<Utc>),
}

impl Fault {
    /// One of most kinds that pass, for [`Misbehaviour::any_of`]: those that hang for long or do nothing to
    /// single answers are among them, those of proxies and portals in front of the server aren't.
    pub fn each() -> Vec<Self> {
        vec![
            Self::Status(500),
            Self::Status(502),
            Self::Status(503),
            Self::Status(504),
            Self::Status(429),
            Self::RetryAfter(429, 1),
            Self::RetryAfter(503, 1),
            Self::ResetBefore,
            Self::ResetAfter,
            Self::EmptyBody,
            Self::Delay(Duration::from_millis(50)),
            Self::Truncated,
            Self::Stalled,
            Self::MediaType("text/html".to_owned()),
            Self::ExtraFields,
            Self::MissingFields(Vec::new()),
            Self::NullFields(Vec::new()),
            Self::BlankFields(Vec::new()),
            Self::UnknownValues(Vec::new()),
            Self::VanishedItems(1),
            Self::OlderServer,
        ]
    }

    /// What to answer instead of applying the request; `None` when it is applied, or never answered.
    pub(crate) fn instead(&self) -> Option<Answer> {
        match self {
            Self::Status(status) => Some(status_answer(*status)),
            Self::Portal => Some(Answer::page(StatusCode::OK)),
            Self::PortalRedirect(status) => Some(Answer::redirect(*status, PORTAL)),
            Self::LengthRequired => Some(Answer::page(StatusCode::LENGTH_REQUIRED)),
            Self::NoSuchOperation => Some(Answer::page(StatusCode::NOT_FOUND)),
            Self::RetryAfter(status, seconds) => Some(
                status_answer(*status)
                    .with_text(HeaderName::from_static("retry-after"), &seconds.to_string()),
            ),
            _ => None,
        }
    }

    /// What becomes of the answer to a request that was applied; `None` is a connection that closes.
    pub(crate) fn distort(&self, mut answer: Answer) -> Option<Answer> {
        let change = |answer: &mut Answer, change: &dyn Fn(&mut Map<String, Value>)| match answer.body_mut() {
            Some(Value::Object(map)) => change(map),
            Some(Value::Array(items)) => {
                items.iter_mut().filter_map(Value::as_object_mut).for_each(change);
            }
            _ => {}
        };
        match self {
            Self::ResetAfter => return None,
            Self::StatusAfter(status) => return Some(status_answer(*status)),
            Self::EmptyBody => return Some(answer.without_body()),
            Self::Truncated => return Some(answer.ending(Ending::Close)),
            Self::Stalled => return Some(answer.ending(Ending::Stall)),
            Self::MediaType(kind) => {
                if let Ok(kind) = HeaderValue::from_str(kind) {
                    return Some(answer.with(header::CONTENT_TYPE, kind));
                }
            }
            Self::ExtraFields => change(&mut answer, &|map| {
                map.insert("from_the_future".to_owned(), json!({ "nested": [1, "two", null] }));
            }),
            Self::MissingFields(names) if names.is_empty() => change(&mut answer, &|map| {
                let mut number = 0;
                map.retain(|_, _| {
                    number += 1;
                    number % 2 == 0
                });
            }),
            Self::MissingFields(names) => {
                change(&mut answer, &|map| map.retain(|name, _| !names.contains(name)))
            }
            Self::NullFields(names) => change(&mut answer, &|map| set(map, names, &Value::Null)),
            Self::BlankFields(names) => change(&mut answer, &|map| set(map, names, &"".into())),
            Self::UnknownValues(names) => change(&mut answer, &|map| {
                let usual = ["state".to_owned(), "type".to_owned()];
                let names = if names.is_empty() { &usual[..] } else { names };
                for (_, value) in map.iter_mut().filter(|(name, _)| names.contains(name)) {
                    *value = "Unheard of".into();
                }
            }),
            _ => {}
        }
        Some(answer)
    }
}

fn set(map: &mut Map<String, Value>, names: &[String], to: &Value) {
    for (name, value) in map.iter_mut() {
        let chosen = if names.is_empty() { name != "uuid" && name != "url" } else { names.contains(name) };
        if chosen {
            *value = to.clone();
        }
    }
}

fn status_answer(status: u16) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match status.as_u16() {
        411 | 500.. => Answer::page(status),
        429 => Answer::detail(status, "Request was throttled."),
        401 => Answer::unauthorized("Invalid token."),
        _ => Answer::detail(status, status.canonical_reason().unwrap_or("Refused.")),
    }
}

/// A fault, and which requests it strikes: all, unless told.
///
/// ```
/// use waldur_sandbox::{Fault, Misbehaviour};
///
/// // The first two approvals are applied, but nobody hears of it; one in ten of all requests is too many.
/// let lost = Misbehaviour::new(Fault::ResetAfter).operation("marketplace_orders_approve_by_provider").times(2);
/// let throttled = Misbehaviour::new(Fault::RetryAfter(429, 1)).chance(0.1);
/// # let _ = (lost, throttled);
/// ```
///
/// As a text, such as the program's `--faults` takes them, it is `FAULT[@OPERATION or path
/// end][*TIMES][%PERCENT]`: `503`, `429:3%10` (with `Retry-After: 3`, one in ten),
/// `reset-after@marketplace_orders_approve_by_provider*2`, `delay:250` (milliseconds),
/// `missing:uuid+state@/marketplace-orders/`. The faults are a status, `no-operation`, `reset-before`,
/// `reset-after`, `empty`, `delay:MS`, `truncated`, `stalled`, `media-type:TYPE`, `extra`, `missing[:NAMES]`,
/// `null[:NAMES]`, `blank[:NAMES]`, `unknown[:NAMES]`, `vanished:COUNT`, `older`, `after:STATUS`,
/// `portal[:STATUS]`, `length-required`, `close:MICROSECONDS` and `clock:SECONDS` (since 1970).
#[derive(Clone, Debug, PartialEq)]
pub struct Misbehaviour {
    faults: Vec<Fault>,
    method: Option<String>,
    path_end: Option<String>,
    operation: Option<String>,
    after: usize,
    times: Option<usize>,
    chance: f64,
    lasting: Option<Duration>,
    since: Option<Instant>,
}

impl Misbehaviour {
    /// Strikes every request.
    pub fn new(fault: Fault) -> Self {
        Self::any_of([fault])
    }

    /// Strikes every request with one of several faults, by the dice. None at all never strikes.
    pub fn any_of(faults: impl IntoIterator<Item = Fault>) -> Self {
        let faults = faults.into_iter().collect();
        Self {
            faults,
            method: None,
            path_end: None,
            operation: None,
            after: 0,
            times: None,
            chance: 1.0,
            lasting: None,
            since: None,
        }
    }

    /// Only requests with this method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_ascii_uppercase());
        self
    }

    /// Only requests whose path ends like this.
    #[must_use]
    pub fn path_end(mut self, end: &str) -> Self {
        self.path_end = Some(end.to_owned());
        self
    }

    /// Only requests of this operation of the schema, such as `marketplace_orders_list`.
    #[must_use]
    pub fn operation(mut self, id: &str) -> Self {
        self.operation = Some(id.to_owned());
        self
    }

    /// Not the first so many of those that it would strike.
    #[must_use]
    pub fn after(mut self, count: usize) -> Self {
        self.after = count;
        self
    }

    /// At most so many times.
    #[must_use]
    pub fn times(mut self, count: usize) -> Self {
        self.times = Some(count);
        self
    }

    /// For so long, from the first request that it strikes: a database that is gone for three seconds is
    /// `Misbehaviour::new(Fault::Status(500)).lasting(Duration::from_secs(3))`.
    #[must_use]
    pub fn lasting(mut self, time: Duration) -> Self {
        self.lasting = Some(time);
        self
    }

    /// With this probability, from 0 to 1, by the dice of the sandbox: the same seed and the same requests
    /// one after another give the same strikes.
    #[must_use]
    pub fn chance(mut self, chance: f64) -> Self {
        self.chance = chance;
        self
    }

    fn is_over(&self) -> bool {
        self.lasting.zip(self.since).is_some_and(|(time, since)| since.elapsed() >= time)
    }

    fn is_for(&self, method: &Method, path: &str, operation: Option<&str>) -> bool {
        self.method.as_ref().is_none_or(|known| known == method.as_str())
            && self.path_end.as_ref().is_none_or(|end| path.ends_with(end.as_str()))
            && self.operation.as_ref().is_none_or(|id| operation == Some(id.as_str()))
    }
}

/// A text that is no [`Misbehaviour`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is no fault: {why}")]
pub struct FaultError {
    text: String,
    why: &'static str,
}

impl FromStr for Misbehaviour {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let error = |why| FaultError { text: text.to_owned(), why };
        let (rest, chance) = match text.split_once('%') {
            Some((rest, percent)) => (rest, Some(percent)),
            None => (text, None),
        };
        let (rest, times) = match rest.rsplit_once('*') {
            Some((rest, times)) => (rest, Some(times)),
            None => (rest, None),
        };
        let (fault, target) = match rest.split_once('@') {
            Some((fault, target)) => (fault, Some(target)),
            None => (rest, None),
        };
        let mut all = Self::new(parse_fault(fault).map_err(error)?);
        match target {
            Some(end) if end.contains('/') => all.path_end = Some(end.to_owned()),
            Some(id) => all.operation = Some(id.to_owned()),
            None => {}
        }
        if let Some(times) = times {
            all.times = Some(times.parse().map_err(|_| error("how often is no number"))?);
        }
        if let Some(percent) = chance {
            let percent: f64 = percent.parse().map_err(|_| error("the percentage is no number"))?;
            all.chance = percent / 100.0;
        }
        Ok(all)
    }
}

fn parse_fault(text: &str) -> Result<Fault, &'static str> {
    let (name, value) = text.split_once(':').map_or((text, None), |(name, value)| (name, Some(value)));
    let number = || value.unwrap_or_default().parse::<u64>().map_err(|_| "a number has to follow the colon");
    let names = || {
        let names = value.unwrap_or_default().split('+').filter(|name| !name.is_empty());
        names.map(str::to_owned).collect()
    };
    Ok(match name {
        "no-operation" => Fault::NoSuchOperation,
        "reset-before" => Fault::ResetBefore,
        "reset-after" => Fault::ResetAfter,
        "empty" => Fault::EmptyBody,
        "delay" => Fault::Delay(Duration::from_millis(number()?)),
        "truncated" => Fault::Truncated,
        "stalled" => Fault::Stalled,
        "media-type" => Fault::MediaType(value.unwrap_or("text/html").to_owned()),
        "extra" => Fault::ExtraFields,
        "missing" => Fault::MissingFields(names()),
        "null" => Fault::NullFields(names()),
        "blank" => Fault::BlankFields(names()),
        "unknown" => Fault::UnknownValues(names()),
        "vanished" => Fault::VanishedItems(usize::try_from(number()?).unwrap_or(usize::MAX)),
        "older" => Fault::OlderServer,
        "after" => Fault::StatusAfter(u16::try_from(number()?).map_err(|_| "no such status")?),
        "portal" if value.is_none() => Fault::Portal,
        "portal" => Fault::PortalRedirect(u16::try_from(number()?).map_err(|_| "no such status")?),
        "length-required" => Fault::LengthRequired,
        "close" => Fault::CloseAfter(Duration::from_micros(number()?)),
        "clock" => {
            let seconds = i64::try_from(number()?).ok();
            Fault::Clock(
                seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0)).ok_or("no such time")?,
            )
        }
        status => {
            let status: u16 = status.parse().map_err(|_| "nothing is called so")?;
            if StatusCode::from_u16(status).is_err() {
                return Err("no such status");
            }
            if value.is_some() { Fault::RetryAfter(status, number()?) } else { Fault::Status(status) }
        }
    })
}

/// What waits for requests to strike, and the dice.
#[derive(Debug)]
pub(crate) struct Faults {
    waiting: Vec<Misbehaviour>,
    dice: u64,
}

impl Faults {
    pub(crate) fn new(waiting: Vec<Misbehaviour>, seed: u64) -> Self {
        Self { waiting, dice: seed }
    }

    pub(crate) fn add(&mut self, misbehaviour: Misbehaviour) {
        self.waiting.push(misbehaviour);
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// A number from 0 to 1, by splitmix64.
    fn roll(&mut self) -> f64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.dice;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The fault that strikes this request, the one set first if there are several.
    pub(crate) fn strike(
        &mut self,
        method: &Method,
        path: &str,
        operation: Option<&str>,
        has_length: bool,
    ) -> Option<Fault> {
        self.waiting.retain(|one| !one.is_over());
        // The portal isn't the API, which alone misbehaves.
        if path == PORTAL {
            return None;
        }
        let has_length = has_length || !matches!(*method, Method::POST | Method::PUT | Method::PATCH);
        for at in 0..self.waiting.len() {
            let chance = match self.waiting.get_mut(at) {
                Some(one) if one.times != Some(0) && one.is_for(method, path, operation) => {
                    if one.after > 0 {
                        one.after -= 1;
                        continue;
                    }
                    one.chance
                }
                _ => continue,
            };
            if chance < 1.0 && self.roll() >= chance {
                continue;
            }
            let several = self.waiting.get(at).map_or(0, |one| one.faults.len());
            // Only dice that decide something are thrown.
            let chosen = if several > 1 { (self.roll() * several as f64) as usize } else { 0 };
            let one = self.waiting.get_mut(at)?;
            let Some(fault) = one.faults.get(chosen).cloned() else { continue };
            if fault == Fault::LengthRequired && has_length {
                continue;
            }
            one.since = one.since.or_else(|| Some(Instant::now()));
            one.times = one.times.map(|times| times - 1);
            self.waiting.retain(|one| one.times != Some(0));
            return Some(fault);
        }
        None
    }
}
