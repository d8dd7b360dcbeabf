//! What a provider's agent does: process orders, resources and accounts with the provider's back end, report
//! usage, and register with Waldur.

mod accounts;
#[cfg(feature = "events")]
mod agenda;
mod approval;
mod backend;
#[cfg(feature = "events")]
mod event_loop;
mod imports;
mod ledger;
mod listing;
mod order_run;
#[cfg(feature = "events")]
mod periodic_limits;
mod processor;
mod registration;
mod report;
mod resources;
mod result;
mod rounds;
mod runner;
mod stop;
mod task;
mod usage;

pub use crate::agent_identity::AgentIdentity;
pub use accounts::{
    AccountResult, AccountResultKind, AccountsProcessor, AgentAccount, ProcessedAccount, UsernameAnswer,
    Usernames,
};
pub use approval::{Approval, Decision};
pub use backend::{Backend, BackendError, Provisioned};
pub use imports::{
    ImportRequest, ImportResult, ImportResultKind, Importable, ImportableResource, ImportsProcessor,
    LeftOutImport, ProcessedImport,
};
#[cfg(feature = "events")]
pub use periodic_limits::{
    AppliedLimits, PeriodicLimits, PeriodicLimitsProcessor, PeriodicLimitsResult, PeriodicSettings,
    ProcessedPeriodicLimits,
};
pub use processor::OrderProcessor;
pub use registration::{AgentProcessor, AgentService};
pub use report::{OrderResult, OrderResultKind, ProcessedOrder, SkippedStep};
pub use resources::{
    AgentResource, LimitsSource, ProcessedResource, PulledResource, ResourceBackend, ResourceMode,
    ResourceResult, ResourceResultKind, ResourceStep, ResourcesProcessor,
};
#[cfg(feature = "events")]
pub use runner::EventsHealth;
pub use runner::{
    Activity, Agent, AgentBuilder, AgentHealth, AgentMonitor, LoopCounts, LoopError, LoopHealth, LoopKind,
    LoopState, RoundSummary,
};
pub use stop::{StopHandle, shutdown_signal};
pub use task::{AgentOrder, Limits, Task};
pub use usage::{LeftOut, LeftOutReason, Measurements, Meter, MeteredMonth, MeteredResource, UsageProcessor};
