//! Accounts that follow events, with the sandbox's broker.

use std::time::Duration;

use tokio::sync::mpsc::unbounded_channel;
use waldur_sandbox::{OfferingUserState as State, Release};
use waldur_sdk::accounts::OfferingUserTransition;
use waldur_sdk::agent::ProcessedAccount;
use waldur_sdk::events::EventKind;
use waldur_sdk::{ClientExt as _, Report};

use crate::accounts::{Directory, NEW, client, processor, sandbox_of};

const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_requested_deletion_is_carried_out_by_its_event() {
    let (sandbox, directory) = (sandbox_of(Release::Newer, NEW).await, Directory::default());
    let (ids, client) = (*sandbox.ids(), client(&sandbox));
    let events = client.events().offerings([ids.offerings.slurm, ids.offerings.bulk]);
    let events = events.kinds([EventKind::OfferingUser]).connect().await.unwrap();
    // Rounds by the interval would come too late for the test.
    let processor = processor(&sandbox, &directory).interval(Duration::from_secs(3600));
    let (sender, mut rounds) = unbounded_channel();
    let state = || {
        let rows = sandbox.offering_users();
        rows.iter().find(|row| row.uuid == ids.offering_user).unwrap().state
    };
    let work = async {
        // The first round is that of the subscription.
        rounds.recv().await.unwrap();
        assert_eq!((directory.world.lock().unwrap().made.len(), state()), (1, State::Ok));
        let handle = client.provider().offering_user(ids.offering_user);
        handle.transition(OfferingUserTransition::RequestDeletion).await.unwrap();
        while state() != State::Deleted {
            rounds.recv().await.unwrap();
        }
    };
    let each = move |report: Report<ProcessedAccount>| {
        assert!(report.is_ok(), "{report:#?}");
        let _ = sender.send(());
    };
    tokio::time::timeout(LIMIT, processor.run_on_events(events, work, each)).await.unwrap();
    assert_eq!(directory.world.lock().unwrap().removed, ["alice01"]);
}
