//! Workflows without an async runtime.

use waldur_sandbox::Sandbox;
use waldur_sdk::ClientExt as _;
use waldur_sdk::Decimal;
use waldur_sdk::blocking::Client;
use waldur_sdk::types::OrderState;

use crate::common::client_builder;

/// A sandbox that runs on another thread's runtime.
fn sandbox() -> (Sandbox, tokio::runtime::Runtime) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    (runtime.block_on(Sandbox::start()).unwrap(), runtime)
}

fn client(sandbox: &Sandbox) -> Client {
    let builder = client_builder(sandbox);
    Client::new(builder).unwrap()
}

#[test]
fn the_workflows_are_the_same() {
    let (sandbox, runtime) = sandbox();
    let client = client(&sandbox);
    let waiting = client.orders([OrderState::PendingProvider]).unwrap().len();
    assert_eq!(client.approve_all_pending_orders().unwrap().done(), waiting);
    assert!(client.approve_all_executing_orders().unwrap().is_ok());
    assert!(client.complete_all_executing_orders().unwrap().is_ok());
    let resource = client.live_resources().unwrap()[0].uuid;
    client.set_usage_for_all_components(resource, Decimal::ONE).unwrap();
    let narrow = client.block_on(|client| async move {
        client.provider().of_offering(uuid::Uuid::from_u128(1)).live_resources().await
    });
    assert!(narrow.unwrap().unwrap().is_empty());
    // From several threads at once.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| client.orders([]).unwrap());
        }
    });
    drop(runtime);
}

#[tokio::test]
async fn inside_of_async_it_says_so() {
    let sandbox = Sandbox::start().await.unwrap();
    let builder = client_builder(&sandbox);
    let error = Client::new(builder.clone()).unwrap_err();
    assert!(error.is_configuration() && error.to_string().contains("inside an async runtime"), "{error}");
    // One that was made outside, and dropped inside.
    let client = std::thread::spawn(move || Client::new(builder).unwrap()).join().unwrap();
    assert!(client.orders([]).unwrap_err().is_configuration());
    assert!(client.block_on(|_| async { panic!("must not begin") }).unwrap_err().is_configuration());
    drop(client);
    assert!(sandbox.requests().is_empty());
}
