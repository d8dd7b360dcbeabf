//! One user at a time, and how many requests that takes.

use waldur_sandbox::{Actor, OfferingUserState as State, Sandbox, Seed};
use waldur_sdk::Uuid;
use waldur_sdk::membership::Membership;

use crate::membership::{Recorder, caller};

/// Two hundred users beside Alice, in a project with a resource of its own for every ten. The first of them
/// is in two projects.
async fn large() -> Sandbox {
    let seed = |seed: &mut Seed<'_>| {
        let ids = *seed.ids();
        let slurm = ids.offerings.slurm;
        let mut first = None;
        for number in 0..20 {
            let project = seed.project(ids.consumer_customer, &format!("Project {number}"));
            let resource =
                seed.resource(slurm, project, &format!("large-{number}"), waldur_sandbox::ResourceState::Ok);
            seed.backend_id(resource, &format!("large_{number}"));
            for place in 0..10 {
                let name = format!("user{number:02}{place}");
                let user = seed.user(&name, "User", &name);
                seed.role(user, project, "PROJECT.MEMBER", None);
                seed.offering_user(slurm, user, &name, State::Ok);
                first.get_or_insert(user);
            }
            if let Some(user) = first.filter(|_| number == 1) {
                seed.role(user, project, "PROJECT.ADMIN", None);
            }
        }
    };
    Sandbox::builder().orders(0).seed(seed).start().await.unwrap()
}

fn user(sandbox: &Sandbox, account: &str) -> Uuid {
    sandbox.offering_users().into_iter().find(|row| row.username == account).unwrap().user
}

#[tokio::test]
async fn one_user_is_synchronized_and_nobody_else() {
    let sandbox = large().await;
    let (slurm, client) = (sandbox.ids().offerings.slurm, caller(&sandbox, Actor::Provider));
    // Two of them left; another isn't in any team.
    let recorder = Recorder::of(["user000", "user050", "root"]);
    let membership = Membership::new(&client, &recorder).offering(slurm).remove_unknown();
    let sync = membership.sync_user(user(&sandbox, "user010")).await.unwrap();
    assert!(sync.is_ok(), "{sync}");
    assert_eq!(recorder.changes(), ["add large_1 user010"]);
    let recorder = Recorder::of(["user000", "user050", "root"]);
    let membership = Membership::new(&client, &recorder).offering(slurm).remove_unknown();
    let _ = membership.sync_user(user(&sandbox, "user000")).await.unwrap();
    // In the teams of two resources, and out of the others.
    let changes = recorder.changes();
    assert_eq!(changes.len(), 20, "{changes:?}");
    assert!(changes.iter().all(|change| change.starts_with("remove") && change.ends_with(" user000")));
    for resource in ["large_0 ", "large_1 "] {
        assert!(changes.iter().all(|change| !change.contains(resource)), "{changes:?}");
    }
    // Nobody has to do with somebody whom Waldur doesn't know.
    let recorder = Recorder::of(["root"]);
    let sync = Membership::new(&client, &recorder).sync_user(Uuid::from_u128(7)).await.unwrap();
    assert!(sync.resources.items.is_empty() && recorder.calls.lock().unwrap().is_empty(), "{sync}");
}

#[tokio::test]
async fn one_user_takes_few_requests() {
    let sandbox = large().await;
    let (slurm, client) = (sandbox.ids().offerings.slurm, caller(&sandbox, Actor::Provider));
    let recorder = Recorder::of([]);
    let membership = Membership::new(&client, &recorder).offering(slurm);
    // The resources, the user's account, and the teams of 21 projects.
    let sync = membership.sync_user(user(&sandbox, "user010")).await.unwrap();
    assert_eq!((sync.resources.items.len(), sandbox.requests().len()), (1, 23), "{sync}");
    let accounts = |request: &&waldur_sandbox::Request| request.path.contains("offering-users");
    let query = sandbox.requests().iter().find(accounts).unwrap().query.clone();
    assert!(query.contains("user_uuid="), "{query}");
    // Whether an offering has terms shows in the accounts of everybody.
    sandbox.clear_requests();
    let _ = membership.clone().require_consent().sync_user(user(&sandbox, "user010")).await.unwrap();
    let query = sandbox.requests().iter().find(accounts).unwrap().query.clone();
    assert!(!query.contains("user_uuid="), "{query}");
    // One resource: itself, its team, and the accounts.
    sandbox.clear_requests();
    let _ = membership.sync_resource(sandbox.ids().resources.ok).await.unwrap();
    assert_eq!(sandbox.requests().len(), 3);
}
