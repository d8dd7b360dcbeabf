//! What a provider notes on an order: its id in the back end, and a message for the customer.

use uuid::Uuid;
use waldur_api_client::types::{OrderBackendIdRequest, OrderProviderInfoRequest};
use waldur_api_client::{Client, Error};

use super::OrderHandle;
use crate::backend_id::BackendId;
use crate::confirm::{Applied, Confirm, Seen};
use crate::row::{self, row};

row! {
    struct InfoRow {
        // A response without it says nothing about the other fields either.
        #[allow(dead_code, reason = "it has to be there")]
        uuid: Uuid = need "uuid",
        backend_id: String = or_default "backend_id",
        provider_message: String = or_default "provider_message",
        provider_message_url: String = or_default "provider_message_url",
    }
}

impl OrderHandle {
    /// Sets the id of the order in the back end, such as that of a job. The resource has an id of its own.
    /// (`marketplace_orders_set_backend_id`)
    ///
    /// Requires the permission `RESOURCE.SET_BACKEND_ID` on the offering or the provider's organization.
    ///
    /// # Errors
    /// If there is no such order ([`Error::is_not_found`]), the caller may not ([`Error::is_forbidden`]), or
    /// the server is too old ([`Error::is_unsupported`]). [`Error::is_unconfirmed`] if the responses are
    /// lost.
    pub async fn set_backend_id(&self, id: &BackendId) -> Result<Applied, Error> {
        send_backend_id(&self.client, Confirm::new(&self.client), self.uuid, id).await
    }

    /// Sets the message that the customer reads on the order, and the address of a page with more, which may
    /// be empty. They replace the earlier ones. (`marketplace_orders_set_provider_info`)
    ///
    /// Requires the permission `ORDER.APPROVE` on the provider's organization.
    ///
    /// # Errors
    /// Those of [`set_backend_id`](Self::set_backend_id), and [`Error::is_validation`] if the address is not
    /// a URL.
    pub async fn set_provider_message(
        &self,
        message: impl Into<String>,
        url: impl Into<String>,
    ) -> Result<Applied, Error> {
        let (message, url) = (message.into(), url.into());
        let body = OrderProviderInfoRequest::builder()
            .provider_message(message.clone())
            .provider_message_url(url.clone());
        let call = self.client.marketplace_orders_set_provider_info().uuid(self.uuid).body(body);
        let send = || async { call.clone().send().await.map(drop) };
        let is_so = |row: &InfoRow| row.provider_message == message && row.provider_message_url == url;
        confirmed(&self.client, Confirm::new(&self.client), self.uuid, send, is_so).await
    }
}

/// Sets the id of an order in the back end.
///
/// # Errors
/// The server's refusal, or [`Error::is_unconfirmed`] if whether the id was set is unknown.
pub(crate) async fn send_backend_id(
    client: &Client,
    confirm: Confirm<'_>,
    order: Uuid,
    id: &BackendId,
) -> Result<Applied, Error> {
    let body = OrderBackendIdRequest::builder().backend_id(id.as_str());
    let call = client.marketplace_orders_set_backend_id().uuid(order).body(body);
    let send = || async { call.clone().send().await.map(drop) };
    // Servers cut white space off.
    confirmed(client, confirm, order, send, |row: &InfoRow| row.backend_id == id.as_str().trim()).await
}

async fn confirmed<S: Future<Output = Result<(), Error>>>(
    client: &Client,
    confirm: Confirm<'_>,
    order: Uuid,
    send: impl Fn() -> S,
    is_so: impl Fn(&InfoRow) -> bool,
) -> Result<Applied, Error> {
    let look = || async {
        let row: InfoRow = row::retrieve(client.marketplace_orders_retrieve().uuid(order)).await?;
        Ok(match is_so(&row) {
            true => Seen::Applied(()),
            false => Seen::Unchanged("the order shows another value".to_owned()),
        })
    };
    let ((), applied) = confirm.after(Error::is_ambiguous).send(send, look).await?;
    Ok(applied)
}
