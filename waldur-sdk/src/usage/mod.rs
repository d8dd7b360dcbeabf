//! Usage: reading and reporting the usage of resources.

mod amounts;
mod booking;
mod bulk;
mod by_user;
mod components;
#[cfg(feature = "agent")]
mod measured;
mod month;
mod plan;
mod read;
mod report;

pub use self::amounts::{AmountFn, Amounts};
pub use self::bulk::{ResourceUsage, UsageReports};
pub use self::by_user::UserAmount;
pub use self::components::Component;
#[cfg(feature = "agent")]
pub(crate) use self::measured::{OfferingUsage, ReportedAmount, books_by_date, components, report, rounded};
pub use self::month::Month;
pub use self::plan::ReportedUsage;
pub use self::read::{ComponentUsage, PlanPeriod, Usage, Usages, UserUsage};
pub use self::report::UsageReport;
