//! The accounts of users.

use std::fs;

use serde_json::{Value, json};
use waldur_sandbox::{Actor, OfferingUserState as State, OfferingUserView, Release, Sandbox};
use waldur_sdk::api::Method;

use super::super::common::client_as;
use super::{Process, Slurm};

/// Bob and Carla need an account; so does a user who is called as the superuser is.
async fn sandbox() -> Sandbox {
    let builder = Sandbox::builder().release(Release::Newer).orders(0).without_resources().seed(|seed| {
        let ids = *seed.ids();
        let (carla, root) = (seed.user("carla", "Carla", "da Silva"), seed.user("root", "Rita", "Root"));
        for user in [ids.users.bob, carla, root] {
            seed.offering_user(ids.offerings.slurm, user, "", State::Requested);
        }
    });
    builder.start().await.unwrap()
}

/// The offering users, in the order in which the sandbox makes them.
fn users(sandbox: &Sandbox) -> Vec<OfferingUserView> {
    let slurm = sandbox.ids().offerings.slurm;
    let alice = sandbox.ids().users.alice;
    sandbox.offering_users().into_iter().filter(|row| row.offering == slurm && row.user != alice).collect()
}

fn named(sandbox: &Sandbox) -> Vec<(State, String)> {
    users(sandbox).into_iter().map(|row| (row.state, row.username)).collect()
}

#[tokio::test]
async fn users_get_the_name_of_their_address_once_they_have_an_account() {
    let (sandbox, slurm) = (sandbox().await, Slurm::new());
    let root = "root:x:0:0:root:/root:/bin/sh\n";
    let bob = "bob:x:1001:100:Robert:/home/bob:/bin/sh\n";
    let carla = "carla:x:1002:100::/home/carla:/bin/sh\n";
    fs::write(slurm.path("state/passwd"), format!("{root}{bob}")).unwrap();
    let mut agent = Process::start(&sandbox, &slurm);
    let waits = (State::PendingAccountLinking, String::new());
    let bob_alone = [(State::Ok, "bob".to_owned()), waits.clone(), waits.clone()];
    agent.until("Bob has a name", |_| named(&sandbox) == bob_alone).await;
    let path = format!("/api/marketplace-offering-users/{}/", users(&sandbox)[1].uuid.simple());
    let told = client_as(&sandbox, Actor::Provider).request(Method::GET, path).send().await.unwrap();
    let told: Value = told.json().unwrap();
    assert_eq!(told["service_provider_comment"], "You have no account on the cluster yet");
    assert_eq!(told["service_provider_comment_url"], "https://hpc.example.org/accounts");

    fs::write(slurm.path("state/passwd"), format!("{root}{bob}{carla}")).unwrap();
    let both = [(State::Ok, "bob".to_owned()), (State::Ok, "carla".to_owned()), waits];
    agent.until("Carla has a name", |_| named(&sandbox) == both).await;
    assert!(agent.terminate().await.success());
    sandbox.assert_contract();
}

#[tokio::test]
async fn a_name_made_from_a_full_name_is_that_of_an_account_with_the_full_name() {
    let full_name = "from = \"full_name\"";
    let (sandbox, slurm) =
        (sandbox().await, Slurm::new().set("from = { email = \"example.org\" }", full_name));
    let passwd = [
        "bberg:x:1001:100:Bob Berg,,,:/home/bberg:/bin/sh",
        "cdasilva:x:1002:100:Carlo da Silva,,,:/home/cdasilva:/bin/sh",
    ];
    fs::write(slurm.path("state/passwd"), passwd.join("\n")).unwrap();
    let mut agent = Process::start(&sandbox, &slurm);
    let waits = (State::PendingAccountLinking, String::new());
    let expected = [(State::Ok, "bberg".to_owned()), waits.clone(), waits];
    agent.until("all were looked for", |_| named(&sandbox) == expected).await;
    assert!(agent.terminate().await.success());
    assert!(slurm.lines("calls").contains(&"getent passwd cdasilva".to_owned()));
}

#[tokio::test]
async fn an_offering_that_names_its_users_itself_is_left_alone() {
    let (sandbox, slurm) = (sandbox().await, Slurm::new());
    let policy = json!({ "username_generation_policy": "waldur_username" });
    let offering = sandbox.ids().offerings.slurm;
    sandbox.corrupt("marketplace-provider-offerings", offering, "plugin_options", policy);
    let mut agent = Process::start(&sandbox, &slurm);
    agent.until("they are left alone", |line| line.contains("the policy is waldur_username")).await;
    assert!(agent.terminate().await.success());
    assert!(named(&sandbox).iter().all(|(state, _)| *state == State::Requested));
    assert!(!slurm.lines("calls").iter().any(|call| call.starts_with("getent")));
}
