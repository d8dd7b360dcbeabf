//! Changes of a resource, and how their results are confirmed.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Map, Number, Value};
use uuid::Uuid;
use waldur_api_client::types::{
    ResourceBackendIdRequest, ResourceBackendMetadataRequest, ResourceSetLimitsRequest,
};
use waldur_api_client::{Client, Error};

use super::read;
use crate::confirm::{Applied, Confirm, Seen};
use crate::row::{Row, row};

row! {
    pub(super) struct LimitsRow {
        pub(super) limits: BTreeMap<String, Decimal> = exact "limits",
    }
}

row! {
    /// The fields that confirm a change of the backend id.
    pub(super) struct BackendIdRow {
        pub(super) offering_uuid: Uuid = need "offering_uuid",
        pub(super) backend_id: String = exact "backend_id",
    }
}

row! {
    struct MetadataRow {
        backend_metadata: Value = or_default "backend_metadata",
    }
}

/// Sends a change of a resource, and reads the resource if the response is lost.
///
/// `else_shown` decides what it means if the resource shows another value: servers store some values as sent,
/// and adjust others.
///
/// # Errors
/// The server's refusal, or [`Error::is_unconfirmed`] if whether the change was applied is unknown.
pub(super) async fn change<R: Row, S: Future<Output = Result<(), Error>>>(
    client: &Client,
    confirm: Confirm<'_>,
    resource: Uuid,
    send: impl Fn() -> S,
    is_so: impl Fn(&R) -> bool,
    else_shown: fn(String) -> Seen<()>,
) -> Result<Applied, Error> {
    let look = || async {
        let now = read::<R>(client, resource).await?;
        Ok(match is_so(&now) {
            true => Seen::Applied(()),
            false => else_shown("the resource shows another value".to_owned()),
        })
    };
    let ((), applied) = confirm.after(Error::is_ambiguous).send(send, look).await?;
    Ok(applied)
}

/// Sets the backend id, without checking its length.
///
/// # Errors
/// Those of [`change`].
pub(crate) async fn send_backend_id(
    client: &Client,
    confirm: Confirm<'_>,
    resource: Uuid,
    backend_id: &str,
) -> Result<Applied, Error> {
    let body = ResourceBackendIdRequest::builder().backend_id(backend_id);
    let call = client.marketplace_provider_resources_set_backend_id().uuid(resource).body(body);
    let send = || async { call.clone().send().await.map(drop) };
    let is_so = |now: &BackendIdRow| now.backend_id == backend_id.trim();
    change(client, confirm, resource, send, is_so, Seen::Unchanged).await
}

/// Sets the limits, and reads them only if the response is lost.
///
/// # Errors
/// Those of [`change`].
pub(crate) async fn send_limits(
    client: &Client,
    confirm: Confirm<'_>,
    resource: Uuid,
    limits: &BTreeMap<String, Decimal>,
) -> Result<Applied, Error> {
    let body = ResourceSetLimitsRequest::builder().limits(numbers(limits));
    let call = client.marketplace_provider_resources_set_limits().uuid(resource).body(body);
    let send = || async { call.clone().send().await.map(drop) };
    let is_so = |now: &LimitsRow| now.limits == *limits;
    change(client, confirm, resource, send, is_so, Seen::Differs).await
}

/// Sets the back end's metadata, and reads it only if the response is lost.
///
/// # Errors
/// Those of [`change`].
pub(crate) async fn send_metadata(
    client: &Client,
    confirm: Confirm<'_>,
    resource: Uuid,
    metadata: &Value,
) -> Result<Applied, Error> {
    let body = ResourceBackendMetadataRequest::builder().backend_metadata(metadata.clone());
    let call = client.marketplace_provider_resources_set_backend_metadata().uuid(resource).body(body);
    let send = || async { call.clone().send().await.map(drop) };
    let is_so = |now: &MetadataRow| holds(&now.backend_metadata, metadata);
    change(client, confirm, resource, send, is_so, Seen::Differs).await
}

/// Returns whether the metadata that was sent is stored. Servers add some names to those that were sent.
pub(crate) fn holds(there: &Value, sent: &Value) -> bool {
    match (there, sent) {
        (Value::Object(there), Value::Object(sent)) => {
            sent.iter().all(|(name, value)| there.get(name) == Some(value))
        }
        _ => there == sent,
    }
}

/// Sets the last-sync time to the server's current time. If the response is lost, it is sent again.
///
/// # Errors
/// The server's refusal, or [`Error::is_unconfirmed`] if the last response was lost.
#[cfg(feature = "agent")]
pub(crate) async fn send_last_sync(
    client: &Client,
    confirm: Confirm<'_>,
    resource: Uuid,
) -> Result<Applied, Error> {
    let call = client.marketplace_provider_resources_refresh_last_sync().uuid(resource);
    let send = || async { call.clone().send().await.map(drop) };
    // The time is the server's own, so reading it would not confirm the change.
    let look = || async { Ok(Seen::Differs("the server keeps its own time".to_owned())) };
    let ((), applied) = confirm.after(Error::is_ambiguous).send(send, look).await?;
    Ok(applied)
}

/// Converts limits to JSON numbers, as servers require.
fn numbers(limits: &BTreeMap<String, Decimal>) -> Value {
    let number = |limit: &Decimal| {
        let whole = limit.is_integer().then(|| i64::try_from(*limit).ok()).flatten().map(Value::from);
        let other = || f64::try_from(*limit).ok().and_then(Number::from_f64).map(Value::Number);
        whole.or_else(other).unwrap_or_else(|| Value::from(limit.to_string()))
    };
    Value::Object(limits.iter().map(|(name, limit)| (name.clone(), number(limit))).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn limits_are_sent_as_numbers() {
        let limits = [("cpu", "64"), ("ram", "64.00"), ("disk", "1.5")];
        let limits = limits.map(|(name, limit)| (name.to_owned(), limit.parse().unwrap()));
        assert_eq!(numbers(&BTreeMap::from(limits)), json!({ "cpu": 64, "ram": 64, "disk": 1.5 }));
    }
}
