//! The scheme of older servers: a subscription for each kind of events, with a queue for each offering.

use uuid::Uuid;
use waldur_api_client::builder::{
    EventSubscriptionsCreateQueue, MarketplaceSiteAgentIdentitiesRegisterEventSubscription,
};
use waldur_api_client::types::{
    AgentEventSubscriptionCreateRequest, EventSubscriptionQueueCreateRequest, ObservableObjectTypeEnum,
};
use waldur_api_client::{Error, ErrorKind, Operation};

use super::{Login, Queue, Registrant, Registration, Scheme, lacks_of};
use crate::events::event::EventKind;

const SUBSCRIBE: &Operation = MarketplaceSiteAgentIdentitiesRegisterEventSubscription::OPERATION;
const CREATE_QUEUE: &Operation = EventSubscriptionsCreateQueue::OPERATION;

impl Registrant {
    /// Registers a subscription and a queue for each kind. A kind that the server doesn't know is left out,
    /// with a warning, unless it knows none of them.
    pub(super) async fn register_subscriptions(&self, identity: Uuid) -> Result<Registration, Error> {
        let all = ObservableObjectTypeEnum::KNOWN.iter().copied().map(EventKind::from);
        let kinds = if self.kinds.is_empty() { all.collect() } else { self.kinds.clone() };
        let (mut logins, mut refusal) = (Vec::new(), None);
        for kind in kinds {
            match self.subscribe(identity, &kind).await {
                Ok(login) => logins.push(login),
                Err(error) if refuses_kind(&error) => {
                    tracing::warn!(%kind, %error, "the server has no events of this kind");
                    refusal = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        match refusal {
            Some(error) if logins.is_empty() => Err(error),
            _ => Ok(Registration { scheme: Scheme::Legacy, logins }),
        }
    }

    async fn subscribe(&self, identity: Uuid, kind: &EventKind) -> Result<Login, Error> {
        let object_type = ObservableObjectTypeEnum::from(kind.as_str());
        // The server finds the subscription and the queue that are there.
        let client = self.client.assume_idempotent();
        let body = AgentEventSubscriptionCreateRequest::builder().observable_object_type(object_type.clone());
        let call = client.marketplace_site_agent_identities_register_event_subscription().uuid(identity);
        let subscription = call.body(body).send().await?.into_inner().unwrap_or_default();
        let uuid = subscription.uuid.ok_or_else(|| lacks_of(SUBSCRIBE, "uuid"))?;
        let body = EventSubscriptionQueueCreateRequest::builder()
            .offering_uuid(self.offering)
            .object_type(object_type);
        let call = client.event_subscriptions_create_queue().uuid(uuid);
        let queue = call.body(body).send().await?.into_inner().unwrap_or_default();
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        let vhost = filled(queue.vhost).or(subscription.user_uuid.map(|user| user.simple().to_string()));
        let name = filled(queue.queue_name).ok_or_else(|| lacks_of(CREATE_QUEUE, "queue_name"))?;
        Ok(Login {
            login: uuid.simple().to_string(),
            vhost: vhost.ok_or_else(|| lacks_of(CREATE_QUEUE, "vhost"))?,
            queues: vec![Queue { name, kind: Some(kind.clone()) }],
            subscription: Some(uuid),
        })
    }

    /// Removes a subscription, of which all agents of the user have one for each kind. They notice that their
    /// login is gone, and register again.
    pub(super) async fn remove_subscription(&self, subscription: Uuid) -> Result<(), Error> {
        tracing::warn!(%subscription, "removing a subscription whose login isn't accepted");
        match self.client.event_subscriptions_destroy().uuid(subscription).send().await {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Returns whether the server doesn't know the kind of events.
fn refuses_kind(error: &Error) -> bool {
    let about = |field| error.messages().about(field).next().is_some();
    error.is_validation() && (about("observable_object_type") || about("object_type"))
}
