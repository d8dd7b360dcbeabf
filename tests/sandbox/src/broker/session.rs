//! What a client may say, and what the broker responds.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::delivery::{Delivery, Sent, Unsettled, Verdict};
use super::frame::Frame;
use super::node::{AckMode, Command, Refusal, error};
use super::queue::{Arguments, Content};
use super::{Broker, Clock};

/// The intervals of heartbeats, if there are any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Beats {
    pub(super) from_client: Option<Duration>,
    pub(super) from_broker: Option<Duration>,
}

/// The broker's side of a connection. Dropping it puts messages in hand back into their queues.
pub(super) struct Session {
    broker: Broker,
    clock: Clock,
    commands: UnboundedSender<Command>,
    /// The number of the connection, once there is a user.
    number: Option<u64>,
    /// The heartbeats that both sides agreed on.
    pub(super) beats: Beats,
}

impl Session {
    pub(super) fn new(broker: Broker, clock: Clock, commands: UnboundedSender<Command>) -> Self {
        Self { broker, clock, commands, number: None, beats: Beats::default() }
    }

    fn command(&self, command: Command) {
        // The receiver outlives the session.
        let _ = self.commands.send(command);
    }

    fn send(&self, frame: Frame) {
        self.command(Command::Send(frame));
    }

    fn fail(&self, message: &str, body: impl Into<Vec<u8>>) {
        self.send(error(message).with_body(body));
    }

    fn receipt(&self, frame: &Frame) {
        if let Some(id) = frame.get("receipt") {
            self.send(Frame::new("RECEIPT").with("receipt-id", id));
        }
    }

    /// Handles a frame of the client.
    pub(super) fn handle(&mut self, frame: &Frame) {
        let number = match (frame.command.as_str(), self.number) {
            ("CONNECT" | "STOMP", None) => return self.connect(frame),
            ("CONNECT" | "STOMP", Some(_)) => return self.command(Command::Close(1011, "")),
            (_, None) => return self.fail("Illegal command", "You must log in using CONNECT first"),
            (_, Some(number)) => number,
        };
        match frame.command.as_str() {
            "SUBSCRIBE" => self.subscribe(number, frame),
            "UNSUBSCRIBE" => self.unsubscribe(number, frame),
            "ACK" => self.settle(number, frame, Verdict::Acknowledged),
            "NACK" if frame.get("requeue") == Some("false") => self.settle(number, frame, Verdict::Rejected),
            "NACK" => self.settle(number, frame, Verdict::Requeued),
            "SEND" => self.publish(number, frame),
            // There is no receipt for the end.
            "DISCONNECT" => self.command(Command::DIED),
            other => self.fail("Bad command", format!("Could not interpret command \"{other}\"\n")),
        }
    }

    fn connect(&mut self, frame: &Frame) {
        let versions = frame.get("accept-version").unwrap_or("1.0");
        if !versions.split(',').any(|version| version.trim() == "1.2") {
            return self.fail("Version mismatch", "Supported versions are 1.0,1.1,1.2\n");
        }
        let text = |name: &str| frame.get(name).unwrap_or_default();
        let (login, vhost) = (text("login"), text("host"));
        let connected = self.broker.lock().connect(login, text("passcode"), vhost, self.commands.clone());
        match connected {
            Err(Refusal::User) => {
                self.fail("Bad CONNECT", format!("Access refused for user '{login}'\n"));
            }
            Err(Refusal::Vhost) => {
                self.fail("Bad CONNECT", format!("Virtual host '{vhost}' access denied"));
            }
            Ok((number, session)) => {
                self.number = Some(number);
                let offered =
                    frame.get("heart-beat").and_then(|text| text.split_once(',')).unwrap_or(("0", "0"));
                let [from_client, from_broker] =
                    [offered.0, offered.1].map(|text| text.trim().parse::<u64>().unwrap_or_default());
                let interval = |ms: u64| (ms > 0).then(|| Duration::from_millis(ms));
                self.beats = Beats { from_client: interval(from_client), from_broker: interval(from_broker) };
                self.send(
                    Frame::new("CONNECTED")
                        .with("server", "RabbitMQ/3.10.8")
                        .with("session", session)
                        .with("heart-beat", format!("{from_broker},{from_client}"))
                        .with("version", "1.2"),
                );
            }
        }
    }

    fn subscribe(&self, number: u64, frame: &Frame) {
        let Some(destination) = frame.get("destination") else {
            return self.fail("Missing destination", "\"SUBSCRIBE\" must include a 'destination' header\n");
        };
        let Some((queue, declares)) = self.queue(destination) else { return };
        let mode = match frame.get("ack").unwrap_or("auto") {
            "auto" => AckMode::Auto,
            "client" => AckMode::Cumulative,
            "client-individual" => AckMode::Individual,
            _ => return self.fail("Processing error", "Processing error"),
        };
        let prefetch =
            frame.get("prefetch-count").and_then(|text| text.parse().ok()).filter(|most| *most > 0);
        let id = frame.get("id").unwrap_or(destination);
        let subscribed = self.broker.lock().subscribe(number, id, queue, declares, (mode, prefetch));
        match subscribed {
            Err(_) => self.command(Command::DIED),
            Ok(queue) => {
                self.receipt(frame);
                let now = (self.clock)();
                self.broker.lock().deliver(&queue, now);
            }
        }
    }

    /// Returns the queue of a destination, and the arguments that a `/queue/` destination declares it with.
    fn queue<'a>(&self, destination: &'a str) -> Option<(&'a str, Option<Arguments>)> {
        if let Some(queue) = destination.strip_prefix("/amq/queue/") {
            return Some((queue, None));
        }
        if let Some(queue) = destination.strip_prefix("/queue/") {
            return Some((queue, Some(Arguments::None)));
        }
        let body = format!(
            "'{destination}' is not a valid destination.\nValid destination types are: /temp-queue, /exchange, \
             /topic, /queue, /amq/queue, /reply-queue/.\n"
        );
        self.fail("Unknown destination", body);
        None
    }

    fn unsubscribe(&self, number: u64, frame: &Frame) {
        let Some(id) = frame.get("id") else {
            let body = "UNSUBSCRIBE must include a 'destination' or 'id' header";
            return self.fail("Missing destination or id", body);
        };
        if self.broker.lock().unsubscribe(number, id) {
            return self.receipt(frame);
        }
        let body = format!(
            "UNSUBSCRIBE must refer to an existing subscription.\nSubscription to \"id='{id}'\" not found.\n"
        );
        self.fail("No subscription found", body);
    }

    fn settle(&self, number: u64, frame: &Frame, verdict: Verdict) {
        let command = &frame.command;
        let Some(id) = frame.get("id") else {
            return self.fail("Missing header", format!("\"{command}\" must include the \"id\" header\n"));
        };
        let Some(delivery) = Delivery::parse(id) else {
            return self
                .fail("Invalid header", format!("\"{command}\" must include a valid \"id\" header\n"));
        };
        let now = (self.clock)();
        let settled = self.broker.lock().settle(number, &delivery, verdict, now);
        if settled == Err(Unsettled::NoSubscription) {
            let body = format!("Message with id \"{id}\" has no subscription");
            return self.fail("Subscription not found", body);
        }
        // The receipt comes first, also if the message wasn't in hand.
        self.receipt(frame);
        match settled {
            Err(_) => self.command(Command::DIED),
            Ok(queues) => {
                for queue in queues {
                    self.broker.lock().deliver(&queue, now);
                }
            }
        }
    }

    fn publish(&self, number: u64, frame: &Frame) {
        if frame.get("message-id").is_some() {
            return self.fail("Invalid header", "'message-id' is not allowed on 'SEND'.\n");
        }
        let Some(destination) = frame.get("destination") else {
            return self.fail("Missing destination", "\"SEND\" must include a 'destination' header\n");
        };
        let Some((queue, declares)) = self.queue(destination) else { return };
        let own = ["destination", "content-length"];
        let headers = frame.headers().iter().filter(|(name, _)| !own.contains(&name.as_str())).cloned();
        let (kind, mut headers): (Vec<_>, Vec<_>) = headers.partition(|(name, _)| name == "content-type");
        headers.extend(kind);
        let content = Content { headers, body: frame.body.clone() };
        let now = (self.clock)();
        let sent = {
            let mut node = self.broker.lock();
            let Some(vhost) = node.vhost_of(number) else { return };
            let address = (vhost.to_owned(), queue.to_owned());
            match declares.map(|arguments| node.declare(&address, arguments, None)) {
                Some(Err(_)) => None,
                _ => Some(node.send(&address, Arc::new(content), now)),
            }
        };
        match sent {
            None => self.command(Command::DIED),
            Some(Sent::Refused) => {}
            Some(Sent::Accepted | Sent::Unroutable) => self.receipt(frame),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let now = (self.clock)();
            self.broker.lock().disconnect(&[number], now);
        }
    }
}
