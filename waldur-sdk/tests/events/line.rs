//! A line to the broker that can be held up without being closed.

#![allow(dead_code, reason = "each test program uses some of it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards connections to a server.
pub(crate) struct Line {
    pub(crate) url: String,
    /// Bytes of the connections that were opened up to this number don't get through.
    held: watch::Sender<usize>,
    paused: watch::Sender<bool>,
    opened: Arc<AtomicUsize>,
    /// How many bytes came from the clients, and how many from the server.
    pub(crate) sent: watch::Sender<usize>,
    pub(crate) received: watch::Sender<usize>,
}

impl Line {
    /// Starts a line to the server of `url`, whose path is kept.
    pub(crate) async fn to(url: &str) -> Self {
        let (authority, path) = url.split_once("://").unwrap().1.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/{path}", listener.local_addr().unwrap());
        let (held, paused) = (watch::Sender::new(0), watch::Sender::new(false));
        let opened = Arc::new(AtomicUsize::new(0));
        let (target, counter) = (authority.to_owned(), Arc::clone(&opened));
        let (holds, pauses) = (held.subscribe(), paused.subscribe());
        let (sent, received) = (watch::Sender::new(0), watch::Sender::new(0));
        let (up, down) = (sent.clone(), received.clone());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let number = counter.fetch_add(1, Ordering::SeqCst) + 1;
                let far = TcpStream::connect(&target).await.unwrap();
                let (near, far) = (near.into_split(), far.into_split());
                let gates = (holds.clone(), pauses.clone());
                tokio::spawn(forward(near.0, far.1, number, gates.clone(), up.clone()));
                tokio::spawn(forward(far.0, near.1, number, gates, down.clone()));
            }
        });
        Self { url, held, paused, opened, sent, received }
    }

    /// Holds up all connections that are open, for ever.
    pub(crate) fn hold_up(&self) {
        self.held.send_replace(self.opened.load(Ordering::SeqCst));
    }

    /// Holds up all bytes, also those of new connections, or lets them go on.
    pub(crate) fn pause(&self, paused: bool) {
        self.paused.send_replace(paused);
    }

    pub(crate) fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }
}

async fn forward(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    number: usize,
    (mut holds, mut pauses): (watch::Receiver<usize>, watch::Receiver<bool>),
    count: watch::Sender<usize>,
) {
    let mut bytes = [0; 4096];
    loop {
        let read = tokio::select! {
            read = from.read(&mut bytes) => Some(read),
            _ = holds.wait_for(|held| number <= *held) => None,
        };
        // Keeps the sockets open, as a network that loses everything does.
        let Some(read) = read else { return std::future::pending().await };
        if pauses.wait_for(|paused| !paused).await.is_err() {
            return;
        }
        match read {
            Ok(length) if length > 0 => {
                count.send_modify(|count| *count += length);
                if to.write_all(&bytes[..length]).await.is_err() {
                    return;
                }
            }
            _ => return,
        }
    }
}
