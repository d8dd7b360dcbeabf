//! Selection of the requests that faults affect.

use std::time::{Duration, Instant};

use http::Method;

use crate::dice::Dice;
use crate::server::fault::{Fault, PORTAL};

/// A fault and the requests that it affects: all by default.
///
/// ```
/// use waldur_sandbox::{Fault, Misbehaviour};
///
/// // The first two approvals are applied, but their responses are lost. One request in ten is throttled.
/// let approve = "marketplace_orders_approve_by_provider";
/// let lost = Misbehaviour::new(Fault::ResetAfter).operation(approve).times(2);
/// let throttled = Misbehaviour::new(Fault::RetryAfter(429, 1)).chance(0.1);
/// # let _ = (lost, throttled);
/// ```
///
/// Parses from `FAULT[@OPERATION or path end][*TIMES][%PERCENT]`, as the program's `--faults` takes it:
/// `503`, `429:3%10` (with `Retry-After: 3`, one in ten),
/// `reset-after@marketplace_orders_approve_by_provider*2`, `delay:250` (milliseconds),
/// `missing:uuid+state@/marketplace-orders/`. The faults are a status, `no-operation`, `reset-before`,
/// `reset-after`, `empty`, `delay:MS`, `truncated`, `stalled`, `media-type:TYPE`, `extra`, `missing[:NAMES]`,
/// `null[:NAMES]`, `blank[:NAMES]`, `unknown[:NAMES]`, `vanished:COUNT`, `older`, `after:STATUS`,
/// `portal[:STATUS]`, `length-required`, `close:MICROSECONDS` and `clock:SECONDS` (since 1970).
#[derive(Clone, Debug, PartialEq)]
pub struct Misbehaviour {
    faults: Vec<Fault>,
    method: Option<String>,
    pub(super) path_end: Option<String>,
    pub(super) operation: Option<String>,
    after: usize,
    pub(super) times: Option<usize>,
    pub(super) chance: f64,
    lasting: Option<Duration>,
    since: Option<Instant>,
}

impl Misbehaviour {
    /// Affects every request.
    pub fn new(fault: Fault) -> Self {
        Self::any_of([fault])
    }

    /// Affects every request with one of several faults, chosen at random. Without any fault no request is
    /// affected.
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

    /// Affects only requests with this method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_ascii_uppercase());
        self
    }

    /// Affects only requests whose path ends with `end`.
    #[must_use]
    pub fn path_end(mut self, end: &str) -> Self {
        self.path_end = Some(end.to_owned());
        self
    }

    /// Affects only requests of this operation of the schema, such as `marketplace_orders_list`.
    #[must_use]
    pub fn operation(mut self, id: &str) -> Self {
        self.operation = Some(id.to_owned());
        self
    }

    /// Skips the first `count` requests that it would affect.
    #[must_use]
    pub fn after(mut self, count: usize) -> Self {
        self.after = count;
        self
    }

    /// Affects at most `count` requests.
    #[must_use]
    pub fn times(mut self, count: usize) -> Self {
        self.times = Some(count);
        self
    }

    /// Limits the misbehaviour to this time, counted from the first affected request. A database that is gone
    /// for three seconds is `Misbehaviour::new(Fault::Status(500)).lasting(Duration::from_secs(3))`.
    #[must_use]
    pub fn lasting(mut self, time: Duration) -> Self {
        self.lasting = Some(time);
        self
    }

    /// Affects requests with this probability, from 0 to 1. The same seed and the same sequence of requests
    /// give the same result.
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

/// The active misbehaviour, and the random numbers.
#[derive(Debug)]
pub(crate) struct Faults {
    waiting: Vec<Misbehaviour>,
    dice: Dice,
}

impl Faults {
    pub(crate) fn new(waiting: Vec<Misbehaviour>, seed: u64) -> Self {
        Self { waiting, dice: Dice::new(seed) }
    }

    pub(crate) fn add(&mut self, misbehaviour: Misbehaviour) {
        self.waiting.push(misbehaviour);
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Returns the fault that affects this request; of several, the one added first.
    pub(crate) fn choose(
        &mut self,
        method: &Method,
        path: &str,
        operation: Option<&str>,
        has_length: bool,
    ) -> Option<Fault> {
        self.waiting.retain(|one| !one.is_over());
        // The portal's page is outside of the API and never affected.
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
            if chance < 1.0 && self.dice.roll() >= chance {
                continue;
            }
            let several = self.waiting.get(at).map_or(0, |one| one.faults.len());
            let chosen = self.dice.index(several);
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
