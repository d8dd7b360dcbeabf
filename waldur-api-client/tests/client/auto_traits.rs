//! Public types are sent between threads and cloned as programs need it. The compiler checks it.
use waldur_api_client::types::{OrderDetails, ResourceBackendIdRequest};
use waldur_api_client::{
    AccessToken, ByteStream, Client, ClientBuilder, ClientCredentials, CommaSeparated, Credentials, Decimal,
    DecodeError, Error, ErrorKind, ItemStream, ListExt as _, ListRequest, Message, Messages, Method,
    Multipart, Nullable, Number, NumberOrText, Operation, Page, PageStream, PageToken, Projection,
    RawRequest, RawResponse, Response, RetrieveExt as _, RetryPolicy, Transport, TypeMismatch, Uuid, builder,
};

fn send<T: Send + 'static>() {}
fn send_sync<T: Send + Sync + 'static>() {}
fn clone<T: Clone>() {}
fn future<F: Future + Send + 'static>(_: F) {}

#[derive(serde::Deserialize)]
#[expect(dead_code, reason = "the rows are never read")]
struct Row {
    uuid: Uuid,
}

/// Checks each type for the traits that stand before it.
macro_rules! each {
    ($($check:ident)+: $($type:ty),+ $(,)?) => {{ each!(@types ($($check)+) $($type,)+); }};
    (@types $checks:tt $($type:ty,)+) => { $(each!(@one $checks $type);)+ };
    (@one ($($check:ident)+) $type:ty) => { $($check::<$type>();)+ };
}

#[test]
fn types_are_send_sync_and_clone() {
    each!(send_sync clone: Client, ClientBuilder, Credentials, ClientCredentials, AccessToken, RetryPolicy);
    each!(send_sync clone: Error, ErrorKind, Message, Messages, Operation, TypeMismatch);
    each!(send_sync clone: Response<OrderDetails>, RawResponse, Page<OrderDetails>, PageToken);
    each!(send_sync clone: ListRequest<OrderDetails>, Projection<Row>);
    each!(send_sync clone: builder::MarketplaceOrdersList, builder::MarketplaceOrdersSetStateDone);
    each!(send_sync clone: OrderDetails, ResourceBackendIdRequest);
    each!(send_sync clone: CommaSeparated<String>, Nullable<String>, Number, NumberOrText, Decimal, Method);
    each!(send_sync: DecodeError, std::sync::Arc<dyn Transport>);
    each!(send: ItemStream<OrderDetails>, PageStream<OrderDetails>, ByteStream, RawRequest, Multipart);
}

#[test]
fn futures_are_send_and_own_what_they_need() {
    let client = Client::builder().url("http://127.0.0.1:1").token("0123").build().expect("a client");
    let list = || client.marketplace_orders_list();
    future(list().send());
    future(list().all());
    future(list().first());
    future(list().count());
    future(list().select::<Row>().all());
    future(client.marketplace_orders_retrieve().uuid(Uuid::nil()).send());
    future(client.marketplace_orders_retrieve().uuid(Uuid::nil()).select::<Row>().into_future());
    future(client.marketplace_orders_set_state_done().uuid(Uuid::nil()).send());
    future(client.marketplace_orders_set_provider_info().uuid(Uuid::nil()).upload(Multipart::new()));
    future(client.request(Method::GET, "/api/").send());
    future(client.request(Method::GET, "/api/").stream());
}
