//! The consumer's calls without an async runtime.

use tokio::runtime::Runtime;
use waldur_sandbox::{Actor, Sandbox};
use waldur_sdk::ClientExt as _;
use waldur_sdk::blocking::Client;
use waldur_sdk::types::{OrderState, ResourceState};

use super::cluster;
use super::common::client_builder_as;
use super::waiting::quickly;

fn client(sandbox: &Sandbox, actor: Actor) -> Client {
    Client::new(client_builder_as(sandbox, actor)).unwrap()
}

#[test]
fn a_resource_is_found_ordered_awaited_changed_and_ended() {
    let runtime = Runtime::new().unwrap();
    let sandbox = runtime.block_on(cluster().start()).unwrap();
    let ids = *sandbox.ids();
    let client_of = |actor| client(&sandbox, actor);
    let (member, owner, provider) =
        (client_of(Actor::Bob), client_of(Actor::Consumer), client_of(Actor::Provider));
    let finish = |order| {
        let order = provider.provider().order(order);
        provider.wait(order.approve()).unwrap();
        provider.wait(order.set_done()).unwrap();
    };
    let offerings = member.consumer().offerings().project(ids.project).name("Polar");
    let offering = member.wait(offerings.first()).unwrap().unwrap();
    let request = member.consumer().project(ids.project).order(&offering);
    let order = member.wait(request.name("waves").attribute("grant", "g1").limit("cpu", 2)).unwrap();
    let uuid = order.order_uuid.unwrap();
    owner.wait(owner.consumer().order(uuid).approve()).unwrap();
    finish(uuid);
    let mut seen = Vec::new();
    let (told, states) = std::sync::mpsc::channel();
    let wait = quickly(order.wait()).on_change(move |order| told.send(order.state.clone()).unwrap());
    let resource = member.wait(wait).unwrap();
    seen.extend(states.iter());
    assert_eq!((resource.name.as_str(), seen), ("waves", vec![OrderState::Done]));
    let handle = owner.consumer().resource(resource.uuid);
    let change = owner.wait(handle.set_limits([("cpu", 8)])).unwrap();
    finish(change.order_uuid.unwrap());
    assert_eq!(owner.wait(quickly(change.wait())).unwrap().limits["cpu"], 8.into());
    let end = owner.wait(handle.terminate()).unwrap();
    finish(end.order_uuid.unwrap());
    assert_eq!(owner.wait(quickly(end.wait())).unwrap().state, ResourceState::Terminated);
}
