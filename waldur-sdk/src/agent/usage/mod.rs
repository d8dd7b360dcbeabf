//! The usage of an offering's resources: measured by the provider's back end, reported to Waldur.

mod meter;
mod processor;
mod report;
mod sift;

pub use meter::{Measurements, Meter, MeteredResource};
pub use processor::UsageProcessor;
pub use report::{LeftOut, LeftOutReason, MeteredMonth};
