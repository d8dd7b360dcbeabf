//! Hours of simulated time, in which the process of a loop is replaced at random points.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, advance, pause, resume};
use waldur_sandbox::{Fault, Misbehaviour, Sandbox};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// A clock that moves on by a minute after each round, and processes that don't live long.
#[derive(Debug)]
pub(crate) struct Hours {
    begun: Instant,
    begun_really: std::time::Instant,
    /// The state of the random numbers, which are the same in every run; none if nothing is disturbed.
    dice: Option<u64>,
    /// How often a process is polled at most before it is killed.
    life: usize,
    pub(crate) restarts: usize,
}

impl Hours {
    pub(crate) fn new(dice: Option<u64>, life: usize) -> Self {
        let begun_really = std::time::Instant::now();
        Self { begun: Instant::now(), begun_really, dice: dice.map(|seed| seed + 1), life, restarts: 0 }
    }

    pub(crate) fn is_disturbed(&self) -> bool {
        self.dice.is_some()
    }

    /// Returns the minutes that have passed.
    pub(crate) fn minute(&self) -> u64 {
        self.begun.elapsed().as_secs() / 60
    }

    fn roll(&mut self) -> Option<usize> {
        let dice = self.dice.as_mut()?;
        *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(*dice >> 33).ok()
    }

    /// Lets one process work. After each of its rounds the clock moves on by a minute. Returns when it has
    /// reached `minute`, or somewhere in the work if the process is killed.
    pub(crate) async fn live(
        &mut self,
        work: impl Future<Output = ()>,
        rounds: &mut UnboundedReceiver<()>,
        minute: u64,
    ) {
        let mut left = self.roll().map_or(usize::MAX, |roll| 1 + roll % self.life);
        let mut work = pin!(work);
        while self.minute() < minute {
            assert!(self.begun_really.elapsed() < Duration::from_secs(120), "minute {}", self.minute());
            let round = poll_fn(|context| {
                if left == 0 {
                    return Poll::Ready(None);
                }
                left -= 1;
                assert!(work.as_mut().poll(context).is_pending(), "the loop has ended");
                rounds.poll_recv(context)
            });
            if round.await.is_none() {
                self.restarts += 1;
                return;
            }
            pause();
            advance(MINUTE).await;
            resume();
        }
    }
}

/// Disturbs one request in five. Faults that make a request wait are left out: they take real time.
pub(crate) fn disturb(sandbox: &Sandbox) {
    let status = [500, 502, 503, 504, 429].map(Fault::Status);
    let others = [
        Fault::StatusAfter(502),
        Fault::ResetBefore,
        Fault::ResetAfter,
        Fault::EmptyBody,
        Fault::Truncated,
        Fault::MediaType("text/html".to_owned()),
        Fault::Portal,
        Fault::ExtraFields,
        Fault::MissingFields(Vec::new()),
        Fault::NullFields(Vec::new()),
        Fault::BlankFields(Vec::new()),
        Fault::UnknownValues(Vec::new()),
    ];
    sandbox.misbehave(Misbehaviour::any_of(status.into_iter().chain(others)).chance(0.2));
}
