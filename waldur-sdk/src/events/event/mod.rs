//! Events and their bodies.

mod bodies;
mod kind;
#[cfg(test)]
mod tests;

use serde_json::Value;
use waldur_api_client::__private::decode;

use crate::row::Row;

pub use bodies::{
    AccountEvent, ImportableResourcesEvent, OfferingResourcesSyncEvent, OfferingUserEvent, OrderEvent,
    ResourceApiKeyRotationEvent, ResourceEndDateChangeRequestEvent, ResourceEvent,
    ResourcePeriodicLimitsEvent, UserLifecycleEvent, UserProfileEvent, UserRoleEvent, UserSshKeyEvent,
};
pub use kind::{EventAction, EventKind};

/// Something that happened in Waldur.
///
/// An event is a hint: events can be lost, come twice or in another order, or before the change can be read.
/// Read the object anew, and act on what it says.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// An order changed its state.
    Order(OrderEvent),
    /// A user got or lost a role in a project.
    UserRole(UserRoleEvent),
    /// A resource was paused, downscaled or restricted, or has to be looked at.
    Resource(ResourceEvent),
    /// An offering user was created, changed or deleted.
    OfferingUser(OfferingUserEvent),
    /// A list of resources that can be imported is wanted.
    ImportableResources(ImportableResourcesEvent),
    /// A service account was created or closed.
    ServiceAccount(AccountEvent),
    /// A course account was created or closed.
    CourseAccount(AccountEvent),
    /// The limits of a resource for a period have to be applied.
    ResourcePeriodicLimits(ResourcePeriodicLimitsEvent),
    /// All resources of the offering have to be synchronized.
    OfferingResourcesSync(OfferingResourcesSyncEvent),
    /// The API key of a resource has to be rotated.
    ResourceApiKeyRotation(ResourceApiKeyRotationEvent),
    /// A change of the end date of a resource was requested, approved or rejected.
    ResourceEndDateChangeRequest(ResourceEndDateChangeRequestEvent),
    /// The profile of a user changed.
    UserProfile(UserProfileEvent),
    /// An SSH key of a user was added, changed or removed.
    UserSshKey(UserSshKeyEvent),
    /// A user was created, activated, deactivated or deleted.
    UserLifecycle(UserLifecycleEvent),
    /// An event of a kind that this version doesn't know, or whose body lacks the object that it is about.
    Unknown {
        /// The kind; an empty text if nothing tells it.
        kind: EventKind,
        /// The body: a text where it isn't JSON.
        body: Value,
    },
}

impl Event {
    /// Reads an event. `of_queue` is the kind of the events in its queue, if the queue has one kind.
    ///
    /// Every body is an event; one that can't be read is [`Event::Unknown`].
    #[must_use]
    pub fn read(body: &[u8], of_queue: Option<&EventKind>) -> Self {
        let value = serde_json::from_slice::<Value>(body);
        let object_type = value.as_ref().ok().and_then(|body| body.get("object_type")?.as_str());
        let kind = object_type.map(EventKind::from).or_else(|| of_queue.cloned());
        let kind = kind.unwrap_or_else(|| EventKind::Other(String::new()));
        let event = match &kind {
            EventKind::Order => typed(body, Self::Order),
            EventKind::UserRole => typed(body, Self::UserRole),
            EventKind::Resource => typed(body, Self::Resource),
            EventKind::OfferingUser => typed(body, Self::OfferingUser),
            EventKind::ImportableResources => typed(body, Self::ImportableResources),
            EventKind::ServiceAccount => typed(body, Self::ServiceAccount),
            EventKind::CourseAccount => typed(body, Self::CourseAccount),
            EventKind::ResourcePeriodicLimits => typed(body, Self::ResourcePeriodicLimits),
            EventKind::OfferingResourcesSync => typed(body, Self::OfferingResourcesSync),
            EventKind::ResourceApiKeyRotation => typed(body, Self::ResourceApiKeyRotation),
            EventKind::ResourceEndDateChangeRequest => typed(body, Self::ResourceEndDateChangeRequest),
            EventKind::UserProfile => typed(body, Self::UserProfile),
            EventKind::UserSshKey => typed(body, Self::UserSshKey),
            EventKind::UserLifecycle => typed(body, Self::UserLifecycle),
            EventKind::Other(_) => None,
        };
        event.unwrap_or_else(|| {
            let body = value.unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()));
            Self::Unknown { kind, body }
        })
    }

    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> EventKind {
        match self {
            Self::Order(_) => EventKind::Order,
            Self::UserRole(_) => EventKind::UserRole,
            Self::Resource(_) => EventKind::Resource,
            Self::OfferingUser(_) => EventKind::OfferingUser,
            Self::ImportableResources(_) => EventKind::ImportableResources,
            Self::ServiceAccount(_) => EventKind::ServiceAccount,
            Self::CourseAccount(_) => EventKind::CourseAccount,
            Self::ResourcePeriodicLimits(_) => EventKind::ResourcePeriodicLimits,
            Self::OfferingResourcesSync(_) => EventKind::OfferingResourcesSync,
            Self::ResourceApiKeyRotation(_) => EventKind::ResourceApiKeyRotation,
            Self::ResourceEndDateChangeRequest(_) => EventKind::ResourceEndDateChangeRequest,
            Self::UserProfile(_) => EventKind::UserProfile,
            Self::UserSshKey(_) => EventKind::UserSshKey,
            Self::UserLifecycle(_) => EventKind::UserLifecycle,
            Self::Unknown { kind, .. } => kind.clone(),
        }
    }
}

/// Reads a body. Returns `None` if it lacks what such an event needs, or is no object.
fn typed<R: Row>(body: &[u8], event: fn(R) -> Event) -> Option<Event> {
    let decoded = decode::<R::Sent>(body).ok()?;
    for mismatch in &decoded.mismatches {
        tracing::warn!(
            path = mismatch.path(),
            expected = mismatch.expected,
            "a field of an event was dropped"
        );
    }
    R::from_sent(decoded.value).ok().map(event)
}
