//! WebSocket connections to the broker, made by the client's own HTTP client.

use std::time::Duration;

use http::header::{
    HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use waldur_api_client::{Client, Error, ErrorKind};

use super::failure::Failure;

/// The path at which Waldur's proxy offers the broker.
const PATH: &str = "/rmqws-stomp";
/// The version of STOMP as the protocol of a WebSocket.
const STOMP: &str = "v12.stomp";

/// Returns the URL of the broker beside the API at `api`.
pub(super) fn default_url(api: &str) -> String {
    let host_end = api.find("://").and_then(|at| api[at + 3..].find('/').map(|slash| at + 3 + slash));
    format!("{}{PATH}", &api[..host_end.unwrap_or(api.len())])
}

/// Returns a URL of the broker with the scheme that requests have.
///
/// # Errors
/// If it is none of the schemes ws, wss, http and https.
pub(super) fn checked_url(url: &str) -> Result<String, Error> {
    let url = url.trim();
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "ws" | "http" => "http",
        "wss" | "https" => "https",
        _ => return Err(Error::configuration("url", "of the events must begin with wss:// or ws://")),
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() || host.contains('@') {
        return Err(Error::configuration("url", "of the events must have a host, and no user name"));
    }
    Ok(format!("{scheme}://{rest}"))
}

/// Opens a WebSocket.
pub(super) async fn open(
    client: &Client,
    url: &str,
    limit: Duration,
) -> Result<impl AsyncRead + AsyncWrite + Send + Unpin + use<>, Failure> {
    let key = generate_key();
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, value: &str| {
        HeaderValue::from_str(value).map(|value| headers.insert(name, value)).map_err(Failure::protocol)
    };
    set(SEC_WEBSOCKET_VERSION, "13")?;
    set(SEC_WEBSOCKET_KEY, &key)?;
    set(SEC_WEBSOCKET_PROTOCOL, STOMP)?;
    let upgraded = timeout(limit, client.upgrade(url, "websocket", headers)).await;
    let upgraded = upgraded.map_err(|_| Failure::late("WebSocket", limit))?;
    let (stream, headers) = upgraded.map_err(Failure::unconnected)?;
    let header = |name| headers.get(name).map(HeaderValue::as_bytes);
    if header(SEC_WEBSOCKET_ACCEPT) != Some(derive_accept_key(key.as_bytes()).as_bytes()) {
        return Err(refused("the response has another key"));
    }
    // Brokers without protocols of WebSocket send none.
    if header(SEC_WEBSOCKET_PROTOCOL).is_some_and(|protocol| protocol != STOMP.as_bytes()) {
        return Err(refused("the broker chose another protocol"));
    }
    Ok(stream)
}

fn refused(problem: &str) -> Failure {
    let text = format!("no WebSocket: {problem}");
    Failure::unconnected(Error::new(ErrorKind::UnexpectedResponse, "").with_headline(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_broker_is_at_the_host_of_the_api() {
        for (api, url) in [
            ("https://w.example.org", "https://w.example.org/rmqws-stomp"),
            ("http://[::1]:8000/sub", "http://[::1]:8000/rmqws-stomp"),
            ("https://w.example.org/a/b", "https://w.example.org/rmqws-stomp"),
        ] {
            assert_eq!(default_url(api), url);
        }
    }

    #[test]
    fn urls_of_the_broker_are_checked() {
        assert_eq!(checked_url(" wss://a.example.org/ws ").unwrap(), "https://a.example.org/ws");
        assert_eq!(checked_url("WS://127.0.0.1:15674/ws").unwrap(), "http://127.0.0.1:15674/ws");
        for url in
            ["", "a.example.org", "ftp://a.example.org", "wss://", "wss:///ws", "wss://u:p@a.example.org"]
        {
            assert!(checked_url(url).unwrap_err().is_configuration(), "{url}");
        }
    }
}
