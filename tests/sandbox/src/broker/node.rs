//! The broker's node: users, virtual hosts, queues and connections.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use tokio::sync::mpsc::UnboundedSender;

use super::delivery::Held;
use super::fault::{Faults, Occasion};
use super::frame::Frame;
use super::queue::{Arguments, Consumer, DEAD_LETTERS, Message, Queue};

/// A user, with all rights on one virtual host.
#[derive(Debug)]
struct User {
    password: String,
    vhost: String,
}

/// A virtual host and the name of a queue in it.
pub(crate) type Address = (String, String);

/// What a connection is to do.
#[derive(Debug)]
pub(crate) enum Command {
    Send(Frame),
    /// Sends a close frame with this code and reason, then ends.
    Close(u16, &'static str),
    /// Ends without a close frame.
    Cut,
    /// Sends and reads nothing from now on.
    Stall,
    /// Sends and reads again.
    Resume,
}

impl Command {
    /// The end of a connection that the broker finds fault with.
    pub(crate) const DIED: Self = Self::Close(1000, "STOMP died");
}

/// How a consumer acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AckMode {
    /// A message counts as acknowledged when it is sent.
    Auto,
    /// Acknowledging a message acknowledges all before.
    Cumulative,
    Individual,
}

#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) queue: Address,
    pub(super) mode: AckMode,
    /// The maximum number of messages in hand.
    pub(super) prefetch: Option<usize>,
    pub(super) in_hand: usize,
}

/// A message that a consumer has in hand.
#[derive(Debug)]
pub(super) struct InHand {
    pub(super) subscription: String,
    pub(super) queue: Address,
    pub(super) message: Message,
    pub(super) mode: AckMode,
}

/// A connection with a user.
#[derive(Debug)]
pub(super) struct Connection {
    user: String,
    vhost: String,
    pub(super) session: String,
    commands: UnboundedSender<Command>,
    pub(super) subscriptions: BTreeMap<String, Subscription>,
    pub(super) in_hand: BTreeMap<u64, InHand>,
    pub(super) delivered: u64,
}

impl Connection {
    pub(super) fn send(&self, command: Command) {
        // The connection may have ended by itself.
        let _ = self.commands.send(command);
    }
}

/// The number of messages and logins since the start, and of connections now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokerCounts {
    /// Messages that the server or a client sent to a queue, those that were lost included.
    pub published: usize,
    /// Messages sent to consumers, repeated ones included.
    pub delivered: usize,
    /// Messages acknowledged by consumers, or sent to consumers that don't acknowledge.
    pub acknowledged: usize,
    /// Messages that no consumer will get: dropped, refused by a full queue, expired, rejected, or deleted
    /// with their queue.
    pub lost: usize,
    /// Accepted logins.
    pub logins: usize,
    /// Refused logins.
    pub refused: usize,
    /// Open connections with a user.
    pub connections: usize,
}

/// A reason why a login is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    User,
    Vhost,
}

/// A refusal of a declaration: the queue exists with other arguments, or the virtual host doesn't exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CantDeclare;

#[derive(Debug, Default)]
pub(crate) struct Node {
    users: BTreeMap<String, User>,
    vhosts: BTreeSet<String>,
    pub(super) queues: BTreeMap<Address, Queue>,
    pub(super) connections: BTreeMap<u64, Connection>,
    pub(super) held: Vec<Held>,
    pub(super) counts: BrokerCounts,
    pub(crate) faults: Faults,
    pub(crate) is_stopped: bool,
    made: u64,
}

impl Node {
    pub(crate) fn counts(&self) -> BrokerCounts {
        BrokerCounts { connections: self.connections.len(), ..self.counts }
    }

    /// Adds a user with all rights on a virtual host, which is made if it is missing. A known user gets the
    /// password.
    pub(crate) fn add_user(&mut self, name: &str, password: &str, vhost: &str) {
        self.vhosts.insert(vhost.to_owned());
        self.users.insert(name.to_owned(), User { password: password.to_owned(), vhost: vhost.to_owned() });
    }

    /// Returns whether a user exists and has rights on the virtual host.
    pub(crate) fn has_user(&self, name: &str, vhost: &str) -> bool {
        self.vhosts.contains(vhost) && self.users.get(name).is_some_and(|user| user.vhost == vhost)
    }

    /// Changes a password. Open connections stay. Returns whether the user exists.
    pub(crate) fn set_password(&mut self, name: &str, password: &str) -> bool {
        let user = self.users.get_mut(name);
        user.map(|user| password.clone_into(&mut user.password)).is_some()
    }

    /// Deletes a user, whose connections die. Returns whether the user existed.
    pub(crate) fn delete_user(&mut self, name: &str, now: DateTime<Utc>) -> bool {
        let existed = self.users.remove(name).is_some();
        self.end_connections(now, |connection| (connection.user == name).then_some(Command::DIED));
        existed
    }

    /// Deletes a virtual host with its queues; connections to it die.
    pub(crate) fn delete_vhost(&mut self, vhost: &str, now: DateTime<Utc>) {
        let queues: Vec<Address> = self.queues.keys().filter(|(host, _)| host == vhost).cloned().collect();
        for queue in queues {
            self.delete_queue(&queue);
        }
        self.vhosts.remove(vhost);
        self.end_connections(now, |connection| (connection.vhost == vhost).then_some(Command::DIED));
    }

    /// Makes a queue, unless it exists with the same arguments.
    pub(crate) fn declare(
        &mut self,
        queue: &Address,
        arguments: Arguments,
        owner: Option<&str>,
    ) -> Result<(), CantDeclare> {
        if !self.vhosts.contains(&queue.0) {
            return Err(CantDeclare);
        }
        match self.queues.get_mut(queue) {
            Some(known) if known.arguments != arguments => Err(CantDeclare),
            Some(known) => {
                if let Some(owner) = owner {
                    known.owner = Some(owner.to_owned());
                }
                Ok(())
            }
            None => {
                self.queues.insert(queue.clone(), Queue::new(arguments, owner.map(str::to_owned)));
                Ok(())
            }
        }
    }

    /// Makes the queue that takes the dead letters of a virtual host.
    pub(crate) fn keep_dead_letters(&mut self, vhost: &str) {
        self.vhosts.insert(vhost.to_owned());
        let queue = (vhost.to_owned(), DEAD_LETTERS.to_owned());
        self.queues.entry(queue).or_insert_with(|| Queue::new(Arguments::None, None));
    }

    /// Deletes a queue with its messages and cancels its subscriptions. Returns whether it existed.
    pub(crate) fn delete_queue(&mut self, queue: &Address) -> bool {
        self.cancel(queue);
        let deleted = self.queues.remove(queue);
        let held = self.held.len();
        self.held.retain(|held| held.queue != *queue);
        let held = held - self.held.len();
        self.counts.published += held;
        self.counts.lost += held + deleted.as_ref().map_or(0, Queue::depth);
        deleted.is_some()
    }

    /// Cancels all subscriptions to a queue. Their connections stay open.
    pub(crate) fn cancel(&mut self, queue: &Address) {
        let consumers = self.queues.get_mut(queue).map(|queue| std::mem::take(&mut queue.consumers));
        for (connection, id) in consumers.into_iter().flatten() {
            let Some(connection) = self.connections.get_mut(&connection) else { continue };
            connection.subscriptions.remove(&id);
            let what = format!(
                "The server has canceled a subscription.\nNo more messages will be delivered for \"id='{id}'\".\n"
            );
            let cancelled = error("Server cancelled subscription").with("subscription", id);
            connection.send(Command::Send(cancelled.with_body(what)));
        }
    }

    /// Stalls the connections that consume a queue.
    pub(crate) fn stall(&mut self, queue: &Address) {
        let consumers = self.queues.get(queue).into_iter().flat_map(|queue| &queue.consumers);
        for connection in consumers.filter_map(|(connection, _)| self.connections.get(connection)) {
            connection.send(Command::Stall);
        }
    }

    /// Stalls all connections, or resumes them.
    pub(crate) fn stall_all(&mut self, stalled: bool) {
        for connection in self.connections.values() {
            connection.send(if stalled { Command::Stall } else { Command::Resume });
        }
    }

    /// Cuts all connections. Messages in hand are delivered again.
    pub(crate) fn restart(&mut self, now: DateTime<Utc>) {
        self.end_connections(now, |_| Some(Command::Cut));
    }

    /// Opens a connection for a user.
    pub(crate) fn connect(
        &mut self,
        login: &str,
        passcode: &str,
        vhost: &str,
        commands: UnboundedSender<Command>,
    ) -> Result<(u64, String), Refusal> {
        let fault = self.faults.choose(Occasion::Login, "", "");
        let user = self.users.get(login).filter(|user| user.password == passcode);
        let refusal = match user {
            Some(user) if fault.is_none() => {
                (user.vhost != vhost || !self.vhosts.contains(vhost)).then_some(Refusal::Vhost)
            }
            _ => Some(Refusal::User),
        };
        if let Some(refusal) = refusal {
            self.counts.refused += 1;
            return Err(refusal);
        }
        self.counts.logins += 1;
        self.made += 1;
        let session = format!("session-{:022}", self.made);
        self.connections.insert(
            self.made,
            Connection {
                user: login.to_owned(),
                vhost: vhost.to_owned(),
                session: session.clone(),
                commands,
                subscriptions: BTreeMap::new(),
                in_hand: BTreeMap::new(),
                delivered: 0,
            },
        );
        Ok((self.made, session))
    }

    /// Ends the connections that the function returns a command for.
    fn end_connections(&mut self, now: DateTime<Utc>, which: impl Fn(&Connection) -> Option<Command>) {
        let mut ended = Vec::new();
        for (number, connection) in &self.connections {
            if let Some(command) = which(connection) {
                connection.send(command);
                ended.push(*number);
            }
        }
        self.disconnect(&ended, now);
    }

    /// Forgets connections. Messages in hand go back to their places.
    pub(crate) fn disconnect(&mut self, connections: &[u64], now: DateTime<Utc>) {
        let mut touched = BTreeSet::new();
        for connection in connections.iter().filter_map(|number| self.connections.remove(number)) {
            for InHand { queue, message, .. } in connection.in_hand.into_values() {
                match self.queues.get_mut(&queue) {
                    Some(row) => row.put_back(message),
                    None => self.counts.lost += 1,
                }
                touched.insert(queue);
            }
        }
        let is_gone = |(connection, _): &Consumer| connections.contains(connection);
        for queue in self.queues.values_mut() {
            queue.consumers.retain(|consumer| !is_gone(consumer));
        }
        for queue in touched {
            self.deliver(&queue, now);
        }
    }

    pub(super) fn vhost_of(&self, connection: u64) -> Option<&str> {
        self.connections.get(&connection).map(|connection| connection.vhost.as_str())
    }

    /// Returns names, owners and numbers of messages and consumers of all queues.
    pub(crate) fn queues(&self) -> Vec<BrokerQueue> {
        let in_hand = |queue: &Address| {
            let all = self.connections.values().flat_map(|connection| connection.in_hand.values());
            all.filter(|one| one.queue == *queue).count()
        };
        let rows = self.queues.iter().map(|(address, queue)| BrokerQueue {
            vhost: address.0.clone(),
            name: address.1.clone(),
            user: queue.owner.clone(),
            ready: queue.depth(),
            in_hand: in_hand(address),
            consumers: queue.consumers.len(),
        });
        rows.collect()
    }
}

/// A queue of the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokerQueue {
    /// Its virtual host.
    pub vhost: String,
    /// Its name.
    pub name: String,
    /// The user that it was made for.
    pub user: Option<String>,
    /// The number of messages that no consumer has in hand.
    pub ready: usize,
    /// The number of messages that consumers have in hand.
    pub in_hand: usize,
    /// The number of consumers.
    pub consumers: usize,
}

/// Returns an ERROR frame without its body.
pub(super) fn error(message: &str) -> Frame {
    Frame::new("ERROR")
        .with("message", message)
        .with("content-type", "text/plain")
        .with("version", "1.0,1.1,1.2")
}
