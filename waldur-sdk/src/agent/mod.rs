//! What a provider's agent does: take up orders, have the back end carry them out, and tell Waldur.

mod approval;
mod backend;
mod ledger;
mod processor;
mod registration;
mod report;
mod task;
mod turn;

pub use approval::{Approval, Decision};
pub use backend::{Backend, BackendError, Provisioned};
pub use processor::{OrderProcessor, StopHandle};
pub use registration::{AgentIdentity, AgentProcessor, AgentService};
pub use report::{OrderOutcome, OrderReport, RoundReport, Setback, Unlisted};
pub use task::{AgentOrder, Limits, Task};
