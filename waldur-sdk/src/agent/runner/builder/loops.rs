//! Switching loops on, each with its back end.

use std::sync::Arc;

use uuid::Uuid;

use super::AgentBuilder;
use crate::agent::accounts::{AccountsProcessor, Usernames};
use crate::agent::backend::Backend;
use crate::agent::imports::{Importable, ImportsProcessor};
#[cfg(feature = "events")]
use crate::agent::periodic_limits::{PeriodicLimits, PeriodicLimitsProcessor};
use crate::agent::processor::OrderProcessor;
use crate::agent::resources::{ResourceBackend, ResourcesProcessor};
use crate::agent::runner::activity::LoopKind;
use crate::agent::runner::loops::Loop;
use crate::agent::usage::{Meter, UsageProcessor};
use crate::membership::{Membership, MembershipBackend};

impl AgentBuilder {
    /// Carries out orders with this back end: see [`OrderProcessor`].
    pub fn orders<B: Backend + 'static>(self, backend: B) -> Self {
        self.orders_with(backend, |orders| orders)
    }

    /// Carries out orders with this back end, and sets the processor's options.
    ///
    /// ```no_run
    /// # fn build<B: waldur_sdk::agent::Backend + 'static>(
    /// #     client: &waldur_sdk::Client, offering: waldur_sdk::Uuid, cluster: B,
    /// # ) -> Result<waldur_sdk::agent::Agent, waldur_sdk::Error> {
    /// use std::time::Duration;
    /// use waldur_sdk::agent::{Agent, Decision};
    ///
    /// Agent::builder(client)
    ///     .offering(offering)
    ///     .orders_with(cluster, |orders| {
    ///         orders.interval(Duration::from_secs(30)).approval(Decision::Defer)
    ///     })
    ///     .build()
    /// # }
    /// ```
    pub fn orders_with<B: Backend + 'static>(
        self,
        backend: B,
        configure: impl FnOnce(OrderProcessor<B>) -> OrderProcessor<B> + Send + 'static,
    ) -> Self {
        self.with(LoopKind::Orders, move |client, offerings| {
            let orders = OrderProcessor::new(client, offerings.iter().copied(), backend);
            vec![(offerings.to_vec(), Box::new(configure(orders)))]
        })
    }

    /// Keeps the members in this back end in line with the teams of the resources: see [`Membership`].
    pub fn membership<B>(self, backend: B) -> Self
    where
        B: MembershipBackend + 'static,
        B::Error: Send,
    {
        self.membership_with(backend, |membership| membership)
    }

    /// Keeps the members in this back end in line, and sets the options. It is called once for each offering:
    /// each has a loop of its own.
    pub fn membership_with<B>(
        self,
        backend: B,
        configure: impl Fn(Membership<Arc<B>>) -> Membership<Arc<B>> + Send + 'static,
    ) -> Self
    where
        B: MembershipBackend + 'static,
        B::Error: Send,
    {
        let backend = Arc::new(backend);
        self.with(LoopKind::Membership, move |client, offerings| {
            let of_offering = |offering: &Uuid| -> (Vec<Uuid>, Box<dyn Loop>) {
                let membership = Membership::new(client, Arc::clone(&backend)).offering(*offering);
                (vec![*offering], Box::new(configure(membership)))
            };
            offerings.iter().map(of_offering).collect()
        })
    }

    /// Creates, names and removes the accounts of users with this back end: see [`AccountsProcessor`].
    pub fn accounts<U: Usernames + 'static>(self, usernames: U) -> Self {
        self.accounts_with(usernames, |accounts| accounts)
    }

    /// Creates, names and removes the accounts of users with this back end, and sets the processor's options.
    pub fn accounts_with<U: Usernames + 'static>(
        self,
        usernames: U,
        configure: impl FnOnce(AccountsProcessor<U>) -> AccountsProcessor<U> + Send + 'static,
    ) -> Self {
        self.with(LoopKind::Accounts, move |client, offerings| {
            let accounts = AccountsProcessor::new(client, offerings.iter().copied(), usernames);
            vec![(offerings.to_vec(), Box::new(configure(accounts)))]
        })
    }

    /// Keeps the states and the limits of resources in line with this back end: see [`ResourcesProcessor`].
    pub fn resources<B: ResourceBackend + 'static>(self, backend: B) -> Self {
        self.resources_with(backend, |resources| resources)
    }

    /// Keeps the states and the limits of resources in line, and sets the processor's options.
    pub fn resources_with<B: ResourceBackend + 'static>(
        self,
        backend: B,
        configure: impl FnOnce(ResourcesProcessor<B>) -> ResourcesProcessor<B> + Send + 'static,
    ) -> Self {
        self.with(LoopKind::Resources, move |client, offerings| {
            let resources = ResourcesProcessor::new(client, offerings.iter().copied(), backend);
            vec![(offerings.to_vec(), Box::new(configure(resources)))]
        })
    }

    /// Answers requests for the resources of this back end that can be imported: see [`ImportsProcessor`].
    pub fn imports<B: Importable + 'static>(self, backend: B) -> Self {
        self.imports_with(backend, |imports| imports)
    }

    /// Answers requests for importable resources, and sets the processor's options.
    pub fn imports_with<B: Importable + 'static>(
        self,
        backend: B,
        configure: impl FnOnce(ImportsProcessor<B>) -> ImportsProcessor<B> + Send + 'static,
    ) -> Self {
        self.with(LoopKind::Imports, move |client, offerings| {
            let imports = ImportsProcessor::new(client, offerings.iter().copied(), backend);
            vec![(offerings.to_vec(), Box::new(configure(imports)))]
        })
    }

    /// Applies limits for a period in this back end: see [`PeriodicLimitsProcessor`]. They come by
    /// [events](Self::events) only, which have to be switched on.
    #[cfg(feature = "events")]
    pub fn periodic_limits<B: PeriodicLimits + 'static>(self, backend: B) -> Self {
        self.with(LoopKind::PeriodicLimits, move |client, offerings| {
            let limits = PeriodicLimitsProcessor::new(client, offerings.iter().copied(), backend);
            vec![(offerings.to_vec(), Box::new(limits))]
        })
    }

    /// Reports the usage that this meter measures: see [`UsageProcessor`].
    pub fn usage<M: Meter + 'static>(self, meter: M) -> Self {
        self.usage_with(meter, |usage| usage)
    }

    /// Reports the usage that this meter measures, and sets the processor's options.
    pub fn usage_with<M: Meter + 'static>(
        self,
        meter: M,
        configure: impl FnOnce(UsageProcessor<M>) -> UsageProcessor<M> + Send + 'static,
    ) -> Self {
        self.with(LoopKind::Usage, move |client, offerings| {
            let usage = UsageProcessor::new(client, offerings.iter().copied(), meter);
            vec![(offerings.to_vec(), Box::new(configure(usage)))]
        })
    }
}
