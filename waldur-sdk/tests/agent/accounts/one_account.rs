//! One account at a time, and a back end that can't work.

use std::sync::atomic::Ordering;

use waldur_sandbox::{Fault, Misbehaviour, OfferingUserState as State};
use waldur_sdk::agent::AccountResultKind as Kind;

use crate::accounts::{Directory, NEW, OF_EACH, processor, sandbox_with, states, uuid_at};

#[tokio::test]
async fn one_account_is_processed_now() {
    let (sandbox, directory) = (sandbox_with(OF_EACH).await, Directory::default());
    let processor = processor(&sandbox, &directory);
    let before = states(&sandbox);
    for (place, kind, state, requests) in [
        // The account, the policy, the beginning and the name.
        (0, Kind::Ready, State::Ok, 4),
        (6, Kind::Deleted, State::Deleted, 3),
        (10, Kind::NothingToDo, State::Ok, 1),
        (11, Kind::NothingToDo, State::Deleted, 1),
    ] {
        sandbox.clear_requests();
        let item = processor.process(uuid_at(&sandbox, place)).await.unwrap();
        assert_eq!((item.target.result.kind(), item.outcome.is_ok()), (kind, true), "{item}");
        assert_eq!((states(&sandbox)[place], sandbox.requests().len()), (state, requests));
    }
    // The others weren't touched.
    assert_eq!(states(&sandbox)[1..6], before[1..6]);
    let item = processor.process(uuid_at(&sandbox, 0)).await.unwrap();
    assert_eq!(item.target.result.kind(), Kind::NothingToDo);
    assert_eq!(directory.world.lock().unwrap().made, ["new"]);
    let unknown = waldur_sdk::Uuid::from_u128(7);
    assert!(processor.process(unknown).await.unwrap_err().is_not_found());
    processor.stop_handle().stop();
    let item = processor.process(uuid_at(&sandbox, 1)).await.unwrap();
    assert_eq!(item.target.result.kind(), Kind::NotBegun);
}

#[tokio::test]
async fn one_account_is_not_named_where_waldur_names_accounts() {
    let (sandbox, directory) = (sandbox_with(NEW).await, Directory::default());
    let slurm = sandbox.ids().offerings.slurm;
    let options = serde_json::json!({ "username_generation_policy": "waldur_username" });
    sandbox.corrupt("marketplace-provider-offerings", slurm, "plugin_options", options);
    let item = processor(&sandbox, &directory).process(uuid_at(&sandbox, 0)).await.unwrap();
    assert_eq!(item.target.result.kind(), Kind::NotNamedByProvider);
    sandbox.clear_corruptions();
    sandbox.misbehave(
        Misbehaviour::new(Fault::Status(403)).operation("marketplace_provider_offerings_retrieve"),
    );
    let item = processor(&sandbox, &directory).process(uuid_at(&sandbox, 0)).await.unwrap();
    assert_eq!((item.target.result.kind(), item.outcome.is_ok()), (Kind::Held, false));
    assert_eq!((states(&sandbox)[0], directory.world.lock().unwrap().calls), (State::Requested, 0));
}

#[tokio::test]
async fn nothing_is_touched_while_the_back_end_is_not_ready() {
    let (sandbox, directory) = (sandbox_with(OF_EACH).await, Directory::default());
    let (processor, before) = (processor(&sandbox, &directory), states(&sandbox));
    directory.is_away.store(true, Ordering::Relaxed);
    let report = processor.run_once().await;
    assert_eq!((report.unlisted.len(), report.items.len(), report.is_ok()), (2, 0, false));
    assert_eq!(report.to_string(), "0 applied, 2 offerings not listed");
    for failure in &report.unlisted {
        assert!(failure.error.is_backend(), "{}", failure.error);
        assert_eq!(failure.error.to_string(), "the back end: the directory is away");
    }
    assert_eq!(sandbox.requests().len(), 0);
    let item = processor.process(uuid_at(&sandbox, 0)).await.unwrap();
    assert_eq!((item.target.result.kind(), states(&sandbox)), (Kind::Held, before));
    assert_eq!(sandbox.requests().len(), 1);
    // Back again, the next round doesn't wait.
    directory.is_away.store(false, Ordering::Relaxed);
    assert!(processor.run_once().await.is_ok());
    assert_eq!(directory.world.lock().unwrap().made.len(), 6);
}
