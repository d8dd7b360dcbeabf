//! Membership: the people who can use a resource in the provider's back end, brought in line with its team.

mod backend;
mod departures;
mod options;
mod plan;
mod report;
mod resource;
mod sync;

pub use backend::MembershipBackend;
pub use options::MembershipOptions;
pub use plan::{MemberStep, MembershipPlan, PlannedMember};
pub use report::{
    DepartedAccount, MemberItem, MemberOutcome, MembershipReport, MembershipSync, SyncedResource,
};
pub use resource::{MembershipResource, NoBackendId};
