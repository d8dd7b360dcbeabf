//! A visit to the recorded responses of a real server.

use serde_json::json;
use waldur_contract::live::lists::Outcome;
use waldur_contract::live::visit;
use waldur_contract::recording;

use super::details::unexpected;
use super::server::{Answers, served};
use super::settings;
use crate::common;

/// Returns the fullest successful responses.
fn answers() -> Answers {
    let mut answers = Answers::new();
    let text = ["mastermind.jsonl", "workflows-2024.jsonl"].map(common::recording).join("\n");
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let exchange = recording::parse(line).unwrap();
        let (request, response) = (exchange.request, exchange.response);
        if request.method != "GET" || !(200..300).contains(&response.status) || response.body.is_null() {
            continue;
        }
        let path = request.bare_path().to_owned();
        let fuller =
            |known: &(serde_json::Value, String)| known.0.to_string().len() < response.body.to_string().len();
        if answers.get(&path).is_none_or(fuller) {
            let allow = response.header("allow").unwrap_or("GET, HEAD, OPTIONS").to_owned();
            answers.insert(path, (response.body, allow));
        }
    }
    let version = json!({ "version": "recorded" });
    answers.entry("/api/version/".to_owned()).or_insert((version, "GET, HEAD, OPTIONS".to_owned()));
    answers
}

#[tokio::test]
#[ignore = "needs recorded exchanges: WALDUR_RECORDINGS names the folder of mastermind.jsonl"]
async fn recorded_lists_are_read_without_loss_and_recorded_without_details() {
    let url = served(answers()).await;
    let builder = common::client_builder(&url, "0".repeat(40));
    let visit = visit(builder, settings()).await.unwrap();
    let read = visit.report.lists.iter().filter(|page| match &page.outcome {
        Outcome::Read(page) => page.findings.is_lossless() && page.rows > 0,
        _ => false,
    });
    assert!(read.count() >= 10, "{}", visit.report.document().to_text());
    let lost: Vec<String> =
        visit.report.problems().into_iter().filter(|problem| problem.ends_with("is lost")).collect();
    assert!(lost.is_empty(), "{lost:?}");
    assert!(visit.report.recorded_otherwise.is_empty(), "{:?}", visit.report.recorded_otherwise);
    let (_, _, unexpected) = unexpected(&visit.recording);
    assert!(unexpected.is_empty(), "{unexpected:?}");
    let recording: String = visit.recording.iter().map(|one| serde_json::to_string(one).unwrap()).collect();
    // Names, accounts, addresses and numbers of the people in the recordings.
    for detail in ["Ämin", "Alice", "alice", "bob", "Älis", "+372", "EE380", "Quantum", "Consumer Univ"] {
        assert!(!recording.contains(detail), "{detail}");
    }
}
