//! Accounts at offerings: offering users, robot accounts, service accounts and course accounts.

mod access_gaps;
mod course_accounts;
mod ensure;
mod filters;
mod lifecycle;
mod offering_user;
mod offering_users;
mod robot_account;
mod robot_accounts;
mod service_account;
mod service_accounts;
mod state_machine;
mod transitions;
mod usernames;

use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::{Client, Error, ErrorKind, Operation};

pub use self::access_gaps::AccessGaps;
pub(crate) use self::access_gaps::access_gaps;
pub use self::course_accounts::{CourseAccount, CourseAccountHandle, CourseAccounts};
pub(crate) use self::course_accounts::{course_accounts_of, create_course_account};
pub use self::ensure::EnsureOfferingUser;
#[cfg(feature = "agent")]
pub(crate) use self::offering_user::Comment;
pub use self::offering_user::{OfferingUserHandle, TransitionCall};
pub use self::offering_users::{OfferingUser, OfferingUsers};
pub use self::robot_account::{EnsureRobotAccount, RobotAccountHandle};
pub use self::robot_accounts::{RobotAccount, RobotAccounts};
pub(crate) use self::service_account::create_service_account;
pub use self::service_account::{ServiceAccountHandle, ServiceAccountRequest, ServiceAccountToken};
pub(crate) use self::service_accounts::service_accounts_of;
pub use self::service_accounts::{
    CustomerServiceAccounts, ProjectServiceAccounts, ServiceAccount, ServiceAccountOwner,
};
pub use self::transitions::{OfferingUserTransition, RobotAccountTransition};
pub use self::usernames::NewUsername;
pub(crate) use self::usernames::set_usernames;

/// An object that was found or created.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Ensured<T> {
    /// The object.
    pub object: T,
    /// Whether this call created the object.
    pub created: bool,
}

/// Returns the URL of an object, which identifies it in requests.
fn address(client: &Client, collection: &str, uuid: Uuid) -> String {
    format!("{}/api/{collection}/{}/", client.url().trim_end_matches('/'), uuid.simple())
}

/// Returns the error of a response that lacks a required field.
fn unexpected(problem: impl Into<String>, operation: &'static Operation) -> Error {
    Error::new(ErrorKind::UnexpectedResponse, problem.into()).with_operation(operation)
}

/// Returns the error of a value that Waldur does not accept.
fn invalid(problem: impl Into<String>, operation: &'static Operation) -> Error {
    Error::new(ErrorKind::Validation, problem.into()).with_operation(operation)
}
