//! Offering users.

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::protocol::call::Call;
use crate::protocol::listing::{Fields, object};
use crate::store::{OfferingUser, State};
use crate::wire::{hex, timestamp};

pub(crate) fn offering_user(
    call: &Call,
    state: &State,
    row: &OfferingUser,
    fields: &Fields,
) -> Map<String, Value> {
    let (Some(offering), Some(person)) = (state.offerings.get(row.offering), state.people.get(row.person))
    else {
        return Map::new();
    };
    object! { fields;
        "url": offering_user_address(call, row.uuid),
        "uuid": hex(row.uuid),
        "user": call.url(&format!("users/{}/", hex(person.uuid))),
        "offering": call.url(&format!("marketplace-provider-offerings/{}/", hex(offering.uuid))),
        "username": row.username.clone(),
        "offering_uuid": hex(offering.uuid),
        "offering_name": offering.name.as_str(),
        "user_uuid": hex(person.uuid),
        "user_username": person.username(),
        "user_full_name": person.full_name(),
        "user_email": person.email(),
        "created": timestamp(row.created),
        "modified": timestamp(row.modified),
        "propagation_date": row.propagated.map(timestamp),
        "customer_uuid": hex(offering.customer),
        "customer_name": state.customers.get(offering.customer).map(|customer| customer.name.clone()),
        "is_restricted": row.restricted,
        "state": row.state.as_str(),
        "service_provider_comment": row.comment.as_str(),
        "service_provider_comment_url": row.comment_url.as_str(),
        "has_consent": row.consent.given,
        "requires_reconsent": row.consent.outdated,
    }
}

pub(crate) fn offering_user_address(call: &Call, uuid: Uuid) -> String {
    call.url(&format!("marketplace-offering-users/{}/", hex(uuid)))
}
