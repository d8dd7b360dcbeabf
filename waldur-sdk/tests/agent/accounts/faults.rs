//! Answers that are lost, errors and outages.

use std::time::Duration;

use waldur_sandbox::{Fault, Misbehaviour, OfferingUserState as State, Sandbox};
use waldur_sdk::RetryPolicy;
use waldur_sdk::agent::{AccountResultKind as Kind, AccountsProcessor};

use crate::accounts::{Directory, NEW, OF_EACH, kinds, processor, processor_of, sandbox_with, states, there};
use crate::common::{client_builder, posts_to, quick, sent};

const GONE: &[(&str, State, &str)] = &[("gone", State::RequestedDeletion, "hpc_gone")];

#[tokio::test]
async fn lost_answers_are_looked_up_and_nothing_is_sent_twice() {
    for (users, method, path_end, end) in [
        (NEW, "POST", "/begin_creating/", Kind::Ready),
        (NEW, "PATCH", "/", Kind::Ready),
        (GONE, "POST", "/set_deleting/", Kind::Deleted),
        (GONE, "POST", "/set_deleted/", Kind::Deleted),
    ] {
        for (fault, times) in [(Fault::ResetAfter, 1), (Fault::StatusAfter(502), 1), (Fault::ResetBefore, 2)]
        {
            let (sandbox, directory) = (sandbox_with(users).await, Directory::default());
            sandbox.fail_next(1, method, path_end, fault.clone());
            let report = processor(&sandbox, &directory).run_once().await;
            assert_eq!(kinds(&report), [end], "{path_end} {fault:?}: {report:#?}");
            let count =
                if method == "PATCH" { sent(&sandbox, "PATCH") } else { posts_to(&sandbox, path_end) };
            assert_eq!(count, times, "{path_end} {fault:?}");
            let world = directory.world.lock().unwrap();
            assert_eq!(world.made.len() + world.removed.len(), 1);
        }
    }
}

#[tokio::test]
async fn a_failing_server_errs_no_account() {
    for (operation, users, left) in [
        ("marketplace_offering_users_begin_creating", NEW, State::Requested),
        ("marketplace_offering_users_partial_update", NEW, State::Creating),
        ("marketplace_provider_offerings_retrieve", NEW, State::Requested),
        ("marketplace_offering_users_set_deleting", GONE, State::RequestedDeletion),
        ("marketplace_offering_users_set_deleted", GONE, State::Deleting),
    ] {
        for fault in
            [Fault::Status(500), Fault::Status(503), Fault::Status(403), Fault::ResetBefore, Fault::Portal]
        {
            let (sandbox, directory) = (sandbox_with(users).await, Directory::default());
            sandbox.misbehave(Misbehaviour::new(fault.clone()).operation(operation));
            let client = client_builder(&sandbox).retry(quick().max_elapsed(Duration::from_millis(50)));
            let processor = processor_of(&client.build().unwrap(), &sandbox, &directory);
            let report = processor.run_once().await;
            assert!(matches!(kinds(&report)[..], [Kind::Failed | Kind::Held]), "{operation}: {report:#?}");
            assert_eq!(states(&sandbox), [left], "{operation} {fault:?}");
            sandbox.clear_faults();
            let report = processor.run_once().await;
            assert_eq!(report.applied(), 1, "{operation} {fault:?}: {report:#?}");
            assert!(directory.world.lock().unwrap().made.len() <= 1);
        }
    }
}

#[tokio::test]
async fn on_a_bad_day_every_account_ends_right() {
    for dice in 0..3 {
        let builder = Sandbox::builder().orders(0).dice(dice).seed(|seed| {
            let offerings = seed.ids().offerings;
            for round in 0..3 {
                for (at, (user, state, username)) in OF_EACH.iter().enumerate() {
                    let offering = if at % 2 == 0 { offerings.slurm } else { offerings.bulk };
                    let person = seed.user(&format!("{user}{round}"), "Test", user);
                    seed.offering_user(offering, person, username, *state);
                }
            }
        });
        let sandbox = builder.start().await.unwrap();
        sandbox.misbehave(Misbehaviour::any_of(Fault::each()).chance(0.2));
        let client =
            client_builder(&sandbox).timeout(Duration::from_millis(400)).retry(quick()).build().unwrap();
        let directory = Directory::default();
        let is_done = |state: &State| matches!(state, State::Ok | State::Deleted);
        let mut rounds = 0;
        while !states(&sandbox).iter().all(is_done) {
            rounds += 1;
            assert!(rounds < 300, "{:?}", there(&sandbox));
            // A new process each time.
            let report = processor_of(&client, &sandbox, &directory).run_once().await;
            assert_eq!(report.count(Kind::Erred), 0, "{report:#?}");
            let erred = states(&sandbox).iter().filter(|state| **state == State::ErrorCreating).count();
            assert!(erred <= 3, "only those that were erred from the start");
        }
        sandbox.clear_faults();
        for (state, name) in there(&sandbox) {
            assert!(state == State::Deleted || name.starts_with("hpc_") || name == "other", "{name:?}");
        }
        // Six of each dozen are made, once each.
        let world = directory.world.lock().unwrap();
        assert_eq!(world.made.len(), 18, "{:?}", world.made);
    }
}

#[tokio::test]
async fn an_offering_that_cannot_be_listed_costs_no_other() {
    let (sandbox, directory) = (sandbox_with(OF_EACH).await, Directory::default());
    let offerings = sandbox.ids().offerings;
    let once = client_builder(&sandbox).bulk_concurrency(1).retry(RetryPolicy::never()).build().unwrap();
    let listed = Misbehaviour::new(Fault::Status(500)).operation("marketplace_offering_users_list");
    sandbox.misbehave(listed.times(1));
    let processor = AccountsProcessor::new(&once, [offerings.slurm, offerings.bulk], directory.clone());
    let report = processor.run_once().await;
    assert_eq!((report.unlisted.len(), report.applied(), report.is_ok()), (1, 5, false), "{report:#?}");
    assert!(processor.run_once().await.is_ok());
    assert_eq!(
        states(&sandbox).iter().filter(|state| matches!(state, State::Ok | State::Deleted)).count(),
        12
    );
}

#[tokio::test]
async fn a_long_outage_holds_the_rest_of_a_round_back() {
    let builder = Sandbox::builder().orders(0).seed(|seed| {
        for at in 0..100 {
            let user = seed.user(&format!("user{at}"), "Test", "User");
            let bulk = seed.ids().offerings.bulk;
            seed.offering_user(bulk, user, "", State::Requested);
        }
    });
    let sandbox = builder.start().await.unwrap();
    sandbox.misbehave(Misbehaviour::new(Fault::Status(500)).after(2));
    let policy = RetryPolicy::default().max_elapsed(Duration::from_millis(200));
    let policy = policy.backoff(Duration::from_millis(1), Duration::from_millis(20));
    let client = client_builder(&sandbox).retry(policy).build().unwrap();
    let bulk = [sandbox.ids().offerings.bulk];
    let processor = AccountsProcessor::new(&client, bulk, Directory::default());
    let report = processor.run_once().await;
    assert!(report.count(Kind::Held) > 50, "{report}");
    assert_eq!(states(&sandbox), [State::Requested; 100]);
    sandbox.clear_faults();
    // What was held back doesn't rest.
    assert_eq!(processor.run_once().await.count(Kind::Ready), report.count(Kind::Held));
}
