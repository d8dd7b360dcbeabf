//! The usage of an offering's resources: measured by the provider's back end, reported to Waldur.

#[cfg(feature = "events")]
mod event_loop;
mod meter;
mod offering_run;
mod processor;
mod report;
mod sift;

pub use meter::{Measurements, Meter, MeteredResource};
pub use processor::UsageProcessor;
pub use report::{LeftOut, LeftOutReason, MeteredMonth};
