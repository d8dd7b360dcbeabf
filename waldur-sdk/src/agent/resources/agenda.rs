//! What a loop that goes by events has to do, and when.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;
use waldur_api_client::Error;

use super::resource::{AgentResource, mode_of};
use crate::agent::ledger::Backoff;
use crate::events::ResourceEvent;
use crate::pause::later;

/// How long an event waits. A burst of events for a resource is one, and the change can be read by then.
const SETTLE: Duration = Duration::from_millis(500);
/// How often a resource is processed again because it doesn't show what its event says.
const LOOKS: u32 = 3;
/// The pause before the first of these. Each further one is twice as long.
const LOOK: Duration = Duration::from_secs(1);

/// What has to be processed, and when.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    resources: BTreeMap<Uuid, Instant>,
    /// What the last event of a resource says, and how often it was looked for without success.
    told: BTreeMap<Uuid, (ResourceEvent, u32)>,
    /// How often a resource could not be read in a row.
    unread: BTreeMap<Uuid, u32>,
    /// When a round is due.
    round: Option<Instant>,
}

/// Something that is due.
#[derive(Debug, PartialEq)]
pub(super) enum Work {
    Round,
    Resources(Vec<Uuid>),
}

impl Agenda {
    pub(super) fn plan(&mut self, resource: Uuid, pause: Duration) {
        let at = later(pause);
        let planned = self.resources.entry(resource).or_insert(at);
        *planned = at.min(*planned);
    }

    pub(super) fn plan_round(&mut self, pause: Duration) {
        let at = later(pause);
        self.round = Some(self.round.map_or(at, |planned| planned.min(at)));
    }

    /// Plans a round soon: further events may come.
    pub(super) fn settle_round(&mut self) {
        self.plan_round(SETTLE);
    }

    /// Notes an event of a resource.
    pub(super) fn tell(&mut self, event: ResourceEvent) {
        self.plan(event.resource_uuid, SETTLE);
        self.told.insert(event.resource_uuid, (event, 0));
    }

    /// Notes that a resource was processed. It is planned again if it doesn't show what its event says.
    pub(super) fn seen(&mut self, resource: &AgentResource) {
        self.unread.remove(&resource.uuid);
        match self.told.get(&resource.uuid) {
            Some((event, _)) if !is_shown(event, resource) => _ = self.look_again(resource.uuid),
            _ => _ = self.told.remove(&resource.uuid),
        }
    }

    /// Notes that a resource could not be read, and plans it again.
    pub(super) fn unreadable(&mut self, resource: Uuid, error: &Error, backoff: Backoff) {
        if error.is_not_found() || error.is_forbidden() {
            // The event may have come before the resource can be read. Otherwise it was removed, or isn't the
            // caller's.
            if !self.look_again(resource) {
                tracing::warn!(resource = %resource.simple(), %error, "a resource is left to the next round");
            }
            return;
        }
        let failures = self.unread.entry(resource).or_default();
        *failures = failures.saturating_add(1);
        let pause = backoff.pause(*failures).max(error.retry_after().unwrap_or_default());
        self.plan(resource, pause.max(LOOK));
    }

    /// Plans another look at a resource for its event. Returns whether there is one: there may have been
    /// enough.
    fn look_again(&mut self, resource: Uuid) -> bool {
        let looks = match self.told.get_mut(&resource) {
            Some((_, looks)) if *looks < LOOKS => looks,
            _ => {
                self.told.remove(&resource);
                return false;
            }
        };
        let pause = LOOK * 2_u32.pow(*looks);
        *looks += 1;
        self.plan(resource, pause);
        true
    }

    /// Forgets what is known of resources that aren't planned.
    pub(super) fn forget_others(&mut self) {
        let Self { resources, told, unread, .. } = self;
        told.retain(|resource, _| resources.contains_key(resource));
        unread.retain(|resource, _| resources.contains_key(resource));
    }

    /// Returns when something is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.resources.values().copied().chain(self.round).min()
    }

    /// Takes what is due: a round, or else all resources at once.
    pub(super) fn take(&mut self) -> Option<Work> {
        let now = Instant::now();
        if self.round.is_some_and(|at| at <= now) {
            self.round = None;
            // A round has them all; those that have to wait are planned after it again.
            self.resources.clear();
            return Some(Work::Round);
        }
        let due: Vec<Uuid> =
            self.resources.iter().filter(|(_, at)| **at <= now).map(|(resource, _)| *resource).collect();
        self.resources.retain(|_, at| *at > now);
        (!due.is_empty()).then_some(Work::Resources(due))
    }
}

/// Returns whether the resource shows what its event says. The event may have come before the change can be
/// read.
fn is_shown(event: &ResourceEvent, resource: &AgentResource) -> bool {
    let mode = mode_of(event.paused, event.downscaled);
    let restricted = event.restrict_member_access;
    mode.is_none_or(|mode| resource.mode == Some(mode))
        && restricted.is_none_or(|restricted| resource.members_restricted == Some(restricted))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::time::{advance, sleep_until};
    use waldur_api_client::ErrorKind;

    use super::*;
    use crate::events::{Event, EventKind};

    const RESOURCE: Uuid = Uuid::from_u128(1);
    const BACKOFF: Backoff = Backoff { first: Duration::from_secs(10), longest: Duration::from_secs(60) };

    fn agenda_told_of_a_pause() -> Agenda {
        let body = json!({ "resource_uuid": RESOURCE, "paused": true, "downscaled": false });
        let event = Event::read(body.to_string().as_bytes(), Some(&EventKind::Resource));
        let Event::Resource(event) = event else { panic!("{event:?}") };
        let mut agenda = Agenda::default();
        agenda.tell(event);
        agenda
    }

    /// Lets `times` attempts end like this, and returns the pauses before them in seconds.
    async fn pauses(agenda: &mut Agenda, times: usize, mut end: impl FnMut(&mut Agenda)) -> Vec<f64> {
        let mut pauses = Vec::new();
        for _ in 0..times {
            let Some(next) = agenda.next() else { break };
            let begun = Instant::now();
            sleep_until(next).await;
            pauses.push((begun.elapsed().as_secs_f64() * 10.0).round() / 10.0);
            assert_eq!(agenda.take(), Some(Work::Resources(vec![RESOURCE])));
            end(agenda);
            agenda.forget_others();
        }
        pauses
    }

    #[tokio::test(start_paused = true)]
    async fn the_pauses_of_an_unreadable_resource_grow() {
        let mut agenda = agenda_told_of_a_pause();
        let error = Error::new(ErrorKind::UnexpectedResponse, "no usable `state`");
        let unreadable = |agenda: &mut Agenda| agenda.unreadable(RESOURCE, &error, BACKOFF);
        assert_eq!(pauses(&mut agenda, 6, unreadable).await, [0.5, 10.0, 20.0, 40.0, 60.0, 60.0]);
        // A round that shows it ends the series.
        advance(BACKOFF.longest).await;
        agenda.plan_round(Duration::ZERO);
        assert_eq!(agenda.take(), Some(Work::Round));
        agenda.forget_others();
        agenda.plan(RESOURCE, Duration::ZERO);
        assert_eq!(pauses(&mut agenda, 2, unreadable).await, [0.0, 10.0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_resource_that_is_not_there_is_looked_for_a_few_times() {
        for kind in [ErrorKind::NotFound, ErrorKind::Forbidden] {
            let mut agenda = agenda_told_of_a_pause();
            let error = Error::new(kind, "");
            let unreadable = |agenda: &mut Agenda| agenda.unreadable(RESOURCE, &error, BACKOFF);
            assert_eq!(pauses(&mut agenda, 9, unreadable).await, [0.5, 1.0, 2.0, 4.0]);
            assert_eq!(agenda.next(), None);
        }
    }
}
