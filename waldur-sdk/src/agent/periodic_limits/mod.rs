//! Limits for a period: the back end applies the settings that a policy of Waldur has computed, and the
//! result is reported to Waldur.

mod backend;
mod processor;
mod report;
#[cfg(test)]
mod tests;
mod waiting;

pub use backend::{AppliedLimits, PeriodicLimits, PeriodicSettings};
pub use processor::PeriodicLimitsProcessor;
pub use report::{PeriodicLimitsResult, ProcessedPeriodicLimits};
