//! Membership: brings the people who can use a resource in the provider's back end in line with its team.
//!
//! A [`Membership`] compares the team of a resource, the offering users of its offering and the members that
//! a [`MembershipBackend`] lists, and adds and removes members there, and changes their roles. Service
//! accounts and course accounts of projects are [members, too](Membership::service_accounts), if they are to
//! be. Waldur is only read, unless the deletion of the offering users who left is
//! [requested](Membership::remove_departed).

#[cfg(feature = "events")]
mod agenda;
mod backend;
mod compare;
mod departures;
#[cfg(feature = "events")]
mod event_loop;
mod member;
mod pass;
mod plan;
mod project_accounts;
mod report;
mod resource;
mod run;
mod scope;
mod sync;

pub use self::backend::MembershipBackend;
pub use self::member::{ListedMember, Member, MemberKind};
pub use self::plan::{MemberStep, MembershipPlan, PlannedMember};
pub use self::report::{MembershipSync, SyncedResource};
pub use self::resource::MembershipResource;
pub use self::sync::Membership;
