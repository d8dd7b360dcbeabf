//! Messages on their way: from publishers into queues, to consumers, and back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::fault::{BrokerFault, Occasion};
use super::frame::Frame;
use super::node::{AckMode, Address, Command, Connection, InHand, Node, Subscription};
use super::queue::{Arguments, Content, DEAD_LETTERS, Message};

/// A message that a fault holds back.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) queue: Address,
    content: Arc<Content>,
    due: Instant,
    /// Whether the next message of the queue frees it.
    until_next: bool,
}

/// The longest time for which [`BrokerFault::Reorder`] waits for another message.
const REORDER: Duration = Duration::from_millis(100);

/// The fate of a message that was sent to a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Accepted,
    /// The queue is full. A publisher gets no receipt.
    Refused,
    /// There is no such queue. A publisher gets a receipt nevertheless.
    Unroutable,
}

/// What becomes of a message that a consumer has in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Acknowledged,
    /// It goes back to its place and is delivered again at once.
    Requeued,
    /// It goes to the dead letters.
    Rejected,
}

/// A reason why a message can't be settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsettled {
    /// The connection has no such subscription.
    NoSubscription,
    /// The connection doesn't have the message in hand. This ends the connection.
    NotInHand,
}

/// A reason why a subscription is refused. All of them end the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CantSubscribe;

impl Node {
    /// Publishes a message of the server, unless a fault prevents it.
    pub(crate) fn publish(
        &mut self,
        object_type: &str,
        queue: &Address,
        content: Content,
        now: DateTime<Utc>,
    ) {
        let content = Arc::new(content);
        let fault = self.faults.choose(Occasion::Message, object_type, &queue.1);
        let after = match fault {
            Some(BrokerFault::Drop) => {
                self.counts.published += 1;
                self.counts.lost += 1;
                return;
            }
            Some(BrokerFault::Reorder) => return self.hold(queue, content, REORDER, true),
            Some(BrokerFault::Delay(time)) => return self.hold(queue, content, time, false),
            Some(BrokerFault::Duplicate) => {
                self.send(queue, Arc::clone(&content), now);
                None
            }
            Some(BrokerFault::Stall) => {
                self.stall(queue);
                None
            }
            Some(BrokerFault::Cancel) => {
                self.cancel(queue);
                None
            }
            Some(BrokerFault::DeleteUser) => {
                if let Some(owner) = self.queues.get(queue).and_then(|queue| queue.owner.clone()) {
                    self.delete_user(&owner, now);
                }
                None
            }
            Some(BrokerFault::DeleteQueue) => {
                self.delete_queue(queue);
                None
            }
            other => other,
        };
        if after == Some(BrokerFault::Expire) {
            self.counts.published += 1;
            self.counts.lost += 1;
            self.expire(queue);
        } else {
            self.send(queue, content, now);
        }
        if after == Some(BrokerFault::Restart) {
            self.restart(now);
        }
        self.release(now, |held| held.until_next && held.queue == *queue);
    }

    fn hold(&mut self, queue: &Address, content: Arc<Content>, time: Duration, until_next: bool) {
        self.held.push(Held { queue: queue.clone(), content, due: Instant::now() + time, until_next });
    }

    /// Returns when the next message is due that a fault holds back.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.held.iter().map(|held| held.due).min()
    }

    /// Publishes the messages that are due.
    pub(crate) fn release_due(&mut self, now: DateTime<Utc>) {
        let time = Instant::now();
        self.release(now, |held| held.due <= time);
    }

    fn release(&mut self, now: DateTime<Utc>, is_due: impl Fn(&Held) -> bool) {
        let (due, held) = std::mem::take(&mut self.held).into_iter().partition(is_due);
        self.held = held;
        for Held { queue, content, .. } in due {
            self.send(&queue, content, now);
        }
    }

    /// Puts a message into a queue and delivers it if a consumer is free.
    pub(crate) fn send(&mut self, address: &Address, content: Arc<Content>, now: DateTime<Utc>) -> Sent {
        self.counts.published += 1;
        self.expire_front(address, now);
        let Some(queue) = self.queues.get_mut(address) else {
            self.counts.lost += 1;
            return Sent::Unroutable;
        };
        if let Err(message) = queue.push(content, now) {
            self.dead_letter(address, message, "maxlen", now);
            return Sent::Refused;
        }
        self.deliver(address, now);
        Sent::Accepted
    }

    /// Delivers what a queue has to its consumers, in turn.
    pub(crate) fn deliver(&mut self, address: &Address, now: DateTime<Utc>) {
        loop {
            self.expire_front(address, now);
            let Some(queue) = self.queues.get_mut(address) else { return };
            let connections = &mut self.connections;
            let free = queue.consumers.iter().position(|(connection, id)| {
                let connection = connections.get(connection);
                let subscription = connection.and_then(|connection| connection.subscriptions.get(id));
                subscription.is_some_and(Subscription::has_room)
            });
            let Some(message) = free.and_then(|_| queue.pop()) else { break };
            let Some((number, id)) = free.and_then(|at| queue.consumers.remove(at)) else { break };
            queue.consumers.push_back((number, id.clone()));
            if let Some(connection) = connections.get_mut(&number) {
                self.counts.delivered += 1;
                if !connection.hand(&id, address, message) {
                    self.counts.acknowledged += 1;
                }
            }
        }
    }

    fn expire_front(&mut self, address: &Address, now: DateTime<Utc>) {
        let expired = self.queues.get_mut(address).map(|queue| queue.expired(now));
        for message in expired.into_iter().flatten() {
            self.dead_letter(address, message, "expired", now);
        }
    }

    /// Drops a message, or moves it to the queue of dead letters if the virtual host has one.
    fn dead_letter(&mut self, from: &Address, message: Message, reason: &str, now: DateTime<Utc>) {
        let to = (from.0.clone(), DEAD_LETTERS.to_owned());
        self.counts.lost += 1;
        if *from == to {
            return;
        }
        if let Some(queue) = self.queues.get_mut(&to) {
            let mut content = Content::clone(&message.content);
            content.headers.retain(|(name, _)| name != "expiration");
            for (name, value) in [("x-first-death-reason", reason), ("x-first-death-queue", from.1.as_str())]
            {
                content.headers.push((name.to_owned(), value.to_owned()));
            }
            // A queue without arguments is never full.
            let _ = queue.push(Arc::new(content), now);
            self.deliver(&to, now);
        }
    }

    /// Expires all messages of a queue that no consumer has in hand.
    pub(crate) fn expire(&mut self, queue: &Address) {
        if let Some(row) = self.queues.get_mut(queue) {
            self.counts.lost += row.drain().len();
        }
    }

    /// Adds a consumer. Nothing is delivered before [`Node::deliver`].
    pub(crate) fn subscribe(
        &mut self,
        number: u64,
        id: &str,
        queue: &str,
        declares: Option<Arguments>,
        (mode, prefetch): (AckMode, Option<usize>),
    ) -> Result<Address, CantSubscribe> {
        let vhost = self.vhost_of(number).ok_or(CantSubscribe)?;
        let address = (vhost.to_owned(), queue.to_owned());
        if let Some(arguments) = declares {
            self.declare(&address, arguments, None).map_err(|_| CantSubscribe)?;
        }
        let queue = self.queues.get_mut(&address).ok_or(CantSubscribe)?;
        let connection = self.connections.get_mut(&number).ok_or(CantSubscribe)?;
        if connection.subscriptions.contains_key(id) {
            return Err(CantSubscribe);
        }
        let subscription = Subscription { queue: address.clone(), mode, prefetch, in_hand: 0 };
        connection.subscriptions.insert(id.to_owned(), subscription);
        queue.consumers.push_back((number, id.to_owned()));
        Ok(address)
    }

    /// Removes a consumer; what it has in hand stays there. Returns whether it existed.
    pub(crate) fn unsubscribe(&mut self, number: u64, id: &str) -> bool {
        let connection = self.connections.get_mut(&number);
        let Some(subscription) = connection.and_then(|one| one.subscriptions.remove(id)) else {
            return false;
        };
        if let Some(queue) = self.queues.get_mut(&subscription.queue) {
            queue.consumers.retain(|consumer| *consumer != (number, id.to_owned()));
        }
        true
    }

    /// Takes messages out of a consumer's hands. Returns the queues that may have something to deliver now.
    pub(crate) fn settle(
        &mut self,
        number: u64,
        delivery: &Delivery<'_>,
        verdict: Verdict,
        now: DateTime<Utc>,
    ) -> Result<Vec<Address>, Unsettled> {
        let connection = self.connections.get_mut(&number).ok_or(Unsettled::NotInHand)?;
        if !connection.subscriptions.contains_key(delivery.subscription) {
            return Err(Unsettled::NoSubscription);
        }
        let tag = delivery.tag;
        let mode = connection.in_hand.get(&tag).ok_or(Unsettled::NotInHand)?.mode;
        let tags: Vec<u64> = match mode {
            AckMode::Cumulative => connection.in_hand.range(..=tag).map(|(tag, _)| *tag).collect(),
            AckMode::Individual | AckMode::Auto => vec![tag],
        };
        let settled: Vec<InHand> = tags.iter().filter_map(|tag| connection.in_hand.remove(tag)).collect();
        for one in &settled {
            if let Some(subscription) = connection.subscriptions.get_mut(&one.subscription) {
                subscription.in_hand -= 1;
            }
        }
        let mut touched = Vec::new();
        for InHand { queue, message, .. } in settled {
            match verdict {
                Verdict::Acknowledged => self.counts.acknowledged += 1,
                Verdict::Rejected => self.dead_letter(&queue, message, "rejected", now),
                Verdict::Requeued => match self.queues.get_mut(&queue) {
                    Some(row) => row.put_back(message),
                    None => self.counts.lost += 1,
                },
            }
            if !touched.contains(&queue) {
                touched.push(queue);
            }
        }
        Ok(touched)
    }
}

impl Subscription {
    fn has_room(&self) -> bool {
        self.prefetch.is_none_or(|most| self.in_hand < most)
    }
}

impl Connection {
    /// Sends a message to a consumer. Returns whether the consumer has it in hand until it acknowledges.
    fn hand(&mut self, id: &str, queue: &Address, message: Message) -> bool {
        let Some(subscription) = self.subscriptions.get_mut(id) else { return false };
        let mode = subscription.mode;
        self.delivered += 1;
        let tag = self.delivered;
        self.send_message(id, queue, &message, mode, tag);
        if mode == AckMode::Auto {
            return false;
        }
        if let Some(subscription) = self.subscriptions.get_mut(id) {
            subscription.in_hand += 1;
        }
        let in_hand = InHand { subscription: id.to_owned(), queue: queue.clone(), message, mode };
        self.in_hand.insert(tag, in_hand);
        true
    }

    fn send_message(&self, id: &str, queue: &Address, message: &Message, mode: AckMode, tag: u64) {
        let name = format!("T_{id}@@{}@@{tag}", self.session);
        // The destination isn't the one that the client subscribed to.
        let mut frame = Frame::new("MESSAGE")
            .with("subscription", id)
            .with("destination", format!("/queue/{}", queue.1))
            .with("message-id", name.clone())
            .with("redelivered", message.redelivered.to_string());
        if mode != AckMode::Auto {
            frame = frame.with("ack", name);
        }
        for (name, value) in &message.content.headers {
            frame = frame.with(name, value.clone());
        }
        self.send(Command::Send(frame.with_body(message.content.body.clone())));
    }
}

/// What the value of an `ack` header names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delivery<'a> {
    subscription: &'a str,
    tag: u64,
}

impl<'a> Delivery<'a> {
    pub(super) fn parse(id: &'a str) -> Option<Self> {
        let (rest, tag) = id.rsplit_once("@@")?;
        let (subscription, _session) = rest.strip_prefix("T_")?.rsplit_once("@@")?;
        Some(Self { subscription, tag: tag.parse().ok()? })
    }
}
