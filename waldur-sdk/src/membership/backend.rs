//! The provider's back end for the members of resources.

use std::error::Error as StdError;
use std::sync::Arc;

use super::{ListedMember, Member, MembershipResource};

/// The provider's own system that knows who can use a resource, such as the groups of a directory or the
/// associations of a batch system.
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
/// use waldur_sdk::membership::{
///     ListedMember, Member, Membership, MembershipBackend, MembershipResource,
/// };
///
/// #[derive(Default)]
/// struct Groups(Mutex<BTreeSet<String>>);
///
/// impl MembershipBackend for Groups {
///     type Error = String;
///
///     async fn list(&self, _: &MembershipResource) -> Result<Vec<ListedMember>, String> {
///         Ok(self.0.lock().unwrap().iter().cloned().map(ListedMember::from).collect())
///     }
///     async fn add(&self, _: &MembershipResource, member: &Member) -> Result<(), String> {
///         println!("{} is {} <{}>, {}", member.username, member.full_name, member.email, member.role);
///         self.0.lock().unwrap().insert(member.username.to_string());
///         Ok(())
///     }
///     async fn remove(&self, _: &MembershipResource, member: &Member) -> Result<(), String> {
///         self.0.lock().unwrap().remove(member.username.as_str());
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
/// let report = membership.sync_resource(resource).await?;
/// assert_eq!((report.applied(), report.failed()), (1, 0));
/// # Ok(())
/// # }
/// ```
pub trait MembershipBackend: Send + Sync {
    /// An error or a text that says what failed.
    type Error: Into<Box<dyn StdError + Send + Sync>>;

    /// Lists the accounts of all members that a resource has now, with their roles if the back end keeps
    /// them. Blank names are set aside.
    fn list(
        &self,
        resource: &MembershipResource,
    ) -> impl Future<Output = Result<Vec<ListedMember>, Self::Error>> + Send;

    /// Adds an account to the members.
    fn add(
        &self,
        resource: &MembershipResource,
        member: &Member,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Removes an account from the members.
    fn remove(
        &self,
        resource: &MembershipResource,
        member: &Member,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Changes the role of a member from `before`, which [`list`](Self::list) returned, to [`Member::role`].
    ///
    /// It is called only if `list` returns roles. By default nothing is done, so a back end that lists roles
    /// implements it: otherwise the same change is planned in each synchronization.
    fn change_role(
        &self,
        resource: &MembershipResource,
        member: &Member,
        before: &str,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send {
        let _ = (resource, member, before);
        async { Ok(()) }
    }
}

impl<B: MembershipBackend> MembershipBackend for &B {
    type Error = B::Error;

    async fn list(&self, resource: &MembershipResource) -> Result<Vec<ListedMember>, Self::Error> {
        B::list(self, resource).await
    }

    async fn add(&self, resource: &MembershipResource, member: &Member) -> Result<(), Self::Error> {
        B::add(self, resource, member).await
    }

    async fn remove(&self, resource: &MembershipResource, member: &Member) -> Result<(), Self::Error> {
        B::remove(self, resource, member).await
    }

    async fn change_role(
        &self,
        resource: &MembershipResource,
        member: &Member,
        before: &str,
    ) -> Result<(), Self::Error> {
        B::change_role(self, resource, member, before).await
    }
}

impl<B: MembershipBackend> MembershipBackend for Arc<B> {
    type Error = B::Error;

    async fn list(&self, resource: &MembershipResource) -> Result<Vec<ListedMember>, Self::Error> {
        B::list(self, resource).await
    }

    async fn add(&self, resource: &MembershipResource, member: &Member) -> Result<(), Self::Error> {
        B::add(self, resource, member).await
    }

    async fn remove(&self, resource: &MembershipResource, member: &Member) -> Result<(), Self::Error> {
        B::remove(self, resource, member).await
    }

    async fn change_role(
        &self,
        resource: &MembershipResource,
        member: &Member,
        before: &str,
    ) -> Result<(), Self::Error> {
        B::change_role(self, resource, member, before).await
    }
}
