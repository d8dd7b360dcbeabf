//! The recorded answers of a real server are read without losing a field.
//!
//! The recordings are not part of this repository: without them beside it, the test says so and passes.

use std::path::Path;

use serde_json::Value;
use waldur_api_client::types;
use waldur_api_client::wire::{Wire, decode};

/// The paths that were dropped.
type Dropped = Result<Vec<String>, String>;

fn read<T: Wire>(body: &Value) -> Dropped {
    let decoded = decode::<T>(body.to_string().as_bytes()).map_err(|error| error.to_string())?;
    Ok(decoded.misfits.iter().map(|misfit| misfit.path()).collect())
}

/// A path, and how an answer to it is read.
type Model = (&'static str, fn(&Value) -> Dropped);

/// The model of an answer to GET, by its path: `*` stands for a segment.
const MODELS: &[Model] = &[
    ("/api/users/", read::<Vec<types::User>>),
    ("/api/users/me/", read::<types::User>),
    ("/api/keys/", read::<Vec<types::SshKey>>),
    ("/api/marketplace-resources/", read::<Vec<types::Resource>>),
    ("/api/marketplace-resources/*/team/", read::<Vec<types::ProjectUser>>),
    ("/api/marketplace-provider-resources/", read::<Vec<types::Resource>>),
    ("/api/marketplace-provider-resources/*/", read::<types::Resource>),
    ("/api/marketplace-provider-resources/*/plan_periods/", read::<Vec<types::ResourcePlanPeriod>>),
    ("/api/marketplace-orders/", read::<Vec<types::OrderDetails>>),
    ("/api/marketplace-orders/*/", read::<types::OrderDetails>),
    ("/api/marketplace-component-usages/", read::<Vec<types::ComponentUsage>>),
    ("/api/marketplace-component-user-usages/", read::<Vec<types::ComponentUserUsage>>),
    ("/api/marketplace-offering-users/", read::<Vec<types::OfferingUser>>),
    ("/api/marketplace-service-providers/", read::<Vec<types::ServiceProvider>>),
    ("/api/marketplace-service-providers/*/", read::<types::ServiceProvider>),
    ("/api/marketplace-service-providers/*/users/", read::<Vec<types::MarketplaceServiceProviderUser>>),
    ("/api/marketplace-service-providers/*/offerings/", read::<Vec<types::ProviderOffering>>),
    ("/api/projects/*/", read::<types::Project>),
];

fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
    let same = |(wanted, found): (&&str, &&str)| wanted == found || (*wanted == "*" && found.len() == 32);
    pattern.len() == path.len() && pattern.iter().zip(&path).all(same)
}

#[test]
fn recorded_answers_are_read_without_loss() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/recordings/mastermind.jsonl");
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("skipped: the recordings are not beside this repository");
        return;
    };
    let mut read = 0;
    let mut wrong = Vec::new();
    for line in text.lines() {
        // One recorded request holds a NaN, which is no JSON.
        let Ok(exchange) = serde_json::from_str::<Value>(line) else { continue };
        let (request, response) = (&exchange["request"], &exchange["response"]);
        if request["method"] != "GET" || response["status"] != 200 {
            continue;
        }
        let path = request["path"].as_str().unwrap().split('?').next().unwrap();
        let body = match &response["body"] {
            Value::String(text) => serde_json::from_str(text).unwrap_or(Value::Null),
            body => body.clone(),
        };
        let Some((_, model)) = MODELS.iter().find(|(pattern, _)| fits(pattern, path)) else { continue };
        read += 1;
        match model(&body) {
            Ok(dropped) if dropped.is_empty() => {}
            other => wrong.push(format!("{}: {other:?}", exchange["name"])),
        }
    }
    assert!(read > 60, "only {read} answers were read");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
