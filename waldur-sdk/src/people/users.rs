//! Users and their SSH keys.

use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::{Client, builder};

use crate::collection::collection;
use crate::row::row;

row! {
    /// A user. What is shown of the user depends on the caller.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct User {
        /// The user's uuid.
        pub uuid: Uuid = need "uuid",
        /// The username in Waldur.
        pub username: String = or_default "username",
        /// The full name.
        pub full_name: String = or_default "full_name",
        /// The email address; empty if the server doesn't send it.
        pub email: String = or_default "email",
        /// The employer; empty if the server doesn't send it.
        pub organization: String = or_default "organization",
        /// Whether the user can sign in. Servers send it to staff only.
        pub is_active: Option<bool> = optional "is_active",
    }
}

impl From<&User> for Uuid {
    fn from(user: &User) -> Self {
        user.uuid
    }
}

row! {
    /// A user's SSH key.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct SshKey {
        /// The key's uuid.
        pub uuid: Uuid = need "uuid",
        /// The user.
        pub user_uuid: Uuid = need "user_uuid",
        /// The key's name.
        pub name: String = or_default "name",
        /// The public key, as a line of `authorized_keys`.
        pub public_key: String = need "public_key",
        /// The kind of the key, such as `ssh-ed25519`.
        #[serde(rename = "type")]
        pub type_: String = or_default "type",
    }
}

/// The users that the caller may see: narrowed by filters, then listed. Nothing is sent until a verb is
/// called. (`users_list`)
///
/// The users of a provider's resources are
/// [`ServiceProviderHandle::users`](super::ServiceProviderHandle::users).
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sandbox::{Actor, Sandbox};
/// # use waldur_sdk::{Client, ClientExt as _};
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// let provider = client.provider();
/// for user in provider.users().all().await? {
///     println!("{} <{}>", user.full_name, user.email);
/// }
/// let alice = provider.users().username("alice").first().await?;
/// # assert!(alice.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until a verb is called"]
pub struct Users {
    client: Client,
    username: Option<String>,
    email: Option<String>,
    project: Option<Uuid>,
    customer: Option<Uuid>,
    active: Option<bool>,
}

collection!(Users, User);

impl Users {
    pub(crate) fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            username: None,
            email: None,
            project: None,
            customer: None,
            active: None,
        }
    }

    /// Keeps the user with this username in Waldur.
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    /// Keeps users whose email address contains this text.
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.email = Some(email.into());
        self
    }

    /// Keeps users with a role in this project.
    pub fn project(mut self, project: impl Into<Uuid>) -> Self {
        self.project = Some(project.into());
        self
    }

    /// Keeps users with a role in this organization (Waldur's customer) or one of its projects.
    pub fn customer(mut self, customer: impl Into<Uuid>) -> Self {
        self.customer = Some(customer.into());
        self
    }

    /// Keeps users who can sign in, or those who can't.
    pub fn active(mut self, active: bool) -> Self {
        self.active = Some(active);
        self
    }

    fn request(&self) -> builder::UsersList {
        let mut list = self.client.users_list();
        if let Some(username) = &self.username {
            list = list.username(username.clone());
        }
        if let Some(email) = &self.email {
            list = list.email(email.clone());
        }
        if let Some(uuid) = self.project {
            list = list.project_uuid(uuid);
        }
        if let Some(uuid) = self.customer {
            list = list.customer_uuid(uuid);
        }
        if let Some(active) = self.active {
            list = list.is_active(active);
        }
        list
    }
}

/// The SSH keys that the caller may see, which are the caller's own, or everybody's for staff: narrowed by
/// filters, then listed. Nothing is sent until a verb is called. (`keys_list`)
///
/// The keys of a provider's users are
/// [`ServiceProviderHandle::ssh_keys`](super::ServiceProviderHandle::ssh_keys).
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sandbox::{Actor, Sandbox};
/// # use waldur_sdk::{Client, ClientExt as _};
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// for key in client.provider().ssh_keys().all().await? {
///     println!("{} {}", key.name, key.public_key);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until a verb is called"]
pub struct SshKeys {
    client: Client,
    user: Option<Uuid>,
}

collection!(SshKeys, SshKey);

impl SshKeys {
    pub(crate) fn new(client: &Client) -> Self {
        Self { client: client.clone(), user: None }
    }

    /// Keeps the keys of this user.
    pub fn user(mut self, user: impl Into<Uuid>) -> Self {
        self.user = Some(user.into());
        self
    }

    fn request(&self) -> builder::KeysList {
        let list = self.client.keys_list();
        match self.user {
            Some(uuid) => list.user_uuid(uuid),
            None => list,
        }
    }
}
