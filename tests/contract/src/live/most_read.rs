//! The lists that a provider's software reads most.

use serde_json::Value;
use waldur_api_client::{Client, ListExt as _, ListRequest};

/// Returns a list with chosen fields.
pub(super) type Listing = fn(&Client) -> ListRequest<Value>;

/// The lists that a provider's software reads most. Paging and times are examined on these.
pub(super) const MOST_READ: [(&str, Listing); 7] = [
    ("marketplace_orders_list", |client| client.marketplace_orders_list().select_fields(["uuid"])),
    ("marketplace_provider_resources_list", |client| {
        client.marketplace_provider_resources_list().select_fields(["uuid"])
    }),
    ("marketplace_provider_offerings_list", |client| {
        client.marketplace_provider_offerings_list().select_fields(["uuid"])
    }),
    ("marketplace_component_usages_list", |client| {
        client.marketplace_component_usages_list().select_fields(["uuid"])
    }),
    ("marketplace_offering_users_list", |client| {
        client.marketplace_offering_users_list().select_fields(["uuid"])
    }),
    ("users_list", |client| client.users_list().select_fields(["uuid"])),
    ("keys_list", |client| client.keys_list().select_fields(["uuid"])),
];
