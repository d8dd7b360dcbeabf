//! The collections of generic objects: who may change them, their references, their states.

/// The kind of object that a property refers to, by address or uuid.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Link {
    Resource,
    Offering,
    Project,
    Customer,
    Person,
    OfferingUser,
    Component,
    Role,
}

/// The users who may change a collection's objects, besides staff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writers {
    Provider,
    Consumer,
    Either,
    /// The user of the object, who alone sees it.
    Owner,
}

/// An action that changes the state.
#[derive(Debug)]
pub(crate) struct Action {
    pub(crate) name: &'static str,
    pub(crate) from: &'static [&'static str],
    pub(crate) to: &'static str,
}

#[derive(Debug)]
pub(crate) struct Collection {
    pub(crate) name: &'static str,
    pub(crate) model: &'static str,
    pub(crate) writers: Writers,
    pub(crate) links: &'static [(&'static str, Link)],
    /// Properties that two objects may not share together.
    pub(crate) unique: &'static [&'static str],
    /// The initial state; empty if the collection has no states.
    pub(crate) state: &'static str,
    /// The state after deletion; if empty, deletion removes the object.
    pub(crate) closed: &'static str,
    /// Whether creation and rotation of the key respond with a token, and closed objects are hidden.
    pub(crate) token: bool,
    pub(crate) actions: &'static [Action],
}

impl Collection {
    const DEFAULT: Self = Self {
        name: "",
        model: "",
        writers: Writers::Either,
        links: &[],
        unique: &[],
        state: "",
        closed: "",
        token: false,
        actions: &[],
    };
}

// Creation over the API leads to OK at once; only seeds lead to the states before.
const ROBOTS: &[Action] = &[
    Action { name: "set_state_creating", from: &["Requested"], to: "Creating" },
    Action { name: "set_state_ok", from: &["Creating"], to: "OK" },
    Action { name: "set_state_request_deletion", from: &["OK"], to: "Requested deletion" },
    Action { name: "set_state_deleted", from: &["Requested deletion"], to: "Deleted" },
    Action { name: "set_state_erred", from: &["OK"], to: "Error" },
];

const BACKEND_REQUESTS: &[Action] = &[
    Action { name: "start_processing", from: &["Sent"], to: "Processing" },
    Action { name: "set_done", from: &["Processing"], to: "Done" },
    Action { name: "set_erred", from: &["Sent", "Processing"], to: "Erred" },
];

pub(crate) static ROBOT_ACCOUNTS: Collection = Collection {
    name: "marketplace-robot-accounts",
    model: "RobotAccount",
    writers: Writers::Provider,
    links: &[("resource", Link::Resource), ("responsible_user", Link::Person), ("users", Link::Person)],
    unique: &["resource", "type"],
    state: "OK",
    actions: ROBOTS,
    ..Collection::DEFAULT
};

pub(crate) static PROJECT_SERVICE_ACCOUNTS: Collection = Collection {
    name: "marketplace-project-service-accounts",
    model: "ProjectServiceAccount",
    writers: Writers::Consumer,
    links: &[("project", Link::Project)],
    state: "OK",
    closed: "Closed",
    token: true,
    ..Collection::DEFAULT
};

pub(crate) static CUSTOMER_SERVICE_ACCOUNTS: Collection = Collection {
    name: "marketplace-customer-service-accounts",
    model: "CustomerServiceAccount",
    writers: Writers::Consumer,
    links: &[("customer", Link::Customer)],
    state: "OK",
    closed: "Closed",
    token: true,
    ..Collection::DEFAULT
};

pub(crate) static COURSE_ACCOUNTS: Collection = Collection {
    name: "marketplace-course-accounts",
    model: "CourseAccount",
    writers: Writers::Consumer,
    links: &[("project", Link::Project)],
    state: "OK",
    closed: "Closed",
    ..Collection::DEFAULT
};

static AGENT_IDENTITIES: Collection = Collection {
    name: "marketplace-site-agent-identities",
    model: "AgentIdentity",
    writers: Writers::Provider,
    links: &[("offering", Link::Offering)],
    ..Collection::DEFAULT
};

pub(crate) static AGENT_SERVICES: Collection = Collection {
    name: "marketplace-site-agent-services",
    model: "AgentService",
    writers: Writers::Provider,
    state: "Active",
    ..Collection::DEFAULT
};

pub(crate) static AGENT_PROCESSORS: Collection = Collection {
    name: "marketplace-site-agent-processors",
    model: "AgentProcessor",
    writers: Writers::Provider,
    ..Collection::DEFAULT
};

pub(crate) static EVENT_SUBSCRIPTIONS: Collection = Collection {
    name: "event-subscriptions",
    model: "EventSubscription",
    writers: Writers::Owner,
    ..Collection::DEFAULT
};

pub(crate) static EVENT_SUBSCRIPTION_QUEUES: Collection = Collection {
    name: "event-subscription-queues",
    model: "EventSubscriptionQueue",
    writers: Writers::Owner,
    ..Collection::DEFAULT
};

/// Has no objects on servers as old as the schema.
pub(crate) static EVENT_CONSUMERS: Collection = Collection {
    name: "event-consumers",
    model: "EventConsumer",
    writers: Writers::Owner,
    ..Collection::DEFAULT
};

pub(crate) static BACKEND_RESOURCES: Collection = Collection {
    name: "backend-resources",
    model: "BackendResource",
    writers: Writers::Provider,
    links: &[("offering", Link::Offering), ("project", Link::Project)],
    unique: &["offering", "backend_id"],
    ..Collection::DEFAULT
};

pub(crate) static BACKEND_RESOURCE_REQUESTS: Collection = Collection {
    name: "backend-resource-requests",
    model: "BackendResourceRequest",
    writers: Writers::Provider,
    links: &[("offering", Link::Offering)],
    state: "Sent",
    actions: BACKEND_REQUESTS,
    ..Collection::DEFAULT
};

pub(crate) static COMPONENT_USER_USAGE_LIMITS: Collection = Collection {
    name: "component-user-usage-limits",
    model: "ComponentUserUsageLimit",
    writers: Writers::Either,
    links: &[("resource", Link::Resource), ("component", Link::Component), ("user", Link::OfferingUser)],
    unique: &["resource", "component", "user"],
    ..Collection::DEFAULT
};

static RESOURCE_USERS: Collection = Collection {
    name: "marketplace-resource-users",
    model: "ResourceUser",
    writers: Writers::Either,
    links: &[("resource", Link::Resource), ("role", Link::Role), ("user", Link::Person)],
    unique: &["resource", "role", "user"],
    ..Collection::DEFAULT
};

pub(crate) static OFFERING_USER_ROLES: Collection = Collection {
    name: "marketplace-offering-user-roles",
    model: "OfferingUserRole",
    writers: Writers::Provider,
    links: &[("offering", Link::Offering)],
    unique: &["offering", "name"],
    ..Collection::DEFAULT
};

pub(crate) static INVITATIONS: Collection = Collection {
    name: "user-invitations",
    model: "Invitation",
    writers: Writers::Consumer,
    state: "pending",
    ..Collection::DEFAULT
};

static SLURM_POLICIES: Collection = Collection {
    name: "marketplace-slurm-periodic-usage-policies",
    model: "SlurmPeriodicUsagePolicy",
    writers: Writers::Provider,
    links: &[("scope", Link::Offering)],
    ..Collection::DEFAULT
};

static COLLECTIONS: &[&Collection] = &[
    &ROBOT_ACCOUNTS,
    &PROJECT_SERVICE_ACCOUNTS,
    &CUSTOMER_SERVICE_ACCOUNTS,
    &COURSE_ACCOUNTS,
    &AGENT_IDENTITIES,
    &AGENT_SERVICES,
    &AGENT_PROCESSORS,
    &EVENT_SUBSCRIPTIONS,
    &EVENT_SUBSCRIPTION_QUEUES,
    &EVENT_CONSUMERS,
    &BACKEND_RESOURCES,
    &BACKEND_RESOURCE_REQUESTS,
    &COMPONENT_USER_USAGE_LIMITS,
    &RESOURCE_USERS,
    &OFFERING_USER_ROLES,
    &SLURM_POLICIES,
    &INVITATIONS,
];

/// Returns the collection with this name.
pub(crate) fn collection(name: &str) -> Option<&'static Collection> {
    COLLECTIONS.iter().copied().find(|collection| collection.name == name)
}
