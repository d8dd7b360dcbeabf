//! Resources: the back end keeps each as Waldur wants it, and Waldur learns how it is in the back end.

mod adjusted;
#[cfg(feature = "events")]
mod agenda;
mod backend;
#[cfg(feature = "events")]
mod event_loop;
mod processor;
mod report;
mod resource;
mod resource_run;
mod user_limits;

pub use backend::{PulledResource, ResourceBackend};
pub use processor::ResourcesProcessor;
pub use report::{ProcessedResource, ResourceResult, ResourceResultKind, ResourceStep};
pub use resource::{AgentResource, LimitsSource, ResourceMode};
