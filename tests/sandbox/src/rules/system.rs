//! `version`, the API's root, and `events`.

use crate::judge;
use crate::protocol::answer::{Answer, Outcome, forbidden};
use crate::protocol::call::Call;
use crate::protocol::listing;
use crate::release::Release;
use crate::store::{Actor, State};

/// Responds with the version of the release. A server of late 2024 shows it only to staff.
pub(crate) fn version(call: &Call, _: &mut State) -> Outcome {
    if !call.release.shows_its_version() && call.actor()? != Actor::Staff {
        return Err(forbidden());
    }
    let version = match call.release {
        Release::Late2024 => "7.5.0",
        Release::Schema => "8.0.5",
        Release::Newer => "8.1.0",
    };
    Ok(Answer::ok(serde_json::json!({ "version": version, "latest_version": null })))
}

/// Responds with the address of each collection.
pub(crate) fn root(call: &Call, _: &mut State) -> Outcome {
    let names = judge::collections();
    let addresses: serde_json::Map<_, _> =
        names.into_iter().map(|name| (name.to_owned(), call.url(&format!("{name}/")).into())).collect();
    Ok(Answer::ok(addresses))
}

/// Lists no events: the sandbox records none.
pub(crate) fn events(call: &Call, _: &mut State) -> Outcome {
    call.actor()?;
    let rows: [(); 0] = [];
    listing::page(call, &rows, |(), _| serde_json::Map::new())
}
