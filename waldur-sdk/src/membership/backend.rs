//! The provider's back end for the members of resources.

use std::error::Error as StdError;

use super::MembershipResource;
use crate::backend_id::AccountName;

/// The provider's own system that knows who can use a resource, such as the groups of a directory or the
/// associations of a batch system. Members are named by their accounts.
///
/// Implementations write `async fn`. Adding an existing member, or removing a missing one, should succeed:
/// another process may do the same at the same time. Neither the id of a resource nor the name of an account
/// is ever blank.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::collections::BTreeSet;
/// use std::sync::Mutex;
///
/// use waldur_sdk::AccountName;
/// use waldur_sdk::membership::{Membership, MembershipBackend, MembershipResource};
///
/// #[derive(Default)]
/// struct Groups(Mutex<BTreeSet<String>>);
///
/// impl MembershipBackend for Groups {
///     type Error = String;
///
///     async fn list(&self, _: &MembershipResource) -> Result<Vec<String>, String> {
///         Ok(self.0.lock().unwrap().iter().cloned().collect())
///     }
///     async fn add(&self, _: &MembershipResource, username: &AccountName) -> Result<(), String> {
///         self.0.lock().unwrap().insert(username.to_string());
///         Ok(())
///     }
///     async fn remove(&self, _: &MembershipResource, username: &AccountName) -> Result<(), String> {
///         self.0.lock().unwrap().remove(username.as_str());
///         Ok(())
///     }
/// }
///
/// # use waldur_sandbox::{Actor, Sandbox};
/// # let sandbox = Sandbox::start().await?;
/// # use waldur_sdk::Client;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// # let resource = sandbox.ids().resources.ok;
/// let membership = Membership::new(&client, Groups::default());
/// println!("{}", membership.plan(resource).await?); // add alice01 (Alice Öberg) …
/// let report = membership.sync(resource).await?;
/// assert_eq!((report.applied(), report.failed()), (1, 0));
/// # Ok(())
/// # }
/// ```
pub trait MembershipBackend: Send + Sync {
    /// An error or a text that says what failed.
    type Error: Into<Box<dyn StdError + Send + Sync>>;

    /// Lists the accounts of all members that a resource has now. Blank names are set aside.
    fn list(
        &self,
        resource: &MembershipResource,
    ) -> impl Future<Output = Result<Vec<String>, Self::Error>> + Send;

    /// Adds an account to the members.
    fn add(
        &self,
        resource: &MembershipResource,
        username: &AccountName,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Removes an account from the members.
    fn remove(
        &self,
        resource: &MembershipResource,
        username: &AccountName,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

impl<B: MembershipBackend> MembershipBackend for &B {
    type Error = B::Error;

    async fn list(&self, resource: &MembershipResource) -> Result<Vec<String>, Self::Error> {
        B::list(self, resource).await
    }

    async fn add(&self, resource: &MembershipResource, username: &AccountName) -> Result<(), Self::Error> {
        B::add(self, resource, username).await
    }

    async fn remove(&self, resource: &MembershipResource, username: &AccountName) -> Result<(), Self::Error> {
        B::remove(self, resource, username).await
    }
}
