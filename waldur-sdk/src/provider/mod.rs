//! What a service provider does every day.

mod orders;
mod resources;
mod usage;

use uuid::Uuid;
use waldur_api_client::Operation;

pub use orders::Order;
pub use usage::{AmountFn, Amounts, ComponentUsage, LiveResource, ReportedUsage};

use crate::client::Client;
use crate::error::{Error, ErrorKind};

/// The work of a service provider, for all offerings that the user can see or for some of them.
///
/// A user who is more than a provider, such as staff, sees orders of others too: narrow it down.
#[derive(Clone, Debug)]
pub struct Provider {
    client: Client,
    provider_uuid: Option<Uuid>,
    offering_uuid: Option<Uuid>,
}

impl Provider {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, provider_uuid: None, offering_uuid: None }
    }

    /// Only orders and resources of this provider, by the uuid of its organisation.
    #[must_use]
    pub fn of_customer(mut self, customer: Uuid) -> Self {
        self.provider_uuid = Some(customer);
        self
    }

    /// Only orders and resources of this offering.
    #[must_use]
    pub fn of_offering(mut self, offering: Uuid) -> Self {
        self.offering_uuid = Some(offering);
        self
    }
}

/// A field that was asked for and has to be there.
fn required<T>(operation: &'static Operation, name: &str, value: Option<T>) -> Result<T, Error> {
    value.ok_or_else(|| {
        Error::new(ErrorKind::Decode, format!("{name} is absent or not readable")).in_operation(operation)
    })
}
