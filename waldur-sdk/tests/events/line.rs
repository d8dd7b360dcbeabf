//! A line to the broker that can be held up without being closed.

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
    opened: Arc<AtomicUsize>,
}

impl Line {
    /// Starts a line to the server of `url`, whose path is kept.
    pub(crate) async fn to(url: &str) -> Self {
        let (authority, path) = url.split_once("://").unwrap().1.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/{path}", listener.local_addr().unwrap());
        let (held, opened) = (watch::Sender::new(0), Arc::new(AtomicUsize::new(0)));
        let (target, holds, counter) = (authority.to_owned(), held.subscribe(), Arc::clone(&opened));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let number = counter.fetch_add(1, Ordering::SeqCst) + 1;
                let far = TcpStream::connect(&target).await.unwrap();
                let (near, far) = (near.into_split(), far.into_split());
                tokio::spawn(forward(near.0, far.1, number, holds.clone()));
                tokio::spawn(forward(far.0, near.1, number, holds.clone()));
            }
        });
        Self { url, held, opened }
    }

    /// Holds up all connections that are open, for ever.
    pub(crate) fn hold_up(&self) {
        self.held.send_replace(self.opened.load(Ordering::SeqCst));
    }

    pub(crate) fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }
}

async fn forward(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    number: usize,
    mut holds: watch::Receiver<usize>,
) {
    let mut bytes = [0; 4096];
    loop {
        let read = tokio::select! {
            read = from.read(&mut bytes) => Some(read),
            _ = holds.wait_for(|held| number <= *held) => None,
        };
        // Keeps the sockets open, as a network that loses everything does.
        let Some(read) = read else { return std::future::pending().await };
        match read {
            Ok(length) if length > 0 => {
                if to.write_all(&bytes[..length]).await.is_err() {
                    return;
                }
            }
            _ => return,
        }
    }
}
