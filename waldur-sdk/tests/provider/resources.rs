//! Resources on the sandbox: lists, handles and changes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use waldur_sandbox::{Actor, Fault, Misbehaviour, Release, ResourceState as State, Sandbox};
use waldur_sdk::ClientExt as _;
use waldur_sdk::types::ResourceState;
use waldur_sdk::{Decimal, NaiveDate, RetryPolicy, Uuid};

use crate::common::{client, posts, provider, provider_as};

fn methods(sandbox: &Sandbox) -> Vec<String> {
    sandbox.requests().into_iter().map(|request| request.method).collect()
}

#[tokio::test]
async fn resources_are_listed_from_the_providers_view() {
    let sandbox = Sandbox::start().await.unwrap();
    let provider = provider(&sandbox);
    let ids = *sandbox.ids();
    let all = provider.resources().all().await.unwrap();
    assert_eq!(all.len(), sandbox.resources().len());
    let narrowed = provider.resources().state(ResourceState::Ok).state(ResourceState::Erred);
    let narrowed = narrowed.offering(ids.offerings.slurm);
    let some = narrowed.clone().all().await.unwrap();
    let wanted = |view: &&waldur_sandbox::ResourceView| {
        view.offering == ids.offerings.slurm && matches!(view.state, State::Ok | State::Erred)
    };
    assert_eq!(some.len(), sandbox.resources().iter().filter(wanted).count());
    assert!(!some.is_empty());
    let of_project = narrowed.clone().project(ids.project).customer(ids.consumer_customer);
    let of_project = of_project.provider(ids.provider_customer);
    assert_eq!(of_project.all().await.unwrap().len(), some.len());
    assert_eq!(narrowed.clone().count().await.unwrap(), some.len() as u64);
    assert_eq!(narrowed.provider(ids.consumer_customer).first().await.unwrap(), None);
    let live = provider.resources().live().all().await.unwrap();
    assert!(live.iter().all(|one| one.state == ResourceState::Ok && !one.offering_name.is_empty()));
    let remaining = provider.resources().not_terminated().count().await.unwrap();
    let is_there = |view: &&waldur_sandbox::ResourceView| view.state != State::Terminated;
    let all = sandbox.resources();
    assert_eq!(remaining, all.iter().filter(is_there).count() as u64);
    assert!(remaining > live.len() as u64 && remaining < all.len() as u64);
    let one = live.iter().find(|one| one.uuid == ids.resources.ok).unwrap();
    assert_eq!(one.to_string(), format!("resource {} (slurm-ok-1)", ids.resources.ok.simple()));
    assert!(provider.resources().project(ids.empty_project).all().await.unwrap().is_empty());
    assert!(provider_as(&sandbox, Actor::Outsider).resources().all().await.unwrap().is_empty());
}

#[tokio::test]
async fn select_requests_only_the_fields_of_the_row() {
    #[derive(Debug, serde::Deserialize)]
    struct Row {
        uuid: Uuid,
        slug: String,
    }
    #[derive(Debug, serde::Deserialize)]
    struct Wrong {
        #[serde(rename = "sluggish")]
        _sluggish: String,
    }
    let sandbox = Sandbox::start().await.unwrap();
    let rows: Vec<Row> = provider(&sandbox).resources().select().all().await.unwrap();
    assert!(rows.iter().all(|row| sandbox.resource(row.uuid).is_some() && !row.slug.is_empty()));
    let error = provider(&sandbox).resources().select::<Wrong>().all().await.unwrap_err();
    assert!(error.is_validation() && error.attempts() == 0, "{error}");
}

#[tokio::test]
async fn a_resource_is_found_by_uuid_and_by_backend_id() {
    let sandbox = Sandbox::builder()
        .seed(|seed| {
            let ids = *seed.ids();
            seed.backend_id(ids.resources.ok, "a-17");
            seed.backend_id(ids.resources.terminated, "a-17");
            for name in ["one", "other"] {
                let twin = seed.resource(ids.offerings.slurm, ids.project, name, State::Ok);
                seed.backend_id(twin, "twin");
            }
        })
        .start()
        .await
        .unwrap();
    let provider = provider(&sandbox);
    let ok = sandbox.ids().resources.ok;
    let resource = provider.resource(ok).get().await.unwrap();
    assert_eq!((resource.uuid, resource.backend_id.as_str()), (ok, "a-17"));
    assert_eq!((resource.project_uuid, &resource.state), (Some(sandbox.ids().project), &ResourceState::Ok));
    // The terminated resource with the same id doesn't count.
    assert_eq!(provider.resources().find_by_backend_id("a-17").await.unwrap(), Some(resource));
    assert_eq!(provider.resources().find_by_backend_id("a-1").await.unwrap(), None);
    assert!(
        provider
            .resources()
            .find_by_backend_id("twin")
            .await
            .unwrap_err()
            .to_string()
            .contains("2 resources")
    );
    assert!(provider.resources().find_by_backend_id("").await.unwrap_err().is_validation());
    assert!(provider.resource(Uuid::nil()).get().await.unwrap_err().is_not_found());
    assert!(provider_as(&sandbox, Actor::Outsider).resource(ok).get().await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn the_team_shows_offering_users() {
    let sandbox = Sandbox::start().await.unwrap();
    let ok = sandbox.ids().resources.ok;
    let team = provider(&sandbox).resource(ok).team().await.unwrap();
    assert_eq!(team.len(), sandbox.members(sandbox.ids().project).len());
    let alice = team.iter().find(|member| member.username == "alice").unwrap();
    assert_eq!((alice.user_uuid, alice.role.is_empty()), (sandbox.ids().users.alice, false));
    assert!(alice.offering_user_username.is_some() && alice.offering_user_state.is_some());
    assert!(provider_as(&sandbox, Actor::Outsider).resource(ok).team().await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn claiming_a_backend_id_refuses_one_that_is_taken() {
    let sandbox = Sandbox::start().await.unwrap();
    let provider = provider(&sandbox);
    let (ok, second) = (sandbox.ids().resources.ok, sandbox.ids().resources.ok_second);
    provider.resource(ok).claim_backend_id("a-17").await.unwrap();
    // Again: nothing is sent.
    sandbox.clear_requests();
    provider.resource(ok).claim_backend_id("a-17").await.unwrap();
    assert_eq!((sandbox.requests().len(), posts(&sandbox)), (1, 0));
    let error = provider.resource(second).claim_backend_id("a-17").await.unwrap_err();
    assert!(error.is_validation() && error.to_string().contains("another resource has `a-17`"), "{error}");
    assert_ne!(sandbox.resource(second).unwrap().backend_id, "a-17");
    // For a server without the check, the resources are listed.
    let unheard = Misbehaviour::new(Fault::NoSuchOperation).path_end("/check_unique_backend_id/");
    sandbox.misbehave(unheard);
    let error = provider.resource(second).claim_backend_id("a-17").await.unwrap_err();
    assert!(error.is_validation() && error.to_string().contains("another resource has `a-17`"), "{error}");
    provider.resource(second).claim_backend_id("a-21").await.unwrap();
    assert_eq!(sandbox.resource(second).unwrap().backend_id, "a-21");
    sandbox.fail_next(1, "POST", "/set_backend_id/", Fault::ResetAfter);
    provider.resource(second).set_backend_id("a-18").await.unwrap();
    sandbox.fail_next(1, "POST", "/set_backend_id/", Fault::ResetBefore);
    sandbox.clear_requests();
    // A read shows that it was not applied, and it is sent again.
    provider.resource(second).set_backend_id("a-19").await.unwrap();
    assert_eq!(methods(&sandbox), ["POST", "GET", "POST"]);
    assert_eq!(sandbox.resource(second).unwrap().backend_id, "a-19");
    let once = client(&sandbox).with_retry(RetryPolicy::never()).provider();
    sandbox.fail_next(1, "POST", "/set_backend_id/", Fault::ResetBefore);
    let error = once.resource(second).set_backend_id("a-20").await.unwrap_err();
    assert!(error.to_string().contains("not applied") && !error.is_unconfirmed(), "{error}");
    assert_eq!(sandbox.resource(second).unwrap().backend_id, "a-19");
}

#[tokio::test]
async fn a_report_is_submitted_in_sections() {
    let sandbox = Sandbox::start().await.unwrap();
    let provider = provider(&sandbox);
    let ok = sandbox.ids().resources.ok;
    for wrong in [vec![], vec![("Quota", " ")], vec![("Quota", "1"), ("", "2")]] {
        let error = provider.resource(ok).submit_report(wrong).await.unwrap_err();
        assert!(error.is_validation() && error.attempts() == 0, "{error}");
    }
    provider.resource(ok).submit_report([("Quota", "500 hours"), ("Usage", "12 hours")]).await.unwrap();
    assert_eq!(
        sandbox.resource(ok).unwrap().report,
        json!([{"header": "Quota", "body": "500 hours"}, {"header": "Usage", "body": "12 hours"}])
    );
    sandbox.fail_next(1, "POST", "/submit_report/", Fault::ResetAfter);
    provider.resource(ok).submit_report([("Quota", "1")]).await.unwrap();
    sandbox.fail_next(1, "POST", "/submit_report/", Fault::ResetBefore);
    provider.resource(ok).submit_report([("Quota", "2")]).await.unwrap();
    assert_eq!(sandbox.resource(ok).unwrap().report, json!([{"header": "Quota", "body": "2"}]));
}

#[tokio::test]
async fn changes_of_a_resource_are_read_back() {
    let sandbox = Sandbox::start().await.unwrap();
    let provider = provider(&sandbox);
    let ok = sandbox.ids().resources.ok;
    let limit = |number: u64| Decimal::from(number);
    let limits = provider.resource(ok).set_limits([("cpu", 500), ("ram", 7)]).await.unwrap();
    assert_eq!(limits, BTreeMap::from([("cpu".to_owned(), limit(500)), ("ram".to_owned(), limit(7))]));
    provider.resource(ok).set_metadata(json!({"queue": "long"})).await.unwrap();
    let day = NaiveDate::from_ymd_opt(2031, 5, 6).unwrap();
    // A resource without recent usage: the end date of others can't be set.
    let unused = sandbox.ids().resources.ok_second;
    provider.resource(unused).set_end_date(Some(day)).await.unwrap();
    let before = provider.resource(ok).get().await.unwrap().last_sync;
    provider.resource(ok).touch().await.unwrap();
    let now = provider.resource(ok).get().await.unwrap();
    assert_eq!(now.limits, limits);
    assert!(now.last_sync >= before);
    assert_eq!(provider.resource(unused).get().await.unwrap().end_date, Some(day));
    assert_eq!(sandbox.resource(ok).unwrap().backend_metadata, json!({"queue": "long"}));
    // Each once more with a lost response: the resource is read.
    for action in ["set_limits", "set_end_date_by_provider", "set_backend_metadata", "refresh_last_sync"] {
        sandbox.fail_next(1, "POST", &format!("/{action}/"), Fault::ResetAfter);
    }
    provider.resource(ok).set_metadata(json!({"runtime_state": "up"})).await.unwrap();
    let error = provider.resource(ok).touch().await.unwrap_err();
    assert!(error.to_string().contains("can be sent again"), "{error}");
    provider.resource(ok).set_limits([("cpu", Decimal::new(15, 1))]).await.unwrap();
    provider.resource(unused).set_end_date(None).await.unwrap();
    let now = provider.resource(ok).get().await.unwrap();
    assert_eq!(now.limits, BTreeMap::from([("cpu".to_owned(), Decimal::new(15, 1))]));
    assert_eq!(provider.resource(unused).get().await.unwrap().end_date, None);
    // Servers require a day at least a week ahead.
    let error = provider.resource(unused).set_end_date(Some(NaiveDate::MIN)).await.unwrap_err();
    assert!(error.is_validation() && error.messages().to_string().contains("end_date"), "{error}");
}

#[tokio::test]
async fn flags_are_set_by_staff_only() {
    let sandbox = Sandbox::start().await.unwrap();
    let ok = sandbox.ids().resources.ok;
    let other = provider(&sandbox);
    assert!(other.resource(ok).set_paused(true).await.unwrap_err().is_forbidden());
    assert!(other.resource(ok).set_downscaled(true).await.unwrap_err().is_forbidden());
    assert!(other.resource(ok).set_restrict_member_access(true).await.unwrap_err().is_forbidden());
    let staff = provider_as(&sandbox, Actor::Staff);
    for on in [true, false] {
        staff.resource(ok).set_paused(on).await.unwrap();
        staff.resource(ok).set_downscaled(on).await.unwrap();
        staff.resource(ok).set_restrict_member_access(on).await.unwrap();
        let now = staff.resource(ok).get().await.unwrap();
        assert_eq!((now.paused, now.downscaled, now.restrict_member_access), (on, on, on));
        for action in ["set_paused", "set_downscaled", "set_restrict_member_access"] {
            sandbox.fail_next(1, "POST", &format!("/{action}/"), Fault::ResetAfter);
        }
    }
}

#[tokio::test]
async fn a_resource_is_marked_erred_and_ok() {
    let sandbox = Sandbox::start().await.unwrap();
    let provider = provider(&sandbox);
    let ok = sandbox.ids().resources.ok;
    sandbox.fail_next(1, "POST", "/set_as_erred/", Fault::ResetAfter);
    provider.resource(ok).mark_erred("disk full", "line 7").await.unwrap();
    let erred = provider.resource(ok).get().await.unwrap();
    assert_eq!((erred.state, erred.error_message.as_str()), (ResourceState::Erred, "disk full"));
    provider.resource(ok).mark_ok().await.unwrap();
    provider.resource(ok).mark_ok().await.unwrap();
    assert_eq!(sandbox.resource(ok).unwrap().state, State::Ok);
    let outsider = provider_as(&sandbox, Actor::Outsider);
    assert!(outsider.resource(ok).mark_erred("a", "b").await.unwrap_err().is_not_found());
    assert_eq!(sandbox.resource(ok).unwrap().state, State::Ok);
}

#[tokio::test]
async fn endpoints_are_unsupported_by_older_servers() {
    let login = [("login", "ssh://login.polar.example.org"), ("portal", "https://polar.example.org")];
    let sandbox = Sandbox::builder().release(Release::Newer).start().await.unwrap();
    let (ok, provider) = (sandbox.ids().resources.ok, provider(&sandbox));
    assert!(provider.resource(ok).endpoints().await.unwrap().is_empty());
    for fault in [Fault::Delay(Duration::ZERO), Fault::ResetAfter] {
        sandbox.fail_next(1, "POST", "/set_endpoints/", fault);
        provider.resource(ok).set_endpoints(login).await.unwrap();
        let there = provider.resource(ok).endpoints().await.unwrap();
        let there: Vec<_> = there.iter().map(|one| (one.name.as_str(), one.url.as_str())).collect();
        assert_eq!(there, login);
    }
    sandbox.fail_next(1, "POST", "/set_endpoints/", Fault::ResetBefore);
    provider.resource(ok).set_endpoints([("other", "https://other")]).await.unwrap();
    assert_eq!(provider.resource(ok).endpoints().await.unwrap()[0].name, "other");
    provider.resource(ok).set_endpoints(<[(&str, &str); 0]>::default()).await.unwrap();
    assert!(provider.resource(ok).endpoints().await.unwrap().is_empty());
    sandbox.clear_requests();
    assert!(provider.resource(ok).set_endpoints([("", "https://a")]).await.unwrap_err().is_validation());
    assert!(sandbox.requests().is_empty());
    for actor in [Actor::Consumer, Actor::Outsider] {
        let error = provider_as(&sandbox, actor).resource(ok).set_endpoints(login).await.unwrap_err();
        assert!(error.is_not_found() && !error.is_unsupported(), "{error}");
    }
    for release in [Release::Schema, Release::Late2024] {
        let sandbox = Sandbox::builder().release(release).allow_violations().start().await.unwrap();
        let error = self::provider(&sandbox).resource(ok).set_endpoints(login).await.unwrap_err();
        assert!(error.is_unsupported() && error.to_string().contains("no such operation"), "{error}");
    }
}
