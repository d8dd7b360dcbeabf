//! Queues and their messages.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

/// The arguments that a queue is declared with. A later declaration with others is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arguments {
    /// None, as a subscription to `/queue/…` declares. Nothing expires, nothing overflows.
    ///
    /// RabbitMQ 3.10 takes some arguments from the headers of a subscription, but not `x-overflow`. So a
    /// subscription can't declare what Waldur declares.
    None,
    /// Those of Waldur: messages live an hour, 10,000 fit, further ones are refused.
    Waldur,
}

impl Arguments {
    fn time_to_live(self) -> Option<TimeDelta> {
        match self {
            Self::None => None,
            Self::Waldur => Some(TimeDelta::hours(1)),
        }
    }

    fn max_length(self) -> Option<usize> {
        match self {
            Self::None => None,
            Self::Waldur => Some(10_000),
        }
    }
}

/// The queue that dead letters go to, if it exists in the virtual host.
pub(crate) const DEAD_LETTERS: &str = "waldur.dlq.messages";

/// What a publisher sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// A message in a queue or in the hands of a consumer.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// Its place in the queue. A message that comes back gets its old place.
    pub(crate) place: u64,
    pub(crate) content: Arc<Content>,
    pub(crate) expires: Option<DateTime<Utc>>,
    pub(crate) redelivered: bool,
}

/// A subscription of a connection.
pub(crate) type Consumer = (u64, String);

#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) arguments: Arguments,
    /// The user that the queue was made for.
    pub(crate) owner: Option<String>,
    ready: BTreeMap<u64, Message>,
    /// The consumers; the first one is next.
    pub(crate) consumers: VecDeque<Consumer>,
    made: u64,
}

impl Queue {
    pub(crate) fn new(arguments: Arguments, owner: Option<String>) -> Self {
        Self { arguments, owner, ready: BTreeMap::new(), consumers: VecDeque::new(), made: 0 }
    }

    /// Returns the number of messages that no consumer has in hand.
    pub(crate) fn depth(&self) -> usize {
        self.ready.len()
    }

    /// Adds a message at the end, or returns it if the queue is full. The shorter of the message's and the
    /// queue's time to live counts.
    pub(crate) fn push(&mut self, content: Arc<Content>, now: DateTime<Utc>) -> Result<(), Message> {
        let own = content.headers.iter().find(|(name, _)| name == "expiration");
        let own = own.and_then(|(_, text)| text.parse().ok()).and_then(TimeDelta::try_milliseconds);
        let lives = [own, self.arguments.time_to_live()].into_iter().flatten().min();
        self.made += 1;
        let message = Message {
            place: self.made,
            content,
            expires: lives.and_then(|time| now.checked_add_signed(time)),
            redelivered: false,
        };
        if self.arguments.max_length().is_some_and(|most| self.ready.len() >= most) {
            return Err(message);
        }
        self.ready.insert(message.place, message);
        Ok(())
    }

    pub(crate) fn pop(&mut self) -> Option<Message> {
        self.ready.pop_first().map(|(_, message)| message)
    }

    /// Puts a message back to its place.
    pub(crate) fn put_back(&mut self, mut message: Message) {
        message.redelivered = true;
        self.ready.insert(message.place, message);
    }

    /// Removes and returns the expired messages at the front. Those behind others expire later.
    pub(crate) fn expired(&mut self, now: DateTime<Utc>) -> Vec<Message> {
        let mut expired = Vec::new();
        while let Some(first) = self.ready.first_entry() {
            if first.get().expires.is_none_or(|time| time > now) {
                break;
            }
            expired.push(first.remove());
        }
        expired
    }

    /// Removes and returns all messages that no consumer has in hand.
    pub(crate) fn drain(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.ready).into_values().collect()
    }
}
