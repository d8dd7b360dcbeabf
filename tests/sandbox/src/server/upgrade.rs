//! The address of the broker: an upgrade to WebSocket.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::broker;
use crate::protocol::answer::Answer;
use crate::protocol::payload::Payload;
use crate::server::shared::{Shared, lock};

/// The paths of the broker: that of a proxy in front of it, and its own.
pub(super) const PATHS: [&str; 2] = ["/rmqws-stomp", "/ws"];

const PROTOCOL: &str = "v12.stomp";

/// Returns the response to a request to the broker, and stores the connection if it is upgraded.
pub(super) fn respond(
    shared: &Shared,
    request: &mut Request<Incoming>,
    upgraded: &Mutex<Option<OnUpgrade>>,
) -> Response<Payload> {
    if shared.broker.lock().is_stopped {
        // As a proxy does whose server is gone.
        return Answer::page(StatusCode::BAD_GATEWAY).into_response(false);
    }
    let mut response = Response::new(Payload::new(Bytes::new(), None, None));
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    let Some(key) = key(request.headers()) else {
        *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
        return response;
    };
    if let Ok(key) = HeaderValue::from_str(&derive_accept_key(key)) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, key);
    }
    if offers_stomp(request.headers()) {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    }
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *lock(upgraded) = Some(hyper::upgrade::on(request));
    response
}

/// Returns the key of a request for an upgrade to WebSocket.
fn key(headers: &HeaderMap) -> Option<&[u8]> {
    let wanted = headers.get(header::UPGRADE)?.to_str().ok()?;
    if !wanted.eq_ignore_ascii_case("websocket") {
        return None;
    }
    headers.get(header::SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes)
}

fn offers_stomp(headers: &HeaderMap) -> bool {
    let offers = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    offers
        .filter_map(|offer| offer.to_str().ok())
        .flat_map(|offer| offer.split(','))
        .any(|one| one.trim() == PROTOCOL)
}

/// Serves an upgraded connection until it ends.
pub(super) async fn serve(upgraded: OnUpgrade, shared: &Arc<Shared>) {
    if let Ok(stream) = upgraded.await {
        broker::serve(TokioIo::new(stream), shared.broker.clone(), shared.clock()).await;
    }
}
