//! Service providers.

use serde_json::{Map, Value};

use crate::protocol::call::Call;
use crate::protocol::listing::{Fields, object};
use crate::store::{ServiceProvider, State};
use crate::wire::{hex, timestamp};

pub(crate) fn service_provider(
    call: &Call,
    state: &State,
    row: &ServiceProvider,
    fields: &Fields,
) -> Map<String, Value> {
    let customer = state.customers.get(row.customer);
    let mut map = object! { fields;
        "url": call.url(&format!("marketplace-service-providers/{}/", hex(row.uuid))),
        "uuid": hex(row.uuid),
        "created": timestamp(row.created),
        "description": row.description.as_str(),
        "customer": call.url(&format!("customers/{}/", hex(row.customer))),
        "customer_name": customer.map(|customer| customer.name.clone()),
        "customer_uuid": hex(row.customer),
        "customer_image": Value::Null,
        "customer_abbreviation": customer.map(|customer| customer.abbreviation.clone()),
        "customer_native_name": "",
        "customer_country": "EE",
        "image": Value::Null,
        "organization_group": Value::Null,
        "offering_count": state.offerings_of(row.customer).count(),
    };
    if call.caller.is_some() {
        map.extend(object! { fields; "enable_notifications": true });
    }
    map
}
