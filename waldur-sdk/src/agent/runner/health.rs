//! The health of an agent, for a probe.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::activity::{LoopKind, LoopName};

/// How an [`Agent`](super::Agent) is. Serializes for a health endpoint, and displays as one line for a log,
/// such as `live` or `stalled: orders stalled since 2026-11-26T20:00:00Z`.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct AgentHealth {
    /// When the agent was built.
    pub since: DateTime<Utc>,
    /// Whether it is being stopped.
    pub is_stopping: bool,
    /// The loops that are switched on.
    pub loops: Vec<LoopHealth>,
    /// Why the agent can't register itself, if it can't.
    pub registration_error: Option<String>,
    /// The subscription to events, if there is one.
    #[cfg(feature = "events")]
    pub events: Option<EventsHealth>,
}

impl AgentHealth {
    /// Returns whether the process is alive: no loop is [stalled](LoopHealth::is_stalled). A server or a back
    /// end that fails doesn't count; starting the process again wouldn't help.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !self.loops.iter().any(|one| one.is_stalled)
    }
}

/// Writes whether the agent is [live](Self::is_live), and what needs attention: loops that are stalled, have
/// ended early or fail, a registration that fails, and missing events.
impl fmt::Display for AgentHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_live() { "live" } else { "stalled" })?;
        if self.is_stopping {
            f.write_str(", stopping")?;
        }
        // Loops end when the agent is being stopped.
        let loops = self.loops.iter().filter(|one| !self.is_stopping || one.state != LoopState::Ended);
        let mut problems: Vec<String> = loops.filter_map(LoopHealth::problem).collect();
        if let Some(error) = &self.registration_error {
            problems.push(format!("not registered: {}", one_line(error)));
        }
        #[cfg(feature = "events")]
        problems.extend(self.events.as_ref().and_then(EventsHealth::problem));
        if problems.is_empty() { Ok(()) } else { write!(f, ": {}", problems.join("; ")) }
    }
}

/// How a loop is.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct LoopHealth {
    /// The loop.
    pub kind: LoopKind,
    /// Its offerings.
    pub offerings: Vec<Uuid>,
    /// What it does now.
    pub state: LoopState,
    /// Whether it has shown no sign of life for longer than
    /// [`stalled_after`](super::AgentBuilder::stalled_after), though it had something to do.
    pub is_stalled: bool,
    /// When the last round began.
    pub round_begun: Option<DateTime<Utc>>,
    /// When the last round ended.
    pub round_ended: Option<DateTime<Utc>>,
    /// The last sign of life: a round or an item.
    pub last_activity: Option<DateTime<Utc>>,
    /// When a round ended without a problem.
    pub last_success: Option<DateTime<Utc>>,
    /// The last failure. It stays after the next success.
    pub last_error: Option<LoopError>,
    /// How often it has begun again after a panic.
    pub restarts: u64,
    /// What it has done since the agent was built.
    pub counts: LoopCounts,
}

impl LoopHealth {
    /// Describes what needs attention, such as `orders stalled since …` or `usage failed at …: …`.
    fn problem(&self) -> Option<String> {
        let mut problems = Vec::new();
        if let Some(last) = self.last_activity.filter(|_| self.is_stalled) {
            problems.push(format!("stalled since {}", timestamp(last)));
        }
        if let Some(last) = self.last_activity.filter(|_| self.state == LoopState::Ended) {
            problems.push(format!("ended at {}", timestamp(last)));
        }
        let is_new = |error: &&LoopError| self.last_success.is_none_or(|success| success < error.at);
        if let Some(LoopError { at, message }) = self.last_error.as_ref().filter(is_new) {
            problems.push(format!("failed at {}: {}", timestamp(*at), one_line(message)));
        }
        let name = LoopName { kind: self.kind, offerings: &self.offerings };
        (!problems.is_empty()).then(|| format!("{name} {}", problems.join(", ")))
    }
}

/// Returns a time as text, in seconds.
fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Returns the text on one line.
fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// What a loop does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LoopState {
    /// It has not begun.
    NotBegun,
    /// A round is under way, or limits for a period are being applied.
    InRound,
    /// It waits for the next round, or for events.
    Waiting,
    /// It panicked and begins again after a pause.
    Panicked,
    /// It has ended.
    Ended,
}

/// The last failure of a loop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LoopError {
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What happened.
    pub message: String,
}

/// What a loop has done. An object counts each time that the loop takes it up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LoopCounts {
    /// The rounds that have ended.
    pub rounds: u64,
    /// What was applied.
    pub applied: u64,
    /// What was in the requested state already.
    pub unchanged: u64,
    /// What was not begun, or left to somebody else.
    pub skipped: u64,
    /// What the server refused.
    pub refused: u64,
    /// What failed.
    pub failed: u64,
}

/// How the subscription to events is.
#[cfg(feature = "events")]
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct EventsHealth {
    /// Since when all offerings are subscribed; none while one is not. The loops do rounds then.
    pub connected_since: Option<DateTime<Utc>>,
    /// When the broker sent something last.
    pub last_heard: Option<DateTime<Utc>>,
    /// When an event arrived last.
    pub last_event: Option<DateTime<Utc>>,
    /// Why a connection or a registration failed last. It stays after the next success.
    pub last_error: Option<String>,
    /// How many connections were lost.
    pub disconnections: u64,
}

#[cfg(feature = "events")]
impl EventsHealth {
    /// Describes what needs attention: that not all offerings are subscribed.
    fn problem(&self) -> Option<String> {
        let reason = self.last_error.as_deref().map(|error| format!(": {}", one_line(error)));
        match self.connected_since {
            Some(_) => None,
            None => Some(format!("no events{}", reason.unwrap_or_default())),
        }
    }
}

#[cfg(feature = "events")]
impl From<&crate::events::EventsStatus> for EventsHealth {
    fn from(status: &crate::events::EventsStatus) -> Self {
        Self {
            connected_since: status.connected_since,
            last_heard: status.last_heard,
            last_event: status.last_event,
            last_error: status.last_error.as_ref().map(ToString::to_string),
            disconnections: status.disconnections,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: u32) -> DateTime<Utc> {
        format!("2026-11-26T20:{minute:02}:00.5Z").parse().unwrap()
    }

    fn health() -> AgentHealth {
        let one = |kind, offerings: &[u128]| LoopHealth {
            kind,
            offerings: offerings.iter().map(|offering| Uuid::from_u128(*offering)).collect(),
            state: LoopState::Waiting,
            is_stalled: false,
            round_begun: Some(at(1)),
            round_ended: Some(at(2)),
            last_activity: Some(at(2)),
            last_success: Some(at(2)),
            last_error: None,
            restarts: 0,
            counts: LoopCounts::default(),
        };
        AgentHealth {
            since: at(0),
            is_stopping: false,
            loops: vec![one(LoopKind::Orders, &[1, 2]), one(LoopKind::Membership, &[2])],
            registration_error: None,
            #[cfg(feature = "events")]
            events: None,
        }
    }

    #[test]
    fn the_health_is_one_line_that_names_what_is_stalled_and_since_when() {
        assert_eq!(health().to_string(), "live");
        let mut stalled = health();
        stalled.loops[1].is_stalled = true;
        stalled.registration_error = Some("no such\n  offering".to_owned());
        assert_eq!(
            stalled.to_string(),
            "stalled: membership of offering 00000000000000000000000000000002 stalled since \
             2026-11-26T20:02:00Z; not registered: no such offering"
        );
    }

    #[test]
    fn a_loop_fails_until_its_next_success() {
        let mut failing = health();
        failing.loops[0].last_error = Some(LoopError { at: at(3), message: "panicked: a\nb".to_owned() });
        assert_eq!(failing.to_string(), "live: orders failed at 2026-11-26T20:03:00Z: panicked: a b");
        failing.loops[0].last_success = Some(at(4));
        assert_eq!(failing.to_string(), "live");
    }

    #[test]
    fn an_ended_loop_needs_attention_unless_the_agent_is_being_stopped() {
        let mut ended = health();
        ended.loops[0].state = LoopState::Ended;
        assert_eq!(ended.to_string(), "live: orders ended at 2026-11-26T20:02:00Z");
        ended.is_stopping = true;
        assert_eq!(ended.to_string(), "live, stopping");
    }

    #[cfg(feature = "events")]
    #[test]
    fn missing_events_are_named_with_the_reason() {
        let mut health = health();
        health.events = Some(EventsHealth {
            connected_since: None,
            last_heard: None,
            last_event: None,
            last_error: Some("refused".to_owned()),
            disconnections: 0,
        });
        assert_eq!(health.to_string(), "live: no events: refused");
    }
}
