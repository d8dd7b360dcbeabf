//! A session with the broker: subscriptions to queues, deliveries and their acknowledgement.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use uuid::Uuid;

use super::connection::{Connection, Input};
use super::delivery::{Delivery, Receipt, Settled, Verdict};
use super::event::Event;
use super::failure::Failure;
use super::registration::Queue;
use super::shared::Shared;
use super::stomp::Frame;

/// How long a message waits before it is given back to its queue, from which it comes again at once.
const REQUEUE_PAUSE: Duration = Duration::from_secs(1);

/// A session on a connection.
pub(super) struct Session<'a, S> {
    connection: Connection<S>,
    shared: &'a Shared,
    /// A number that no other session has.
    number: u64,
    offering: Uuid,
    queues: &'a [Queue],
    prefetch: u16,
    /// How many messages are not settled.
    unsettled: usize,
    settle: UnboundedSender<Settled>,
    settled: UnboundedReceiver<Settled>,
    stop: watch::Receiver<bool>,
    /// The messages to give back, and when.
    requeues: VecDeque<(Instant, String)>,
}

impl<S> Drop for Session<'_, S> {
    fn drop(&mut self) {
        self.shared.mailbox.forget(self.number);
    }
}

/// What a session does next.
enum Step {
    Input(Input),
    Settled(Settled),
    /// The pause of this message is over.
    Requeue(String),
    Stop,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Session<'a, S> {
    pub(super) fn new(
        connection: Connection<S>,
        shared: &'a Shared,
        offering: Uuid,
        queues: &'a [Queue],
        prefetch: u16,
    ) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let (settle, settled) = unbounded_channel();
        let (stop, requeues) = (shared.stop.subscribe(), VecDeque::new());
        let unsettled = 0;
        Self {
            connection,
            shared,
            number,
            offering,
            queues,
            prefetch,
            unsettled,
            settle,
            settled,
            stop,
            requeues,
        }
    }

    /// Subscribes to all queues. Events that arrive meanwhile are delivered.
    pub(super) async fn subscribe(&mut self, limit: Duration) -> Result<(), Failure> {
        let subscribed = async {
            for (index, queue) in self.queues.iter().enumerate() {
                let subscribe = Frame::new("SUBSCRIBE")
                    .header("id", index.to_string())
                    .header("destination", destination(&queue.name))
                    .header("ack", "client-individual")
                    .header("prefetch-count", self.prefetch.to_string())
                    .header("receipt", index.to_string());
                self.connection.send(&subscribe).await?;
            }
            let mut missing: Vec<String> = (0..self.queues.len()).map(|index| index.to_string()).collect();
            while !missing.is_empty() {
                match self.connection.input().await? {
                    Input::Frame(frame) if frame.command() == "RECEIPT" => {
                        let receipt = frame.get("receipt-id").unwrap_or_default();
                        missing.retain(|known| known != receipt);
                    }
                    Input::Frame(frame) => self.receive(&frame)?,
                    Input::BeatDue => self.connection.beat().await?,
                }
            }
            Ok(())
        };
        timeout(limit, subscribed).await.unwrap_or_else(|_| Err(Failure::late("receipt", limit)))
    }

    /// Delivers events until the connection ends, and returns why it did.
    pub(super) async fn run(&mut self) -> Failure {
        loop {
            let step = match self.next().await {
                Ok(Step::Input(Input::Frame(frame))) => self.receive(&frame),
                Ok(Step::Input(Input::BeatDue)) => self.connection.beat().await,
                Ok(Step::Settled(settled)) => self.settle(settled).await,
                Ok(Step::Requeue(id)) => self.nack(id, true).await,
                Ok(Step::Stop) => {
                    self.finish().await;
                    return Failure::stopped();
                }
                Err(failure) => Err(failure),
            };
            if let Err(failure) = step {
                return failure;
            }
            self.shared.reporter.heard(self.connection.heard());
        }
    }

    async fn next(&mut self) -> Result<Step, Failure> {
        let requeue = self.requeues.front().map(|(due, _)| *due);
        tokio::select! {
            input = self.connection.input() => input.map(Step::Input),
            Some(settled) = self.settled.recv() => Ok(Step::Settled(settled)),
            () = sleep_until(requeue.unwrap_or_else(Instant::now)), if requeue.is_some() => {
                let due = self.requeues.pop_front();
                Ok(due.map_or(Step::Stop, |(_, id)| Step::Requeue(id)))
            }
            _ = self.stop.wait_for(|stop| *stop) => Ok(Step::Stop),
        }
    }

    fn receive(&mut self, frame: &Frame) -> Result<(), Failure> {
        match frame.command() {
            "MESSAGE" => self.deliver(frame),
            // The receipts that matter are awaited.
            "RECEIPT" => Ok(()),
            other => Err(Failure::protocol(format_args!("the frame {other}"))),
        }
    }

    fn deliver(&mut self, frame: &Frame) -> Result<(), Failure> {
        let of = frame.get("subscription").and_then(|id| id.parse::<usize>().ok());
        let Some(queue) = of.and_then(|index| self.queues.get(index)) else {
            return Err(Failure::protocol("a message of a subscription that wasn't made"));
        };
        let Some(id) = frame.get("ack") else {
            return Err(Failure::protocol("a message that can't be acknowledged"));
        };
        self.unsettled += 1;
        if self.unsettled > usize::from(self.prefetch) * self.queues.len() {
            return Err(Failure::protocol("more messages than the prefetch limit allows"));
        }
        let event = Event::read(frame.body(), queue.kind.as_ref());
        let redelivered = frame.get("redelivered") == Some("true");
        tracing::debug!(kind = %event.kind(), redelivered, "event received");
        self.shared.reporter.received(&event.kind());
        let receipt = Receipt::new(id.to_owned(), self.settle.clone());
        let message_id = frame.get("x-message-id").map(str::to_owned);
        let delivery = Delivery::new(event, self.offering, redelivered, message_id, receipt);
        self.shared.mailbox.deliver(self.number, delivery);
        Ok(())
    }

    async fn settle(&mut self, settled: Settled) -> Result<(), Failure> {
        match settled.verdict {
            Verdict::Ack => {
                self.unsettled = self.unsettled.saturating_sub(1);
                self.connection.send(&Frame::new("ACK").header("id", settled.id)).await
            }
            Verdict::Reject => self.nack(settled.id, false).await,
            Verdict::Requeue => {
                self.requeues.push_back((Instant::now() + REQUEUE_PAUSE, settled.id));
                Ok(())
            }
        }
    }

    async fn nack(&mut self, id: String, requeue: bool) -> Result<(), Failure> {
        self.unsettled = self.unsettled.saturating_sub(1);
        let nack = Frame::new("NACK").header("id", id).header("requeue", requeue.to_string());
        self.connection.send(&nack).await
    }

    /// Sends the acknowledgements that were given, and ends the session. What isn't acknowledged is delivered
    /// again, to this program or another.
    async fn finish(&mut self) {
        while let Ok(settled) = self.settled.try_recv() {
            if settled.verdict != Verdict::Requeue && self.settle(settled).await.is_err() {
                return;
            }
        }
        self.connection.close().await;
    }
}

/// Returns the destination of a queue that was made by the server. A destination `/queue/…` would make a
/// queue with other properties if it were gone.
fn destination(queue: &str) -> String {
    format!("/amq/queue/{}", queue.replace('%', "%25").replace('/', "%2F"))
}
