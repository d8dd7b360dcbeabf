//! Recordings hold no personal details.

use std::collections::BTreeSet;

use serde_json::Value;
use uuid::Uuid;
use waldur_api_client::exchanges::PATHS;
use waldur_contract::recording::Exchange;
use waldur_sandbox::{Actor, OfferingUserState, Release, Sandbox};

use super::{sandbox, visited};

const ACTORS: [Actor; 6] =
    [Actor::Staff, Actor::Provider, Actor::Consumer, Actor::Alice, Actor::Bob, Actor::Outsider];

/// Returns a sandbox with people of unusual names.
async fn peopled(release: Release) -> Sandbox {
    sandbox()
        .release(release)
        .seed(|seed| {
            let ids = seed.ids();
            let (project, slurm) = (ids.project, ids.offerings.slurm);
            let user = seed.user("xanthippe.quill", "Xanthippe", "Quillfeather");
            seed.role(user, project, "PROJECT.MEMBER", None);
            seed.key(user, "quill-notebook");
            seed.offering_user(slurm, user, "xquill01", OfferingUserState::Ok);
        })
        .start()
        .await
        .unwrap()
}

/// Adds the texts of a value, and the keys of its objects to `keys`.
fn texts(value: &Value, found: &mut BTreeSet<String>, keys: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => drop(found.insert(text.clone())),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found, keys)),
        Value::Object(fields) => {
            keys.extend(fields.keys().cloned());
            fields.values().for_each(|value| texts(value, found, keys));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Returns whether a path has only segments of the schema and replacements.
fn is_replaced_path(path: &str) -> bool {
    let known = |segment: &str| PATHS.iter().any(|path| path.split('/').any(|one| one == segment));
    path.split('/').all(|segment| known(segment) || is_replacement(segment))
}

/// Returns whether a text has the form of a replacement.
fn is_replacement(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    text.strip_prefix("text-").is_some_and(digits)
        || text.strip_prefix("person-").and_then(|text| text.strip_suffix("@example.org")).is_some_and(digits)
        || text.starts_with("https://replaced.example.org/")
        || text.strip_prefix("https://waldur.example.org/api/").is_some_and(is_replaced_path)
        || Uuid::try_parse(text)
            .is_ok_and(|uuid| uuid.is_nil() || uuid.as_u128() >> 64 == 0xa000_0000_0000_4000)
        || text.starts_with("2000-01-01")
        || text.starts_with("192.0.2.")
        || text.chars().all(|c| matches!(c, '0' | '1' | '.'))
}

/// The words of enums in the sandbox, and what stands for a page.
#[rustfmt::skip]
const KEPT: [&str; 32] = [
    "", "Active", "OK", "Erred", "Creating", "Updating", "Terminating", "Terminated", "Create", "Update",
    "Terminate", "pending-provider", "pending-consumer", "pending-project", "pending-start-date", "executing",
    "done", "erred", "canceled", "rejected", "month", "limit", "usage", "fixed", "one", "customer", "project",
    "service_provider", "default", "self_managed", "an unknown value", "<html></html>",
];

/// Returns how many texts and keys the bodies have, and the texts and paths that are neither replacements nor
/// words of enums.
pub(super) fn unexpected(recording: &[Exchange]) -> (usize, usize, Vec<String>) {
    let (mut found, mut keys) = (BTreeSet::new(), BTreeSet::new());
    for exchange in recording.iter().filter(|one| one.request.path != "/api/version/") {
        texts(&exchange.response.body, &mut found, &mut keys);
    }
    let odd = found.iter().filter(|text| !is_replacement(text) && !KEPT.contains(&text.as_str()));
    let paths = recording.iter().map(|one| one.request.bare_path().trim_start_matches("/api/"));
    let paths = paths.filter(|path| !is_replaced_path(path)).map(str::to_owned);
    (found.len(), keys.len(), odd.cloned().chain(paths).collect())
}

#[tokio::test]
async fn a_recording_has_no_detail_of_the_people_of_the_server() {
    for (release, actor) in [
        (Release::Late2024, Actor::Provider),
        (Release::Schema, Actor::Staff),
        (Release::Newer, Actor::Provider),
    ] {
        let sandbox = peopled(release).await;
        let visit = visited(&sandbox, actor).await;
        let lines: Vec<String> =
            visit.recording.iter().map(|one| serde_json::to_string(one).unwrap()).collect();
        let recording = lines.join("\n");
        let report = visit.report.document().to_text();
        let ids = sandbox.ids();
        let mut details: Vec<String> = [
            "Xanthippe",
            "xanthippe",
            "Quill",
            "quill",
            "Sam Staff",
            "Pia",
            "Cora",
            "Alice",
            "alice",
            "Öberg",
            "Bob",
            "bob-",
            "Berg",
            "Olga",
            "Алиса",
            "+372",
            "EE0000",
            "Modeller",
            "north",
            "North",
            "Polar",
            "polar",
            "Climate",
            "climate",
            "Consulting",
            "ssh-",
            "AAAA",
            "127.0.0.1",
            "Wärme",
            "slurm-ok",
            "job-",
            "universi",
        ]
        .map(str::to_owned)
        .into();
        details.extend(ACTORS.map(|actor| sandbox.token(actor).to_owned()));
        details.extend(ACTORS.map(|actor| format!("{}@", actor.username())));
        details
            .extend(sandbox.url().rsplit(':').next().map(|rest| rest.trim_end_matches("/api/").to_owned()));
        for uuid in [ids.users.alice, ids.users.provider, ids.project, ids.offerings.slurm, ids.resources.ok]
        {
            details.extend([uuid.to_string(), uuid.simple().to_string()]);
        }
        for detail in details {
            let at = lines.iter().find(|line| line.contains(&detail));
            assert!(at.is_none(), "{detail} of {release:?} is in {at:?}");
            assert!(!report.contains(&detail), "{detail} of {release:?} is in\n{report}");
        }
        assert!(!recording.contains("2026") && !recording.contains("2027"), "times of {release:?}");

        let (found, keys, unexpected) = unexpected(&visit.recording);
        assert!(unexpected.is_empty(), "{release:?}: {unexpected:?}");
        assert!(found > 50 && keys > 100, "{found} texts, {keys} keys");
        assert!(visit.report.recorded_otherwise.is_empty(), "{:?}", visit.report.recorded_otherwise);
    }
}
