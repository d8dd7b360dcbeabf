//! Customers, projects, users with their roles, and SSH keys.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Actor, ProjectProperties};

#[derive(Clone, Debug)]
pub(crate) struct Customer {
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
    pub(crate) abbreviation: String,
    pub(crate) slug: String,
    pub(crate) email: String,
    pub(crate) created: DateTime<Utc>,
}

#[derive(Clone, Debug)]
pub(crate) struct Project {
    pub(crate) uuid: Uuid,
    pub(crate) customer: Uuid,
    pub(crate) name: String,
    pub(crate) slug: String,
    pub(crate) description: String,
    pub(crate) created: DateTime<Utc>,
    /// Whether it was deleted. Servers keep such a project, and hide it.
    pub(crate) is_removed: bool,
    pub(crate) properties: ProjectProperties,
}

/// A role of a user in a customer or a project.
#[derive(Clone, Debug)]
pub(crate) struct Role {
    /// For example `PROJECT.ADMIN`.
    pub(crate) name: String,
    /// The customer or the project.
    pub(crate) scope: Uuid,
    pub(crate) created: DateTime<Utc>,
    pub(crate) expires: Option<DateTime<Utc>>,
    pub(crate) by: Option<Actor>,
}

pub(crate) const OWNER: &str = "CUSTOMER.OWNER";

impl Role {
    /// Returns the name as teams have it, for example `admin`.
    pub(crate) fn short(&self) -> String {
        self.name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase()
    }

    pub(crate) fn is_of_project(&self) -> bool {
        self.name.starts_with("PROJECT.")
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) uuid: Uuid,
    /// The actor; `None` for users without a token.
    pub(crate) actor: Option<Actor>,
    pub(crate) username: String,
    pub(crate) active: bool,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) native_name: String,
    pub(crate) phone_number: String,
    pub(crate) organization: String,
    pub(crate) job_title: String,
    pub(crate) civil_number: Option<String>,
    pub(crate) affiliations: Vec<String>,
    pub(crate) joined: DateTime<Utc>,
    pub(crate) roles: Vec<Role>,
}

impl Person {
    pub(crate) fn username(&self) -> &str {
        &self.username
    }

    pub(crate) fn is_staff(&self) -> bool {
        self.actor == Some(Actor::Staff)
    }

    pub(crate) fn owns(&self, customer: Uuid) -> bool {
        self.roles.iter().any(|role| role.scope == customer && role.name == OWNER)
    }

    /// Returns the role in a project.
    pub(crate) fn role_in(&self, project: Uuid) -> Option<&Role> {
        self.roles.iter().find(|role| role.scope == project && role.is_of_project())
    }

    pub(crate) fn full_name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name)
    }

    pub(crate) fn email(&self) -> String {
        format!("{}@example.org", self.username())
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) uuid: Uuid,
    pub(crate) owner: Uuid,
    pub(crate) name: String,
    pub(crate) public_key: String,
}

#[derive(Clone, Debug)]
pub(crate) struct ServiceProvider {
    pub(crate) uuid: Uuid,
    pub(crate) customer: Uuid,
    pub(crate) description: String,
    pub(crate) created: DateTime<Utc>,
}
