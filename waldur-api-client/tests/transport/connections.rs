//! How a failed connection is told.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use waldur_api_client::{Client, ClientBuilder, Error, Method, RetryPolicy, Uuid};

use crate::common::client_builder_at;
use crate::server::{Act, Server};
use crate::{TOKEN, builder, client};

/// An address that nobody listens at.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// A listener that reads something and answers with this.
async fn answering(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(answer).await;
            });
        }
    });
    address
}

fn once(url: impl Into<String>) -> ClientBuilder {
    client_builder_at(url, TOKEN).retry(RetryPolicy::never())
}

/// What is said of a request with a query.
async fn said(builder: ClientBuilder) -> (String, Error) {
    let request = builder.build().unwrap().request(Method::POST, "/api/a/").query("a", "geheim");
    let error = request.send().await.unwrap_err();
    let text = error.to_string();
    let all = format!("{text} {error:?}");
    for secret in ["geheim", "user:", TOKEN] {
        assert!(!all.contains(secret), "{all}");
    }
    (text.strip_prefix("POST /api/a/: ").unwrap().to_owned(), error)
}

#[tokio::test]
async fn nobody_listens() {
    let address = nobody().await;
    let (text, error) = said(once(format!("http://{address}")).no_proxy()).await;
    assert_eq!(text, format!("connection to {address} failed: connection refused"));
    assert!(error.is_transport() && !error.is_ambiguous());
    let client = once(format!("http://{address}")).no_proxy().build().unwrap();
    let approval = client.marketplace_orders_approve_by_provider().uuid(Uuid::from_u128(1));
    let error = approval.send().await.unwrap_err().to_string();
    assert!(error.contains(&text), "{error}");
}

#[tokio::test]
async fn the_proxy_cannot_be_reached_or_refuses() {
    let address = nobody().await;
    for scheme in ["http", "https"] {
        if scheme == "https"
            && !cfg!(any(feature = "rustls-ring", feature = "rustls-aws-lc", feature = "native-tls"))
        {
            return;
        }
        let proxy = format!("http://user:geheim@{address}/?a=geheim");
        let (text, _) = said(once(format!("{scheme}://waldur.invalid")).proxy(proxy)).await;
        assert_eq!(text, format!("connection to the proxy http://{address} failed: connection refused"));
    }
    for (answer, cause) in [
        (&b"HTTP/1.1 403 no\r\n\r\n"[..], "the proxy refuses"),
        (b"HTTP/1.1 407 who\r\n\r\n", "the proxy requires a user name and password"),
        (b"", "the proxy closed the connection"),
    ] {
        let address = answering(answer).await;
        let proxy = format!("http://user:geheim@{address}");
        let (text, error) = said(once("https://waldur.invalid").proxy(proxy)).await;
        let expected =
            format!("connection to waldur.invalid:443 through the proxy http://{address} failed: {cause}");
        assert_eq!(text, expected);
        assert!(error.is_transport() && !error.is_ambiguous());
    }
}

struct Unknown;

impl reqwest::dns::Resolve for Unknown {
    fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
        Box::pin(async { Err("no such name".into()) })
    }
}

#[tokio::test]
async fn a_name_is_not_known() {
    let http = ClientBuilder::http_client_builder().no_proxy();
    let http = http.dns_resolver(std::sync::Arc::new(Unknown)).build().unwrap();
    let (text, error) = said(once("http://waldur.invalid/api/").http_client(http)).await;
    assert_eq!(text, "cannot resolve host waldur.invalid");
    assert!(error.is_transport() && !error.is_ambiguous());
}

#[tokio::test]
async fn the_other_side_speaks_something_else_or_goes() {
    for (act, cause) in [
        (Act::Garbage, "the response is not HTTP; does the port expect https?"),
        (Act::ApplyAndClose, "connection closed before the response"),
        (Act::Reset, "connection reset before the response"),
    ] {
        let server = Server::start(move |_| act.clone()).await;
        let (text, error) = said(builder(&server).retry(RetryPolicy::never())).await;
        assert_eq!(
            text,
            format!("connection to {} failed: {cause}", server.url.trim_start_matches("http://"))
        );
        assert!(error.is_transport() && error.is_ambiguous());
    }
    let server = Server::start(|_| Act::Truncate).await;
    let client = builder(&server).retry(RetryPolicy::never()).build().unwrap();
    let text = client.request(Method::GET, "/a/").send().await.unwrap_err().to_string();
    assert!(
        text.starts_with("GET /a/: the response of 127.0.0.1:") && text.ends_with(" was cut off"),
        "{text}"
    );
}

#[tokio::test]
async fn a_kept_connection_was_closed() {
    let server = Server::start(|_| Act::AnswerAndClose).await;
    let client = builder(&server).retry(RetryPolicy::never()).build().unwrap();
    let mut texts = std::collections::BTreeSet::new();
    for _ in 0..200 {
        if let Err(error) = client.request(Method::POST, "/a/").send().await {
            texts.insert(error.to_string());
        }
    }
    for text in texts {
        assert!(
            text.contains(" failed: connection closed") || text.contains(" failed: connection reset"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn there_is_no_answer_in_time() {
    let server = Server::start(|_| Act::Hang).await;
    let short = builder(&server).retry(RetryPolicy::never()).read_timeout(Duration::from_millis(50));
    let (text, error) = said(short).await;
    assert_eq!(text, format!("no response from {} in time", server.url.trim_start_matches("http://")));
    assert!(error.is_timeout() && error.is_ambiguous());
}

/// A TLS server that never says hello lets the connection wait.
#[cfg(any(feature = "rustls-ring", feature = "rustls-aws-lc", feature = "native-tls"))]
#[tokio::test]
async fn there_is_no_connection_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let short = once(format!("https://{address}")).no_proxy().connect_timeout(Duration::from_millis(200));
    let (text, error) = said(short).await;
    assert_eq!(text, format!("no connection to {address} within 0.2 s"));
    assert!(error.is_timeout() && !error.is_ambiguous());
}

#[cfg(any(feature = "rustls-ring", feature = "rustls-aws-lc", feature = "native-tls"))]
#[tokio::test]
async fn a_port_does_not_speak_tls() {
    let address = answering(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    let (text, error) = said(once(format!("https://{address}")).no_proxy()).await;
    assert_eq!(
        text,
        format!("connection to {address} failed: the response is not TLS; does the port expect http?")
    );
    assert!(error.is_transport() && !error.is_ambiguous());
    let address = answering(b"").await;
    let (text, _) = said(once(format!("https://{address}")).no_proxy()).await;
    assert_eq!(text, format!("connection to {address} failed: connection closed while it was made"));
}

#[tokio::test]
async fn why_nothing_was_tried_again_is_told() {
    let server = Server::start(|arrival| match arrival.path.as_str() {
        "/busy/" => Act::status(503),
        _ => Act::Answer(503, vec![("retry-after", "86400".into())], String::new()),
    });
    let server = server.await;
    let client = client(&server);
    let said = async |client: &Client, method, path: &'static str| {
        client.request(method, path).send().await.unwrap_err().to_string()
    };
    let text = said(&client, Method::GET, "/day/").await;
    assert!(text.contains("(503): the server asks to wait 86400 s, longer than the 120 s left"), "{text}");
    let text = said(&client, Method::POST, "/day/").await;
    assert!(text.contains("the server asks to wait 86400 s"), "{text}");
    let text = said(&client, Method::GET, "/busy/").await;
    assert!(text.contains("(gave up after 4 attempts in "), "{text}");
    let slow = RetryPolicy::default().backoff(Duration::from_secs(10), Duration::from_secs(10));
    let text =
        said(&client.with_retry(slow.max_elapsed(Duration::from_secs(5))), Method::GET, "/busy/").await;
    assert!(text.contains("not retried: no time is left for another attempt"), "{text}");
}

#[cfg(feature = "socks")]
#[tokio::test]
async fn a_socks_proxy_leads_to_the_server() {
    use tokio::net::TcpStream;

    let server = Server::start(|_| Act::ok()).await;
    let target = server.url.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let target = target.clone();
            tokio::spawn(async move {
                let mut greeting = [0; 2];
                stream.read_exact(&mut greeting).await.unwrap();
                stream.read_exact(&mut vec![0; greeting[1].into()]).await.unwrap();
                stream.write_all(&[5, 0]).await.unwrap();
                let mut head = [0; 5];
                stream.read_exact(&mut head).await.unwrap();
                // A name, and a port: socks5h leaves the resolving to the proxy.
                assert_eq!(head[..4], [5, 1, 0, 3]);
                let mut rest = vec![0; usize::from(head[4]) + 2];
                stream.read_exact(&mut rest).await.unwrap();
                let refused = rest.starts_with(b"refused");
                stream.write_all(&[5, if refused { 5 } else { 0 }, 0, 1, 127, 0, 0, 1, 0, 0]).await.unwrap();
                if !refused {
                    let mut there = TcpStream::connect(target).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut there).await;
                }
            });
        }
    });
    let through = |url: &str| once(url).proxy(format!("socks5h://{proxy}"));
    let client = through("http://waldur.invalid").build().unwrap();
    client.request(Method::GET, "/a/").send().await.unwrap();
    assert_eq!(server.arrivals()[0].header("host"), "waldur.invalid");
    let (text, _) = said(through("http://refused.invalid")).await;
    let expected = format!("connection to refused.invalid:80 through the proxy socks5h://{proxy} failed: ");
    assert!(text.starts_with(&expected), "{text}");
    let gone = nobody().await;
    let (text, _) = said(once("http://waldur.invalid").proxy(format!("socks5h://user:geheim@{gone}"))).await;
    assert!(text.starts_with(&format!("connection to the proxy socks5h://{gone} failed: ")), "{text}");
}
