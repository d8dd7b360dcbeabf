//! Membership: brings the people who can use a resource in the provider's back end in line with its team.
//!
//! A [`Membership`] compares the team of a resource, the offering users of its offering and the members that
//! a [`MembershipBackend`] lists, and adds and removes members there. Waldur is only read, unless the
//! deletion of the offering users who left is [requested](Membership::remove_departed).

mod backend;
mod departures;
#[cfg(feature = "events")]
mod event_loop;
mod plan;
mod report;
mod resource;
mod run;
mod sync;

pub use self::backend::MembershipBackend;
pub use self::plan::{MemberStep, MembershipPlan, PlannedMember};
pub use self::report::{MembershipSync, SyncedResource};
pub use self::resource::MembershipResource;
pub use self::sync::Membership;
