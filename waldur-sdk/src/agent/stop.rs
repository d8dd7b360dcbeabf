//! Stopping loops.

use std::io;
use std::sync::Arc;

use tokio::sync::watch;

/// Stops a loop, such as that of an [`OrderProcessor`](super::OrderProcessor). Clones stop the same loop.
#[derive(Clone, Debug)]
pub struct StopHandle(Arc<watch::Sender<bool>>);

impl StopHandle {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Stops the loop for good: nothing further is begun, and work in progress is finished. While the server
    /// fails, that takes as long as the client's retry policy allows.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Returns whether the loop was stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the loop is stopped.
    pub async fn stopped(&self) {
        // An error would mean that the sender is gone, which is here.
        let _ = self.0.subscribe().wait_for(|stopped| *stopped).await;
    }
}

/// Waits until the process is asked to end: by SIGTERM, as systemd and Kubernetes do, or by Ctrl-C.
///
/// Once it was called, these signals no longer end the process by themselves.
///
/// ```no_run
/// # async fn run<B: waldur_sdk::agent::Backend>(processor: waldur_sdk::agent::OrderProcessor<B>) {
/// use waldur_sdk::agent::shutdown_signal;
///
/// processor.run(shutdown_signal(), |report| println!("{report}")).await;
/// # }
/// ```
///
/// # Errors
/// If the process can't listen for signals.
pub async fn shutdown_signal() -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::pin::pin;

        use futures_util::future::{Either, select};
        use tokio::signal::unix::{SignalKind, signal};

        let mut terminate = signal(SignalKind::terminate())?;
        let (interrupted, terminated) = (pin!(tokio::signal::ctrl_c()), pin!(terminate.recv()));
        match select(interrupted, terminated).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
