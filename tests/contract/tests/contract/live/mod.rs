//! Visits to a server that change nothing: on the sandbox, and on recorded responses of a real server.

mod details;
mod odd;
mod old;
mod program;
mod recorded;
mod server;

use std::cell::RefCell;
use std::path::Path;

use waldur_contract::live::operations::Presence;
use waldur_contract::live::{Error, Settings, Visit, visit};
use waldur_sandbox::{Actor, Release, Sandbox};

fn settings() -> Settings {
    Settings { rate: None, repeat: 1, timed_page_size: 20, ..Settings::default() }
}

/// Returns a sandbox for requests that the schema doesn't declare: OPTIONS, and unknown names of fields.
fn sandbox() -> waldur_sandbox::Builder {
    Sandbox::builder().allow_violations().now("2026-03-04T05:06:07Z".parse().unwrap())
}

async fn visited(sandbox: &Sandbox, actor: Actor) -> Visit {
    let builder = crate::common::client_builder(sandbox.url(), sandbox.token(actor));
    visit(builder, settings()).await.unwrap()
}

/// Replaces what differs from run to run in the tables of times: numbers after the number of items.
fn without_times(text: &str) -> String {
    let lines = text.lines().map(|line| match line.find(" ms, ") {
        Some(at) => {
            let words: Vec<&str> = line[..at].split_whitespace().collect();
            format!("  {} …", words[..words.len() - 1].join(" "))
        }
        None if line.contains("times faster") => "  (times)".to_owned(),
        None => line.to_owned(),
    });
    lines.map(|line| line + "\n").collect()
}

#[tokio::test]
async fn a_visit_tells_what_begins() {
    thread_local! {
        static STEPS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }
    let sandbox = sandbox().start().await.unwrap();
    let builder = crate::common::client_builder(sandbox.url(), sandbox.token(Actor::Provider));
    let on_step = |step: &str| STEPS.with_borrow_mut(|steps| steps.push(step.to_owned()));
    visit(builder, Settings { on_step, ..settings() }).await.unwrap();
    let steps = STEPS.take();
    assert_eq!((steps.len(), steps[0].as_str()), (5, "reading the first page of each list"));
}

#[tokio::test]
async fn a_visit_is_reported() {
    let sandbox = sandbox().start().await.unwrap();
    let visit = visited(&sandbox, Actor::Provider).await;
    let document = visit.report.document();
    let text = without_times(&document.to_text());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract/live/report.txt");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap();
    assert!(text == expected, "is not {}; UPDATE_SNAPSHOTS=1 writes it:\n{text}", file.display());
    assert_eq!(visit.report.problems(), [""; 0]);

    let markdown = document.to_markdown();
    assert!(markdown.starts_with("# Visit to a Waldur server\n\n## Server\n\nversion 8.0.5\n"), "{markdown}");
    for line in ["## Paging", "| list | items | result |", "| marketplace\\_orders\\_list | 5 of 50 | ok |"] {
        assert!(markdown.lines().any(|other| other == line), "{line} in\n{markdown}");
    }

    let requests = sandbox.requests();
    assert_eq!(requests.len(), visit.report.requests);
    let reads = ["GET", "HEAD", "OPTIONS"];
    for method in reads {
        assert!(requests.iter().any(|request| request.method == method), "{method}");
    }
    assert!(
        requests.iter().all(|request| reads.contains(&request.method.as_str()) && request.body.is_none())
    );
}

#[tokio::test]
async fn each_release_has_the_operations_that_are_found() {
    for (release, version) in [
        (Release::Late2024, "not shown to this user (403)"),
        (Release::Schema, "8.0.5"),
        (Release::Newer, ""),
    ] {
        let sandbox = sandbox().release(release).start().await.unwrap();
        let visit = visited(&sandbox, Actor::Provider).await;
        let operations = &visit.report.operations;
        let mut wrong = Vec::new();
        for (id, presence) in operations {
            match presence {
                Presence::There if !release.has(id) => wrong.push(format!("{id} is not there")),
                Presence::Missing if release.has(id) => wrong.push(format!("{id} is not missing")),
                _ => {}
            }
        }
        // The sandbox sends the same `Allow` in every release, also for a method that the release lacks.
        let other_method = |line: &String| {
            let own = ["_create", "_list", "_retrieve", "_update", "_destroy", "_count"];
            let id = line.split(' ').next().unwrap_or_default();
            line.ends_with("is not there") && own.iter().any(|end| id.ends_with(end))
        };
        wrong.retain(|line| !other_method(line));
        assert!(wrong.is_empty(), "{release:?}: {wrong:#?}");
        let missing = operations.values().filter(|presence| **presence == Presence::Missing).count();
        match release {
            Release::Late2024 => assert!(missing > 40, "{missing}"),
            Release::Schema => assert_eq!(missing, 0),
            _ => assert!(missing > 0, "removed operations are missing"),
        }
        let text = visit.report.document().to_text();
        assert!(text.contains(&format!("version {version}")), "{text}");
        assert_eq!(visit.report.problems(), [""; 0], "{release:?}");
    }
}

#[tokio::test]
async fn a_visit_ends_at_the_limit_of_requests_and_says_what_it_left_out() {
    let sandbox = sandbox().start().await.unwrap();
    let builder = || crate::common::client_builder(sandbox.url(), sandbox.token(Actor::Provider));
    let limited = |max_requests| Settings { max_requests, ..settings() };
    let visit = visit(builder(), limited(12)).await.unwrap();
    assert_eq!((sandbox.requests().len(), visit.report.requests), (12, 12));
    let text = visit.report.document().to_text();
    for line in
        ["not asked: the limit of requests was reached", "not known, not asked: the limit of requests"]
    {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    assert_eq!(visit.report.problems(), [""; 0]);
    let error = waldur_contract::live::visit(builder(), limited(0)).await.unwrap_err();
    assert!(matches!(error, Error::NoRequest), "{error}");
    assert_eq!(sandbox.requests().len(), 12);
}

#[tokio::test]
async fn a_server_that_cannot_be_visited_is_an_error() {
    let sandbox = sandbox().start().await.unwrap();
    let at = |url: &str| visit(crate::common::client_builder(url, "0".repeat(40)), settings());
    assert!(matches!(at(sandbox.url()).await.unwrap_err(), Error::Token));
    let url = sandbox.url().to_owned();
    sandbox.shutdown().await;
    let error = at(&url).await.unwrap_err();
    assert!(matches!(error, Error::NoResponse(_)), "{error}");
    assert!(matches!(at("no url").await.unwrap_err(), Error::Settings(_)));
}
