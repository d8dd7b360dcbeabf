//! The health of an agent, for a probe.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::activity::LoopKind;

/// How an [`Agent`](super::Agent) is. Serializes for a health endpoint.
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
