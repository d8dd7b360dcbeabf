//! Workflows without an async runtime.

use waldur_sandbox::Sandbox;
use waldur_sdk::ClientExt as _;
use waldur_sdk::Decimal;
use waldur_sdk::blocking::Client;

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
fn blocking_calls_return_the_results_of_async_calls() {
    let (sandbox, runtime) = sandbox();
    let client = client(&sandbox);
    let waiting = client.wait(client.provider().orders().pending().all()).unwrap().len();
    assert_eq!(client.wait(client.approve_all_pending_orders()).unwrap().applied(), waiting);
    assert!(client.wait(client.approve_all_executing_orders()).unwrap().is_ok());
    assert!(client.wait(client.complete_all_executing_orders()).unwrap().is_ok());
    let resource = client.wait(client.provider().resources().live().all()).unwrap()[0].uuid;
    client.wait(client.set_usage_for_all_components(resource, Decimal::ONE)).unwrap();
    let narrow = client.provider().orders().offering(uuid::Uuid::from_u128(1));
    assert_eq!(client.block_on(narrow.count()).unwrap().unwrap(), 0);
    // From several threads at once.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| client.wait(client.provider().orders().all()).unwrap());
        }
    });
    drop(runtime);
}

#[tokio::test]
async fn a_blocking_client_is_refused_inside_an_async_runtime() {
    let sandbox = Sandbox::start().await.unwrap();
    let builder = client_builder(&sandbox);
    let error = Client::new(builder.clone()).unwrap_err();
    assert!(error.is_configuration() && error.to_string().contains("inside an async runtime"), "{error}");
    // A client that was created outside, and is dropped inside.
    let client = std::thread::spawn(move || Client::new(builder).unwrap()).join().unwrap();
    assert!(client.wait(client.provider().orders().all()).unwrap_err().is_configuration());
    assert!(client.block_on(async { panic!("must not begin") }).unwrap_err().is_configuration());
    drop(client);
    assert!(sandbox.requests().is_empty());
}
