//! What servers of different ages have and do.

use reqwest::Method;
use serde_json::{Value, json};
use waldur_sandbox::{Actor, GONE, OfferingUserState, OrderState, Release, SINCE, Sandbox};

use crate::client::{Answer, act, get, hex, order_in, post, send};

const SET: &str = "marketplace-component-usages/set_usage/";

async fn sandbox(release: Release) -> Sandbox {
    let now = "2026-11-26T12:00:00Z".parse().unwrap();
    Sandbox::builder().release(release).now(now).allow_violations().start().await.unwrap()
}

#[test]
fn releases_are_ordered() {
    assert!(Release::ALL.is_sorted());
    assert_eq!(Release::default(), Release::Schema);
    for (name, since) in SINCE {
        assert_eq!(Release::since(name), Some(*since));
        assert!(
            since.has(name) && Release::ALL.iter().all(|older| older >= since || !older.has(name)),
            "{name}"
        );
    }
    assert!(Release::ALL.iter().all(|release| !release.has("marketplace_orders_levitate")));
}

#[tokio::test]
async fn an_old_server_has_no_route_to_later_operations() {
    let old = sandbox(Release::Late2024).await;
    let resource = format!("marketplace-provider-resources/{}", hex(old.ids().resources.ok));
    let offering = format!("marketplace-provider-offerings/{}", hex(old.ids().offerings.slurm));
    let provider = format!("marketplace-service-providers/{}", hex(old.ids().service_provider));
    let account = format!("marketplace-offering-users/{}", hex(old.ids().offering_user));
    let usage = format!("marketplace-component-usages/{}", hex(old.ids().usage));
    for path in [
        format!("{resource}/set_limits/"),
        format!("{resource}/set_as_ok/"),
        format!("{resource}/refresh_last_sync/"),
        format!("{resource}/set_paused/"),
        format!("{resource}/set_downscaled/"),
        format!("{resource}/set_restrict_member_access/"),
        format!("{resource}/set_endpoints/"),
        format!("{offering}/check_unique_backend_id/"),
        format!("{account}/begin_creating/"),
        format!("{account}/set_ok/"),
        format!("{usage}/set_user_usages/"),
        "marketplace-site-agent-identities/".to_owned(),
    ] {
        let answer = post(&old, Actor::Provider, &path, json!({})).await;
        assert!(answer.status == 404 && answer.is_page(), "{path}: {}", answer.status);
        assert!(answer.header("allow").is_none(), "{path}");
        let slashless = post(&old, Actor::Provider, path.trim_end_matches('/'), json!({})).await;
        assert_eq!(slashless.status, 404, "{path} without its slash");
    }
    for path in [
        format!("{offering}/list_course_accounts/"),
        format!("{provider}/project_service_accounts/"),
        "marketplace-course-accounts/".to_owned(),
    ] {
        let answer = get(&old, Actor::Provider, &path).await;
        assert!(answer.status == 404 && answer.is_page(), "{path}: {}", answer.status);
    }
    let one =
        post(&old, Actor::Provider, &format!("{usage}/set_user_usage/"), json!({"username": "a"})).await;
    assert_eq!(one.status, 201);
}

async fn report(sandbox: &Sandbox, actor: Actor, amount: &str, date: Value) -> Answer {
    let usages = json!([{"type": "cpu", "amount": amount}]);
    let body = json!({"resource": hex(sandbox.ids().resources.ok), "usages": usages, "date": date});
    post(sandbox, actor, SET, body).await
}

fn booked(sandbox: &Sandbox) -> Vec<(String, String)> {
    let usages = sandbox.usages().into_iter();
    usages.map(|usage| (usage.period.to_string(), usage.amount.to_string())).collect()
}

#[tokio::test]
async fn an_old_server_books_every_report_into_its_current_month() {
    let old = sandbox(Release::Late2024).await;
    for (actor, amount, date) in [
        (Actor::Provider, "5", json!("2026-10-01T00:00:00Z")),
        (Actor::Staff, "6", json!("2026-10-31")),
        (Actor::Provider, "7", json!("2027-01-01")),
        (Actor::Provider, "8", json!("no date at all")),
    ] {
        assert_eq!(report(&old, actor, amount, date).await.status, 201);
        assert_eq!(booked(&old), [("2026-11-01".to_owned(), amount.to_owned())]);
    }
    let young = sandbox(Release::Schema).await;
    assert_eq!(report(&young, Actor::Staff, "5", json!("2026-10-31")).await.status, 201);
    assert_eq!(
        booked(&young),
        [("2026-11-01".to_owned(), "7.25".to_owned()), ("2026-10-01".to_owned(), "5".to_owned())]
    );
}

#[tokio::test]
async fn an_old_server_crashes_on_huge_amounts() {
    for (release, status) in [(Release::Late2024, 500), (Release::Schema, 201)] {
        let sandbox = sandbox(release).await;
        let usages = json!([{"type": "cpu", "amount": "999999999999999999.99"}]);
        let body = json!({"resource": hex(sandbox.ids().resources.ok), "usages": usages});
        assert_eq!(post(&sandbox, Actor::Provider, SET, body).await.status, status);
        assert_eq!(booked(&sandbox)[0].1 == "7.25", status == 500);
    }
}

#[tokio::test]
async fn usages_of_a_known_resource_are_public_on_older_servers() {
    for (release, count) in [(Release::Late2024, 1), (Release::Schema, 1), (Release::Newer, 0)] {
        let sandbox = sandbox(release).await;
        let path = format!("marketplace-component-usages/?resource_uuid={}", hex(sandbox.ids().resources.ok));
        assert_eq!(get(&sandbox, Actor::Outsider, &path).await.count(), count);
        assert_eq!(get(&sandbox, Actor::Outsider, "marketplace-component-usages/").await.count(), 0);
    }
}

#[tokio::test]
async fn only_staff_sets_resources_erred_on_old_servers() {
    for (release, status) in [(Release::Late2024, 403), (Release::Schema, 200)] {
        let sandbox = sandbox(release).await;
        let path =
            format!("marketplace-provider-resources/{}/set_as_erred/", hex(sandbox.ids().resources.ok));
        assert_eq!(post(&sandbox, Actor::Provider, &path, json!({})).await.status, status);
        assert_eq!(post(&sandbox, Actor::Consumer, &path, json!({})).await.status, 404);
        assert_eq!(post(&sandbox, Actor::Staff, &path, json!({})).await.status, 200);
    }
}

#[tokio::test]
async fn robot_accounts_of_an_old_server_have_no_state() {
    for release in [Release::Late2024, Release::Schema] {
        let sandbox = sandbox(release).await;
        let resource = format!("{}marketplace-resources/{}/", sandbox.url(), hex(sandbox.ids().resources.ok));
        let body = json!({"type": "cicd", "username": "bot01", "resource": resource});
        let made = post(&sandbox, Actor::Provider, "marketplace-robot-accounts/", body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        assert_eq!(made.json().get("state").is_some(), release == Release::Schema);
        let row = get(&sandbox, Actor::Provider, "marketplace-robot-accounts/").await.items()[0].clone();
        for name in ["state", "error_message"] {
            let has = release.has(&format!("marketplace_robot_accounts_list.{name}"));
            assert_eq!(row.get(name).is_some(), has, "{name}");
        }
        let path = "marketplace-robot-accounts/?field=username";
        let row = get(&sandbox, Actor::Provider, path).await.items()[0].clone();
        assert_eq!(row == json!({"username": "bot01"}), release == Release::Schema, "field has an effect");
    }
}

#[tokio::test]
async fn offering_users_are_created_with_the_first_resource() {
    for (release, names) in [(Release::Late2024, vec!["", ""]), (Release::Schema, vec![])] {
        let sandbox = sandbox(release).await;
        let bulk = sandbox.ids().offerings.bulk;
        let order = order_in(&sandbox, OrderState::Executing, Some(bulk));
        let done = format!("marketplace-orders/{}/set_state_done/", hex(order.uuid));
        assert_eq!(act(&sandbox, Actor::Provider, &done).await.status, 200);
        let path = format!("marketplace-offering-users/?offering_uuid={}", hex(bulk));
        let rows = get(&sandbox, Actor::Provider, &path).await.items();
        assert_eq!(rows.iter().map(|row| row["username"].as_str().unwrap()).collect::<Vec<_>>(), names);
        if let Some(row) = rows.first() {
            assert!(row.get("state").is_none());
            let one = format!("marketplace-offering-users/{}/", row["uuid"].as_str().unwrap());
            let named = json!({"username": "alice7"});
            let named = send(&sandbox, Actor::Provider, Method::PATCH, &one, Some(named)).await;
            assert_eq!((named.status, &named.json()["username"]), (200, &json!("alice7")));
        }
    }
}

#[tokio::test]
async fn newer_servers_lack_removed_operations() {
    let path = "marketplace-resource-users/";
    for (release, status) in [(Release::Schema, 200), (Release::Newer, 404)] {
        let sandbox = sandbox(release).await;
        assert_eq!(get(&sandbox, Actor::Provider, path).await.status, status);
    }
    for (name, since) in GONE {
        assert!(Release::Schema.has(name) && !since.has(name), "{name}");
    }
}

async fn with_consent(release: Release) -> Sandbox {
    let builder = Sandbox::builder().release(release).seed(|seed| {
        let ids = *seed.ids();
        seed.consent(ids.offering_user, true, true);
        seed.offering_user(ids.offerings.slurm, ids.users.bob, "bob01", OfferingUserState::Ok);
        seed.restrict_member_access(ids.resources.ok, true);
    });
    builder.start().await.unwrap()
}

#[tokio::test]
async fn consent_and_restriction_depend_on_the_release() {
    let names = |rows: &[Value]| rows.iter().map(|row| row["username"].clone()).collect::<Vec<_>>();
    for release in Release::ALL {
        let sandbox = with_consent(release).await;
        let rows = get(&sandbox, Actor::Provider, "marketplace-offering-users/").await.items();
        let said = rows.iter().map(|row| (row.get("has_consent"), row.get("requires_reconsent")));
        let (yes, no) = (json!(true), json!(false));
        if release.has("marketplace_offering_users_list.has_consent") {
            assert!(said.eq([(Some(&yes), Some(&yes)), (Some(&no), Some(&no))]));
        } else {
            assert!(said.eq([(None, None), (None, None)]));
        }
        let path = "marketplace-offering-users/?has_consent=true";
        let agreed = get(&sandbox, Actor::Provider, path).await.items();
        let all = [json!("alice01"), json!("bob01")];
        assert_eq!(names(&agreed), if release == Release::Late2024 { &all[..] } else { &all[..1] });
        let resource = format!("marketplace-provider-resources/{}/", hex(sandbox.ids().resources.ok));
        let row = get(&sandbox, Actor::Provider, &resource).await.json();
        assert_eq!(row["restrict_member_access"], true);
        let team = get(&sandbox, Actor::Provider, &format!("{resource}team/?has_consent=true")).await.items();
        let all = [json!("alice"), json!("bob")];
        assert_eq!(names(&team), if release == Release::Newer { &all[..1] } else { &all[..] });
        let violations = sandbox.take_violations();
        assert_eq!(violations.len(), usize::from(release != Release::Newer), "{violations:?}");
    }
}

#[tokio::test]
async fn the_version_is_for_staff_on_old_servers() {
    for (release, status) in [(Release::Late2024, 403), (Release::Schema, 200)] {
        let sandbox = sandbox(release).await;
        assert_eq!(get(&sandbox, Actor::Provider, "version/").await.status, status);
        assert_eq!(get(&sandbox, Actor::Staff, "version/").await.status, 200);
    }
}

/// Properties that came after the `date` of a report tell whether a server knows that.
#[tokio::test]
async fn keys_tell_the_release() {
    for release in Release::ALL {
        let sandbox = sandbox(release).await;
        let (offering, resource) = (sandbox.ids().offerings.slurm, sandbox.ids().resources.ok);
        let path = format!("marketplace-provider-offerings/{}/?field=uuid&field=name", hex(offering));
        let path = format!("{path}&field=billing_type_classification");
        let offering = get(&sandbox, Actor::Provider, &path).await.json();
        let path = format!("marketplace-provider-resources/{}/?field=uuid", hex(resource));
        let path = format!("{path}&field=offering_components");
        let resource = get(&sandbox, Actor::Provider, &path).await.json();
        let dated = release.has("marketplace_component_usages_set_usage.date");
        assert_eq!(resource.get("offering_components").is_some(), dated);
        let kind = offering.get("billing_type_classification").cloned();
        assert_eq!(kind, Some(json!("usage_only")).filter(|_| dated));
    }
}
