//! Errors: one type for the calls of either crate, which can be kept and passed around.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use waldur_sandbox::{Actor, Fault, Sandbox};
use waldur_sdk::{Client, Error, List as _, Outcome, Report, Rows, Uuid};

fn is_shared<T: Clone + Send + Sync + 'static>() {}
fn is_send<T: Send>(value: T) -> T {
    value
}

#[test]
fn errors_can_be_kept() {
    is_shared::<Error>();
    is_shared::<waldur_sdk::api::Error>();
    is_shared::<Outcome>();
    is_shared::<Report>();
    is_shared::<Rows<Uuid>>();
}

async fn mixed(client: &Client, order: Uuid) -> Result<usize, Error> {
    // The generated client's calls and the workflows', by the same `?`.
    client.api().marketplace_orders_retrieve().uuid(order).send().await?;
    let users = client.api().users_list().all().await?;
    Ok(users.len() + client.orders([]).await?.len())
}

#[tokio::test]
async fn calls_of_both_crates_have_one_error() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build().unwrap();
    let order = sandbox.orders()[0].uuid;
    assert!(is_send(mixed(&client, order)).await.unwrap() > 0);

    let error = mixed(&client, Uuid::nil()).await.unwrap_err();
    assert!(error.is_not_found() && error.operation() == "marketplace_orders_retrieve", "{error}");
    assert!(error.attempts() == 1 && !error.messages().is_empty());
    let kept = error.clone();
    assert_eq!((kept.to_string(), kept.kind()), (error.to_string(), error.kind()));

    sandbox.fail_next(1, "GET", &format!("/{}/", order.simple()), Fault::Status(500));
    let error = mixed(&client, order).await.unwrap_err();
    assert!(error.is_server() && error.status() == Some(500) && error.body().contains('<'), "{error}");
}
