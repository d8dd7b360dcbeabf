//! The typed helpers for httpmock, called through the client.
#![cfg(feature = "provider")]
#![allow(clippy::unwrap_used, reason = "tests state what must hold by panicking")]

use httpmock::MockServer;
use serde_json::json;
use uuid::Uuid;
use waldur_api_client::mock::MockServerExt as _;
use waldur_api_client::types::{
    ComponentUsageCreateRequest, ComponentUsageItemRequest, OrderDetails, OrderDetailsOEnum, OrderState,
};
use waldur_api_client::{Client, CommaSeparated, Decimal};

const ORDER: Uuid = Uuid::from_u128(0x227e_d643_4294_531b_83de_eada_7708_2d05);

async fn start() -> (MockServer, Client) {
    let server = MockServer::start_async().await;
    let client = Client::builder().url(server.base_url()).token("0123").no_proxy().build().unwrap();
    (server, client)
}

#[tokio::test]
async fn a_list_is_matched_by_its_parameters_and_answered_with_models() {
    let (server, client) = start().await;
    let states = vec![OrderState::Executing, OrderState::Other("new-state".to_owned())];
    let order = [OrderDetailsOEnum::CreatedDescending, OrderDetailsOEnum::State];
    let list = server.marketplace_orders_list(|when, then| {
        when.state(&states).o(&CommaSeparated::from(order.clone())).offering_uuid(&ORDER).page(None);
        let one =
            OrderDetails { uuid: Some(ORDER), state: Some(OrderState::Executing), ..Default::default() };
        then.success(200, &vec![one]);
    });
    let call = || client.marketplace_orders_list().state(states.clone()).offering_uuid(ORDER);
    let orders = call().o(order.clone()).send().await.unwrap().into_inner();
    assert_eq!((orders.len(), orders[0].uuid), (1, Some(ORDER)));
    assert_eq!((orders[0].state.as_ref(), orders[0].created), (Some(&OrderState::Executing), None));
    list.assert_calls_async(1).await;
    // Another order, one state less, and a page are other calls.
    let others = [
        call().o(OrderDetailsOEnum::State),
        call().o(order.clone()).state([OrderState::Executing]),
        call().o(order.clone()).page(2),
    ];
    for other in others {
        let error = other.send().await.unwrap_err();
        assert_eq!(error.status(), Some(404));
    }
    list.assert_calls_async(1).await;
}

#[tokio::test]
async fn a_post_is_matched_by_its_body() {
    let (server, client) = start().await;
    let body = |amount| {
        let item = ComponentUsageItemRequest::builder().type_("cpu").amount(amount).try_into().unwrap();
        let body = ComponentUsageCreateRequest::builder().resource(ORDER).usages(vec![item]);
        ComponentUsageCreateRequest::try_from(body).unwrap()
    };
    let set_usage = server.marketplace_component_usages_set_usage(|when, then| {
        when.body(&body(Decimal::new(30, 2)));
        then.success(201);
    });
    let call = |amount| client.marketplace_component_usages_set_usage().body(body(amount)).send();
    assert_eq!(call(Decimal::new(30, 2)).await.unwrap().status(), 201);
    assert!(call(Decimal::new(31, 2)).await.is_err());
    set_usage.assert_calls_async(1).await;
}

#[tokio::test]
async fn a_call_of_one_object_is_matched_by_its_uuid() {
    let (server, client) = start().await;
    let approve = server.marketplace_orders_approve_by_provider(|when, then| {
        when.uuid(&ORDER);
        // What the helpers don't have is said in the words of httpmock.
        then.into_inner().status(409).json_body(json!({"detail": "in another state"}));
    });
    let call = |uuid| client.marketplace_orders_approve_by_provider().uuid(uuid).send();
    let error = call(ORDER).await.unwrap_err();
    assert_eq!(error.status().unwrap(), 409);
    let error = call(Uuid::nil()).await.unwrap_err();
    assert_eq!(error.status(), Some(404));
    approve.assert_calls_async(1).await;
}
