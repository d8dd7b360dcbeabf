//! Faults of the broker, and the messages and logins that they affect.

use std::time::Duration;

use crate::dice::Dice;

/// A kind of misbehaviour of the broker, for one message that the server publishes to one queue, for one
/// login, or for one change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BrokerFault {
    /// Loses the message.
    Drop,
    /// Publishes the message twice, with the same `x-message-id`.
    Duplicate,
    /// Publishes the message after the next one of its queue, at the latest after 100 ms.
    Reorder,
    /// Publishes the message this much later.
    Delay(Duration),
    /// Stalls the connections that consume the queue, before the message reaches it: they stay open, but no
    /// byte is sent or read any longer. The broker ends their sessions when their heartbeats are missing.
    Stall,
    /// Cancels the subscriptions to the queue, before the message reaches it.
    Cancel,
    /// Publishes the message, then restarts the broker: all connections are cut.
    Restart,
    /// Expires all messages of the queue that no consumer has in hand, and this one.
    Expire,
    /// Deletes the queue; the message is lost.
    DeleteQueue,
    /// Deletes the user that the queue was made for, then publishes the message.
    DeleteUser,
    /// Refuses the login, as if the password were wrong.
    RefuseLogin,
    /// Publishes all messages about a change this much before requests can read the change. The response to
    /// the request that changes is as late.
    LateCommit(Duration),
}

/// The occasions on which faults are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    Message,
    Login,
    Change,
}

impl BrokerFault {
    /// Returns one fault of each kind, for [`BrokerMisbehaviour::any_of`].
    pub fn each() -> Vec<Self> {
        vec![
            Self::Drop,
            Self::Duplicate,
            Self::Reorder,
            Self::Delay(Duration::from_millis(50)),
            Self::Stall,
            Self::Cancel,
            Self::Restart,
            Self::Expire,
            Self::DeleteQueue,
            Self::DeleteUser,
            Self::RefuseLogin,
            Self::LateCommit(Duration::from_millis(50)),
        ]
    }

    fn occasion(&self) -> Occasion {
        match self {
            Self::RefuseLogin => Occasion::Login,
            Self::LateCommit(_) => Occasion::Change,
            _ => Occasion::Message,
        }
    }
}

/// A fault of the broker, and the messages, logins or changes that it affects: all by default.
///
/// ```
/// use waldur_sandbox::{BrokerFault, BrokerMisbehaviour};
///
/// // The first message about an order is lost. Each twentieth message suffers some fault.
/// let lost = BrokerMisbehaviour::new(BrokerFault::Drop).object_type("order").times(1);
/// let any = BrokerMisbehaviour::any_of(BrokerFault::each()).chance(0.05);
/// # let _ = (lost, any);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerMisbehaviour {
    faults: Vec<BrokerFault>,
    object_type: Option<String>,
    queue: Option<String>,
    after: usize,
    times: Option<usize>,
    chance: f64,
}

impl BrokerMisbehaviour {
    /// Affects every message, login or change.
    pub fn new(fault: BrokerFault) -> Self {
        Self::any_of([fault])
    }

    /// Affects every message, login and change with one of several faults, chosen at random. Without any
    /// fault nothing is affected.
    pub fn any_of(faults: impl IntoIterator<Item = BrokerFault>) -> Self {
        Self {
            faults: faults.into_iter().collect(),
            object_type: None,
            queue: None,
            after: 0,
            times: None,
            chance: 1.0,
        }
    }

    /// Affects only messages about this type of object, such as `order`, and changes that publish them.
    #[must_use]
    pub fn object_type(mut self, name: &str) -> Self {
        self.object_type = Some(name.to_owned());
        self
    }

    /// Affects only messages to queues whose name contains this text.
    #[must_use]
    pub fn queue(mut self, part: &str) -> Self {
        self.queue = Some(part.to_owned());
        self
    }

    /// Skips the first `count` that it would affect.
    #[must_use]
    pub fn after(mut self, count: usize) -> Self {
        self.after = count;
        self
    }

    /// Affects at most `count`.
    #[must_use]
    pub fn times(mut self, count: usize) -> Self {
        self.times = Some(count);
        self
    }

    /// Affects with this probability, from 0 to 1. The same seed and the same sequence of messages, logins
    /// and changes give the same result.
    #[must_use]
    pub fn chance(mut self, chance: f64) -> Self {
        self.chance = chance;
        self
    }

    fn is_for(&self, object_type: &str, queue: &str) -> bool {
        self.object_type.as_ref().is_none_or(|wanted| wanted == object_type)
            && self.queue.as_ref().is_none_or(|part| queue.contains(part.as_str()))
    }
}

/// The active misbehaviour of the broker, and the random numbers.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    waiting: Vec<BrokerMisbehaviour>,
    dice: Dice,
}

impl Faults {
    pub(crate) fn seed(&mut self, seed: u64) {
        self.dice = Dice::new(seed);
    }

    pub(crate) fn add(&mut self, misbehaviour: BrokerMisbehaviour) {
        self.waiting.push(misbehaviour);
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Returns whether a change may become readable later than its events.
    pub(crate) fn can_delay_commits(&self) -> bool {
        let mut faults = self.waiting.iter().flat_map(|one| &one.faults);
        faults.any(|fault| matches!(fault, BrokerFault::LateCommit(_)))
    }

    /// Returns the fault for a message, a login or a change; of several, the one added first.
    pub(crate) fn choose(
        &mut self,
        occasion: Occasion,
        object_type: &str,
        queue: &str,
    ) -> Option<BrokerFault> {
        for one in &mut self.waiting {
            let mut fitting: Vec<&BrokerFault> =
                one.faults.iter().filter(|fault| fault.occasion() == occasion).collect();
            if fitting.is_empty() || one.times == Some(0) || !one.is_for(object_type, queue) {
                continue;
            }
            if one.after > 0 {
                one.after -= 1;
                continue;
            }
            if one.chance < 1.0 && self.dice.roll() >= one.chance {
                continue;
            }
            let chosen = fitting.swap_remove(self.dice.index(fitting.len())).clone();
            one.times = one.times.map(|times| times - 1);
            return Some(chosen);
        }
        None
    }
}
