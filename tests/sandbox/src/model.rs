//! The things a deployment holds, as plain data. What the server does with them is in the module of each.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::actor::Actor;
use crate::answer::hex;

/// Defines an enum whose values have a fixed spelling on the wire.
macro_rules! wire_enum {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The spelling on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Choice for $name {
            fn choices() -> &'static [Self] { Self::ALL }
            fn text(self) -> &'static str { self.as_str() }
        }
    };
}

/// A value that a filter can name.
pub(crate) trait Choice: Copy + PartialEq + 'static {
    fn choices() -> &'static [Self];
    fn text(self) -> &'static str;
}

wire_enum! {
    /// Where an order stands.
    pub enum OrderState {
        /// The consumer's organisation has to approve.
        PendingConsumer = "pending-consumer",
        /// The project has to start first.
        PendingProject = "pending-project",
        /// The chosen day has to come first.
        PendingStartDate = "pending-start-date",
        /// The provider has to approve.
        PendingProvider = "pending-provider",
        /// Approved by everybody; the provider's back end is at work.
        Executing = "executing",
        /// Ended well.
        Done = "done",
        /// Ended badly.
        Erred = "erred",
        /// Taken back by the consumer.
        Canceled = "canceled",
        /// Refused by consumer or provider.
        Rejected = "rejected",
    }
}

wire_enum! {
    /// What an order asks for.
    pub enum OrderType {
        /// A new resource.
        Create = "Create",
        /// Another plan or other limits.
        Update = "Update",
        /// The end of a resource.
        Terminate = "Terminate",
        /// A terminated resource back; newer servers only, never seeded.
        Restore = "Restore",
    }
}

wire_enum! {
    /// Where a resource stands.
    pub enum ResourceState {
        /// Ordered, not yet there.
        Creating = "Creating",
        /// In use.
        Ok = "OK",
        /// An order on it failed.
        Erred = "Erred",
        /// An update is being executed.
        Updating = "Updating",
        /// A termination is being executed.
        Terminating = "Terminating",
        /// Gone.
        Terminated = "Terminated",
    }
}

wire_enum! {
    /// Where a user's account at an offering stands.
    pub enum OfferingUserState {
        /// Somebody asked for it.
        Requested = "Requested",
        /// The provider is making it.
        Creating = "Creating",
        /// The user has to link an account.
        PendingAccountLinking = "Pending account linking",
        /// The provider wants to know more about the user.
        PendingAdditionalValidation = "Pending additional validation",
        /// Usable.
        Ok = "OK",
        /// Somebody asked for its end.
        RequestedDeletion = "Requested deletion",
        /// The provider is removing it.
        Deleting = "Deleting",
        /// Removed.
        Deleted = "Deleted",
        /// Making it failed.
        ErrorCreating = "Error creating",
        /// Removing it failed.
        ErrorDeleting = "Error deleting",
    }
}

wire_enum! {
    /// Whether an offering can be ordered.
    pub enum OfferingState {
        /// Not published yet.
        Draft = "Draft",
        /// Can be ordered.
        Active = "Active",
        /// Temporarily not for sale.
        Paused = "Paused",
        /// No longer for sale.
        Archived = "Archived",
        /// The back end is away.
        Unavailable = "Unavailable",
    }
}

/// Anything kept in a [`Table`].
pub(crate) trait Row {
    fn uuid(&self) -> Uuid;
}

macro_rules! rows {
    ($($name:ident),*) => {$(
        impl Row for $name {
            fn uuid(&self) -> Uuid { self.uuid }
        }
    )*};
}

/// Rows in the order of their creation, found by uuid.
#[derive(Debug)]
pub(crate) struct Table<T> {
    rows: Vec<T>,
    index: HashMap<Uuid, usize>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), index: HashMap::new() }
    }
}

impl<T: Row> Table<T> {
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.rows.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.rows.iter_mut()
    }

    pub(crate) fn get(&self, uuid: Uuid) -> Option<&T> {
        self.index.get(&uuid).and_then(|&at| self.rows.get(at))
    }

    pub(crate) fn get_mut(&mut self, uuid: Uuid) -> Option<&mut T> {
        self.index.get(&uuid).and_then(|&at| self.rows.get_mut(at))
    }

    pub(crate) fn push(&mut self, row: T) {
        self.index.insert(row.uuid(), self.rows.len());
        self.rows.push(row);
    }

    pub(crate) fn remove(&mut self, uuid: Uuid) {
        self.rows.retain(|row| row.uuid() != uuid);
        self.index = self.rows.iter().enumerate().map(|(at, row)| (row.uuid(), at)).collect();
    }
}

#[derive(Debug)]
pub(crate) struct Customer {
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
    pub(crate) abbreviation: String,
    pub(crate) slug: String,
    pub(crate) email: String,
    pub(crate) created: DateTime<Utc>,
}

#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) uuid: Uuid,
    pub(crate) customer: Uuid,
    pub(crate) name: String,
    pub(crate) slug: String,
    pub(crate) description: String,
    pub(crate) created: DateTime<Utc>,
    /// Properties set to something else than what they start with.
    pub(crate) set: Map<String, Value>,
}

/// What a person may do somewhere.
#[derive(Clone, Debug)]
pub(crate) struct Role {
    /// Such as `PROJECT.ADMIN`.
    pub(crate) name: String,
    /// The organisation or the project.
    pub(crate) scope: Uuid,
    pub(crate) created: DateTime<Utc>,
    pub(crate) expires: Option<DateTime<Utc>>,
    pub(crate) by: Option<Actor>,
}

pub(crate) const OWNER: &str = "CUSTOMER.OWNER";

impl Role {
    /// The name as teams have it: `admin`.
    pub(crate) fn short(&self) -> String {
        self.name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase()
    }

    pub(crate) fn is_of_project(&self) -> bool {
        self.name.starts_with("PROJECT.")
    }
}

#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) uuid: Uuid,
    /// Whoever has a token.
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

    /// The role in a project.
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

#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) uuid: Uuid,
    pub(crate) owner: Uuid,
    pub(crate) name: String,
    pub(crate) public_key: String,
}

#[derive(Debug)]
pub(crate) struct ServiceProvider {
    pub(crate) uuid: Uuid,
    pub(crate) customer: Uuid,
    pub(crate) description: String,
    pub(crate) created: DateTime<Utc>,
}

/// What is measured of an offering's resources, billed by use unless it says otherwise.
#[derive(Debug)]
pub(crate) struct Component {
    pub(crate) uuid: Uuid,
    pub(crate) kind: String,
    /// What the uuids of its usages are made from: its first type, or its uuid if another has that.
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) unit: String,
    /// In all plans of the offering; a component that is added later is in none.
    pub(crate) price: Option<Decimal>,
    /// Properties set to something else than what they start with.
    pub(crate) set: Map<String, Value>,
}

impl Component {
    /// `usage`, `limit`, `fixed`, `one` or `few`.
    pub(crate) fn billing_type(&self) -> &str {
        self.set.get("billing_type").and_then(Value::as_str).unwrap_or("usage")
    }
}

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
}

#[derive(Debug)]
pub(crate) struct Offering {
    pub(crate) uuid: Uuid,
    pub(crate) customer: Uuid,
    pub(crate) name: String,
    pub(crate) slug: String,
    /// `Marketplace.Slurm` is run by an agent, `Marketplace.Basic` by a person.
    pub(crate) kind: &'static str,
    pub(crate) state: OfferingState,
    pub(crate) created: DateTime<Utc>,
    pub(crate) components: Vec<Component>,
    pub(crate) plan: Plan,
    /// More plans, which nothing is ordered with unless it says so.
    pub(crate) other_plans: Vec<Plan>,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) backend_metadata: Value,
    /// Which attributes of users the provider gets to see, where that was set.
    pub(crate) user_attributes: Option<Map<String, Value>>,
}

/// An address where an offering or a resource can be reached.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
    pub(crate) url: String,
}

impl Endpoint {
    pub(crate) fn render(&self) -> Value {
        json!({ "uuid": hex(self.uuid), "name": self.name, "url": self.url })
    }
}

/// The kind of offering that an agent serves.
pub(crate) const AGENT_KIND: &str = "Marketplace.Slurm";
/// The kind of offering that a person serves.
pub(crate) const BASIC_KIND: &str = "Marketplace.Basic";

impl Offering {
    pub(crate) fn has_agent(&self) -> bool {
        self.kind == AGENT_KIND
    }

    /// One of its plans.
    pub(crate) fn plan(&self, uuid: Uuid) -> Option<&Plan> {
        std::iter::once(&self.plan).chain(&self.other_plans).find(|plan| plan.uuid == uuid)
    }

    /// A key for another component of this type.
    pub(crate) fn component_key(&self, kind: &str, uuid: Uuid) -> String {
        let taken = self.components.iter().any(|component| component.key == kind);
        if taken { uuid.to_string() } else { kind.to_owned() }
    }

    pub(crate) fn component(&self, kind: &str) -> Option<&Component> {
        self.components.iter().find(|component| component.kind == kind)
    }
}

#[derive(Debug)]
pub(crate) struct PlanPeriod {
    pub(crate) uuid: Uuid,
    pub(crate) start: DateTime<Utc>,
}

#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) uuid: Uuid,
    pub(crate) offering: Uuid,
    pub(crate) project: Uuid,
    pub(crate) name: String,
    pub(crate) slug: String,
    pub(crate) state: ResourceState,
    pub(crate) backend_id: String,
    pub(crate) backend_metadata: Value,
    pub(crate) limits: Map<String, Value>,
    pub(crate) report: Value,
    pub(crate) error_message: String,
    pub(crate) error_traceback: String,
    /// The object behind it, which an agent's offering has once its order is approved.
    pub(crate) scope: Option<Uuid>,
    pub(crate) plan_period: Option<PlanPeriod>,
    pub(crate) created: DateTime<Utc>,
    pub(crate) modified: DateTime<Utc>,
    pub(crate) last_sync: DateTime<Utc>,
    /// The plan, if it isn't the offering's first.
    pub(crate) plan: Option<Uuid>,
    /// Properties set to something else than what they start with.
    pub(crate) set: Map<String, Value>,
    /// Where it can be reached.
    pub(crate) endpoints: Vec<Endpoint>,
    /// All orders on it, oldest first.
    pub(crate) orders: Vec<Uuid>,
}

#[derive(Clone, Debug)]
pub(crate) struct Review {
    pub(crate) by: Actor,
    pub(crate) at: DateTime<Utc>,
}

#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) uuid: Uuid,
    pub(crate) resource: Uuid,
    pub(crate) offering: Uuid,
    pub(crate) kind: OrderType,
    pub(crate) state: OrderState,
    pub(crate) limits: Map<String, Value>,
    pub(crate) created_by: Actor,
    pub(crate) created: DateTime<Utc>,
    pub(crate) modified: DateTime<Utc>,
    pub(crate) consumer_review: Option<Review>,
    pub(crate) provider_review: Option<Review>,
    pub(crate) error_message: String,
    pub(crate) error_traceback: String,
    pub(crate) backend_id: String,
    pub(crate) attributes: Map<String, Value>,
    /// The plan that an update changes to.
    pub(crate) plan: Option<Uuid>,
    pub(crate) completed: Option<DateTime<Utc>>,
    /// Properties set to something else than what they start with.
    pub(crate) set: Map<String, Value>,
}

/// What was used of one component of one resource in one month.
#[derive(Debug)]
pub(crate) struct Usage {
    pub(crate) uuid: Uuid,
    pub(crate) resource: Uuid,
    pub(crate) component: String,
    /// The first day of the month.
    pub(crate) month: NaiveDate,
    pub(crate) amount: Decimal,
    pub(crate) description: String,
    pub(crate) recurring: bool,
    pub(crate) created: DateTime<Utc>,
    pub(crate) date: DateTime<Utc>,
    pub(crate) modified_by: Option<Actor>,
}

/// One account's share of a [`Usage`].
#[derive(Debug)]
pub(crate) struct UserUsage {
    pub(crate) uuid: Uuid,
    pub(crate) usage: Uuid,
    pub(crate) offering_user: Option<Uuid>,
    pub(crate) username: String,
    pub(crate) amount: Decimal,
    pub(crate) description: String,
    pub(crate) created: DateTime<Utc>,
    pub(crate) modified: DateTime<Utc>,
}

/// Whether a user agreed to the terms of an offering.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Consent {
    pub(crate) given: bool,
    /// The terms have changed since, and the user has to agree again.
    pub(crate) outdated: bool,
}

#[derive(Debug)]
pub(crate) struct OfferingUser {
    pub(crate) uuid: Uuid,
    pub(crate) offering: Uuid,
    pub(crate) person: Uuid,
    /// None until somebody names it.
    pub(crate) username: Option<String>,
    pub(crate) state: OfferingUserState,
    pub(crate) comment: String,
    pub(crate) comment_url: String,
    pub(crate) restricted: bool,
    pub(crate) consent: Consent,
    /// When the server gave it to the offering by itself.
    pub(crate) propagated: Option<DateTime<Utc>>,
    pub(crate) created: DateTime<Utc>,
    pub(crate) modified: DateTime<Utc>,
}

impl Row for crate::documents::Document {
    fn uuid(&self) -> Uuid {
        self.uuid
    }
}

rows!(
    Customer,
    Project,
    Person,
    Key,
    ServiceProvider,
    Offering,
    Resource,
    Order,
    Usage,
    UserUsage,
    OfferingUser
);
