//! Synchronisations that are cut off.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::Poll;

use waldur_sandbox::{Actor, Fault, Misbehaviour};
use waldur_sdk::membership::Membership;

use crate::membership::{Groups, caller, sandbox};

/// Cut off at any request, or after any call of the back end, and run again: the same members.
#[tokio::test]
async fn interrupted_anywhere_and_run_again_it_ends_the_same() {
    const BEFORE: [&str; 3] = ["alice01", "dora01", "root"];
    let sandbox = sandbox().await;
    let (resource, client) = (sandbox.ids().resources.ok, caller(&sandbox, Actor::Provider));
    let whole = Groups::of(BEFORE);
    assert_eq!(Membership::new(&client, &whole).sync_resource(resource).await.unwrap().failed(), 0);
    let (expected, calls) = (whole.members(), whole.calls.load(Ordering::Relaxed));
    // Carla and twenty others come, Dora goes; Alice and root stay.
    assert_eq!((calls, expected.len()), (22, 23));

    let denied = |count| Misbehaviour::new(Fault::Status(403)).after(count);
    for count in 0..3 {
        let groups = Groups::of(BEFORE);
        sandbox.misbehave(denied(count));
        assert!(Membership::new(&client, &groups).sync_resource(resource).await.is_err());
        sandbox.clear_faults();
        // Nothing is done before everything is known.
        assert_eq!(groups.calls.load(Ordering::Relaxed), 0);
        let _ = Membership::new(&client, &groups).sync_resource(resource).await.unwrap();
        assert_eq!(groups.members(), expected);
    }
    for count in 1..=calls {
        let groups = Groups::of(BEFORE);
        {
            let membership = Membership::new(&client, &groups);
            let mut work = pin!(membership.sync_resource(resource));
            poll_fn(|context| match groups.calls.load(Ordering::Relaxed) >= count {
                true => Poll::Ready(()),
                false => work.as_mut().poll(context).map(drop),
            })
            .await;
        }
        let _ = Membership::new(&client, &groups).sync_resource(resource).await.unwrap();
        assert_eq!(groups.members(), expected, "{count}");
    }
}
