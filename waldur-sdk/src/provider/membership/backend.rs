//! The provider's back end, as far as the members of resources go.

use std::error::Error as StdError;

use super::MembershipResource;
use crate::backend_id::AccountName;

/// What a provider's back end does with the members of a resource, by the names of their accounts.
///
/// Implementations write `async fn`. Adding a member who is there, or removing one who is gone, is best no
/// error: another may do the same at the same time. Neither the id of a resource nor the name of an account
/// is ever blank.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sdk::ClientExt as _;
/// use std::collections::BTreeSet;
/// use std::sync::Mutex;
///
/// use waldur_sdk::{AccountName, MembershipBackend, MembershipOptions, MembershipResource};
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
/// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// # let resource = sandbox.ids().resources.ok;
/// let backend = Groups::default();
/// let options = MembershipOptions::new();
/// let plan = client.provider().plan_membership(resource, &backend, options).await?;
/// println!("{plan}"); // a dry run
/// let report = client.provider().sync_membership(resource, &backend, options).await?;
/// assert_eq!((report.added(), report.failed()), (1, 0));
/// # Ok(())
/// # }
/// ```
pub trait MembershipBackend: Sync {
    /// What goes wrong: an error, or a text.
    type Error: Into<Box<dyn StdError + Send + Sync>>;

    /// The names of all members that a resource has now. Blank ones are set aside.
    fn list(
        &self,
        resource: &MembershipResource,
    ) -> impl Future<Output = Result<Vec<String>, Self::Error>> + Send;

    /// Makes an account a member.
    fn add(
        &self,
        resource: &MembershipResource,
        username: &AccountName,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Makes an account a member no longer.
    fn remove(
        &self,
        resource: &MembershipResource,
        username: &AccountName,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;
}
