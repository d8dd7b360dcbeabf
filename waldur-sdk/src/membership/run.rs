//! Synchronizing all members again and again.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::time::sleep;
use waldur_api_client::Error;

use super::{Membership, MembershipBackend, MembershipSync, SyncedResource};
use crate::bulk::Item;
use crate::on_item::OnItem;

impl<B: MembershipBackend> Membership<B> {
    /// Sets the pause of [`run`](Self::run) between two synchronizations; ten minutes by default.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Calls `on_resource` with each resource as soon as its members are synchronized. Use it to show that
    /// the process is alive while [`sync_all`](Self::sync_all) or [`run`](Self::run) is at work. It must not
    /// block.
    #[must_use]
    pub fn on_resource(
        mut self,
        on_resource: impl Fn(&Item<SyncedResource>) + Send + Sync + 'static,
    ) -> Self {
        self.on_resource = OnItem::new(on_resource);
        self
    }

    /// Synchronizes all members again and again, until `until` ends, such as
    /// [`shutdown_signal`](crate::agent::shutdown_signal). The resource in progress is finished first. Calls
    /// `each` after each synchronization.
    ///
    /// Dropping this future interrupts the resource in progress. The next synchronization goes on.
    pub async fn run(&self, until: impl Future, mut each: impl FnMut(Result<MembershipSync, Error>)) {
        let mut until = pin!(until);
        let enough = AtomicBool::new(false);
        loop {
            let sync = pin!(self.sync_scope(self.scope(), &enough));
            match select(sync, until.as_mut()).await {
                Either::Left((result, _)) => each(result),
                Either::Right((_, sync)) => {
                    enough.store(true, Ordering::Relaxed);
                    each(sync.await);
                    return;
                }
            }
            if let Either::Right(_) = select(pin!(sleep(self.interval)), until.as_mut()).await {
                return;
            }
        }
    }
}
