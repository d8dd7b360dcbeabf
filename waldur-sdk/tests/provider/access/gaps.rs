//! The differences between offering users and teams.

use serde_json::json;
use waldur_sandbox::{Actor, Fault, Misbehaviour, OfferingUserState as State, ResourceState, Sandbox};
use waldur_sdk::Uuid;
use waldur_sdk::accounts::OfferingUserTransition as Transition;

use crate::common::{posts, provider, provider_as, sent};

#[tokio::test]
async fn gaps_can_be_computed_in_a_spawned_task() {
    let sandbox = Sandbox::start().await.unwrap();
    let (slurm, provider) = (sandbox.ids().offerings.slurm, provider(&sandbox));
    let gaps = tokio::spawn(async move { provider.offering(slurm).access_gaps().await.unwrap() });
    assert_eq!(gaps.await.unwrap().missing.len(), 1);
}

#[tokio::test]
async fn gaps_are_missing_unusable_and_unexpected_accounts() {
    let seed = |seed: &mut waldur_sandbox::Seed<'_>| {
        let ids = *seed.ids();
        let (carl, dora, gone) = (
            seed.user("carl", "Carl", "Creating"),
            seed.user("dora", "Dora", "Departed"),
            seed.user("gone", "Gus", "Gone"),
        );
        // A second project that uses the offering, with one member more.
        let project = seed.project(ids.consumer_customer, "Seas");
        seed.role(carl, project, "PROJECT.MEMBER", None);
        seed.resource(ids.offerings.slurm, project, "seas-1", ResourceState::Ok);
        seed.offering_user(ids.offerings.slurm, carl, "", State::Creating);
        seed.offering_user(ids.offerings.slurm, dora, "dora01", State::Ok);
        seed.offering_user(ids.offerings.slurm, gone, "gone01", State::Deleted);
    };
    let sandbox = Sandbox::builder().orders(0).seed(seed).start().await.unwrap();
    let slurm = sandbox.ids().offerings.slurm;
    let provider = provider(&sandbox);
    let gaps = provider.offering(slurm).access_gaps().await.unwrap();
    assert_eq!(gaps.to_string(), "1 missing, 1 unusable, 1 unexpected");
    assert_eq!(gaps.missing[0].user_uuid, sandbox.ids().users.bob);
    assert_eq!(gaps.unusable[0].user_full_name, "Carl Creating");
    assert_eq!(gaps.unexpected[0].username, "dora01");
    // The offering, accounts, resources, and a team for each of the two projects.
    assert_eq!(sandbox.requests().len(), 5);

    for member in &gaps.missing {
        provider
            .ensure_offering_user(member.user_uuid, slurm)
            .username(member.username.as_str())
            .await
            .unwrap();
    }
    for account in &gaps.unusable {
        provider.offering_user(account.uuid).set_username("carl01").await.unwrap();
    }
    for account in &gaps.unexpected {
        provider.offering_user(account.uuid).transition(Transition::RequestDeletion).await.unwrap();
    }
    assert!(provider.offering(slurm).access_gaps().await.unwrap().is_empty());
    // Others see neither accounts nor resources; that is an error, not an empty result.
    for actor in [Actor::Consumer, Actor::Outsider] {
        let error = provider_as(&sandbox, actor).offering(slurm).access_gaps().await.unwrap_err();
        assert!(error.is_not_found() && !error.is_unsupported(), "{error}");
    }
    let nothing = provider.offering(Uuid::from_u128(1)).access_gaps().await.unwrap_err();
    assert!(nothing.is_not_found(), "{nothing}");
}

/// A server may hide the offering users of an offering from the list; the team shows them.
#[tokio::test]
async fn accounts_that_are_not_listed_are_not_missing() {
    // Of the three members, Alice has an account, and Bob one that isn't created yet.
    let sandbox = Sandbox::builder()
        .seed(|seed| {
            let ids = *seed.ids();
            seed.offering_user(ids.offerings.slurm, ids.users.bob, "bob01", State::Creating);
            let carla = seed.user("carla", "Carla", "Careful");
            seed.role(carla, ids.project, "PROJECT.MEMBER", None);
        })
        .start()
        .await
        .unwrap();
    let (provider, slurm) = (provider(&sandbox), sandbox.ids().offerings.slurm);
    sandbox
        .misbehave(Misbehaviour::new(Fault::VanishedItems(100)).operation("marketplace_offering_users_list"));
    assert!(provider.offering_users().all().await.unwrap().is_empty());
    let gaps = provider.offering(slurm).access_gaps().await.unwrap();
    let missing: Vec<&str> = gaps.missing.iter().map(|member| member.username.as_str()).collect();
    assert_eq!((missing, gaps.unusable.len(), gaps.unexpected.len()), (vec!["carla"], 0, 0));
}

/// Accounts of users who may be members aren't reported as unexpected.
#[tokio::test]
async fn gaps_have_the_unreadable_rows() {
    let seed = |seed: &mut waldur_sandbox::Seed<'_>| {
        let ids = *seed.ids();
        let dora = seed.user("dora", "Dora", "Departed");
        seed.offering_user(ids.offerings.slurm, dora, "dora01", State::Ok);
    };
    let sandbox = Sandbox::builder().orders(0).seed(seed).start().await.unwrap();
    let (provider, slurm) = (provider(&sandbox), sandbox.ids().offerings.slurm);
    let gaps = provider.offering(slurm).access_gaps().await.unwrap();
    assert_eq!((gaps.missing.len(), gaps.unexpected.len(), gaps.unreadable.len()), (1, 1, 0));
    for (list, missing) in
        [("marketplace_provider_resources_team_list", 0..=1), ("marketplace_provider_resources_list", 1..=1)]
    {
        sandbox.corrupt(list, 0, "uuid", json!({}));
        let gaps = provider.offering(slurm).access_gaps().await.unwrap();
        assert!(missing.contains(&gaps.missing.len()) && gaps.unexpected.is_empty(), "{list}: {gaps:?}");
        assert!(gaps.unreadable.len() == 1 && !gaps.is_empty() && gaps.to_string().contains("1 unreadable"));
        sandbox.clear_corruptions();
    }
    // An account whose username can't be read isn't treated as one without a username.
    sandbox.corrupt("marketplace-offering-users", sandbox.ids().offering_user, "username", json!([]));
    assert_eq!(provider.offering(slurm).access_gaps().await.unwrap().unreadable.len(), 1);
    let error =
        provider.ensure_offering_user(sandbox.ids().users.alice, slurm).username("other").await.unwrap_err();
    assert!(error.is_unexpected_response() && posts(&sandbox) + sent(&sandbox, "PATCH") == 0, "{error}");
    assert!(error.to_string().contains(&sandbox.ids().users.alice.simple().to_string()), "{error}");
}
