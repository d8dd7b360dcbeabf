//! Secrets are in nothing that is written, shown or sent elsewhere. One test, as it listens to the whole
//! process.

#![cfg(feature = "provider")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "transport/server.rs"]
mod server;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{blank_client_builder, client_builder_at};
use server::{Act, Arrival, Server};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use waldur_api_client::{
    ClientBuilder, ClientCredentials, Credentials, Error, ListExt as _, Method, RetrieveExt as _,
    RetryPolicy, Uuid,
};

const TOKEN: &str = "9d1f0c8b7a6e5d4c3b2a19080706050403020100";
const PERSONAL: &str = "w_thepersonalaccesstoken";
const ISSUED: &str = "theissuedtoken";
const CLIENT_SECRET: &str = "theclientsecret";
const GATEWAY: &str = "thegatewaykey";
const PROXY: &str = "theproxypassword";
const QUERY: &str = "thequeryvalue";
const BODY: &str = "thebodyvalue";

/// Orders whose responses can't be decoded, and repeat the token.
const UNDECODABLE: Uuid = Uuid::from_u128(2);
const MISTYPED: Uuid = Uuid::from_u128(3);

#[derive(serde::Deserialize)]
struct Row {
    slug: u32,
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Kept {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Misbehaves by path, and repeats the token wherever it can.
fn plan(stranger: String) -> impl Fn(&Arrival) -> Act {
    move |arrival| {
        let token = arrival.header("authorization").to_owned();
        let page = |status| {
            Act::Answer(
                status,
                vec![("x-request-id", token.clone()), ("content-type", "application/json".into())],
                format!(r#"{{"detail": "{token} is not welcome"}}"#),
            )
        };
        match arrival.path.split(['?', '#']).next().unwrap() {
            "/token" => Act::json(200, &format!(r#"{{"access_token": "{ISSUED}", "expires_in": 60}}"#)),
            "/wrongtoken" => Act::json(400, &format!(r#"{{"error": "{CLIENT_SECRET}"}}"#)),
            "/400/" => page(400),
            "/401/" => page(401),
            "/500/" => page(500),
            "/503/" => page(503),
            "/elsewhere/" => Act::redirect(307, &format!("{stranger}/?a={QUERY}")),
            "/here/" => Act::redirect(302, "/ok/"),
            "/reset/" => Act::Reset,
            "/close/" => Act::ApplyAndClose,
            "/hang/" => Act::Hang,
            "/truncate/" => Act::Truncate,
            "/garbage/" => Act::Garbage,
            "/page/" => {
                let page = format!("<html>{token} is not welcome</html>");
                Act::Answer(200, vec![("content-type", "text/html".into()), ("x-a", token)], page)
            }
            "/text/" => Act::json(200, &format!(r#"{{"uuid": "{token}"}}"#)),
            path if path.ends_with(&format!("/{}/", UNDECODABLE.simple())) => Act::Answer(
                200,
                vec![("x-request-id", token.clone()), ("content-type", "application/json".into())],
                format!(r#""{token} isn't an order""#),
            ),
            path if path.ends_with(&format!("/{}/", MISTYPED.simple())) => {
                Act::json(200, &format!(r#"{{"slug": "{token} isn't a number"}}"#))
            }
            _ => Act::ok(),
        }
    }
}

fn builders(server: &Server) -> Vec<ClientBuilder> {
    let base = || {
        blank_client_builder()
            .url(&server.url)
            .header("X-Gateway", GATEWAY)
            .read_timeout(Duration::from_millis(100))
            .retry(RetryPolicy::default().backoff(Duration::from_millis(1), Duration::from_millis(2)))
    };
    let oidc = |path: &str| {
        let client = ClientCredentials::new(format!("{}{path}", server.url), "agent", CLIENT_SECRET);
        Credentials::client_credentials(client)
    };
    let proxy = server.url.replace("http://", &format!("http://user:{PROXY}@"));
    vec![
        base().no_proxy().token(TOKEN),
        base().no_proxy().token(PERSONAL),
        base().no_proxy().credentials(oidc("/token")),
        base().no_proxy().credentials(oidc("/wrongtoken")),
        base().proxy(proxy).token(TOKEN),
    ]
}

#[tokio::test]
async fn secrets_stay_secret() {
    let kept = Kept::default();
    // With the log of reqwest and hyper, and the fields of each span.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(kept.clone())
        .finish()
        .init();
    let stranger = Server::start(|_| Act::ok()).await;
    let server = Server::start(plan(stranger.url.clone())).await;
    let mut shown = String::new();
    let mut show = |error: Error| {
        let mut text = format!("{error} {error:?} {error:#?} {}", error.body());
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text.push_str(&format!(" {cause} {cause:?}"));
            source = cause.source();
        }
        shown.push_str(&text);
    };
    let mut texts = Vec::new();
    for builder in builders(&server) {
        texts.push(format!("{builder:?} {builder:#?}"));
        let client = builder.build().unwrap();
        texts.push(format!("{client:?} {client:#?} {:?}", client.assume_idempotent()));
        for path in [
            "/ok/",
            "/400/",
            "/401/",
            "/500/",
            "/503/",
            "/elsewhere/",
            "/here/",
            "/reset/",
            "/close/",
            "/hang/",
            "/truncate/",
            "/garbage/",
            "/text/",
            "/page/",
        ] {
            for method in [Method::GET, Method::POST] {
                let request = client.request(method, path).query("a", QUERY).json(&BODY);
                texts.push(format!("{request:?}"));
                match request.send().await {
                    Ok(answer) => {
                        texts.push(format!("{answer:?}"));
                        answer.json::<Vec<u8>>().map_or_else(&mut show, drop);
                    }
                    Err(error) => show(error),
                }
            }
        }
        let orders = client.marketplace_orders_list().all().await;
        orders.map_or_else(&mut show, drop);
        for order in [Uuid::from_u128(1), UNDECODABLE] {
            let call = client.marketplace_orders_retrieve().uuid(order).send().await;
            if let Err(error) = call {
                texts.push(format!("{error} {error:?}"));
                show(error);
            }
        }
        let row = client.marketplace_orders_retrieve().uuid(MISTYPED).select::<Row>().await;
        row.map_or_else(&mut show, |row| unreachable!("{} isn't a number", row.slug));
    }
    // Settings that are wrong.
    for builder in [
        client_builder_at(format!("http://user:{TOKEN}@w.example.org"), TOKEN),
        client_builder_at(&server.url, format!("Token {TOKEN}")),
        client_builder_at(&server.url, TOKEN).proxy(format!("ftp://u:{PROXY}@w.example.org")),
        client_builder_at(&server.url, TOKEN).header("Authorization", TOKEN),
        client_builder_at(&server.url, TOKEN).header("X-Gateway", &format!("{GATEWAY}\n")),
    ] {
        texts.push(format!("{builder:?}"));
        show(builder.build().unwrap_err());
    }

    let log = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    // It did listen: to the pipeline, to reqwest and to hyper.
    for part in ["waldur.call", "retrying", "reqwest::", "hyper_util::"] {
        assert!(log.contains(part), "{part} is not in the log");
    }
    for text in ["[hidden] is not welcome", "[hidden] isn't an order", "[hidden] isn't a number"] {
        assert!(shown.contains(text), "{text} is not in the errors");
    }
    for (name, text) in [("log", &log), ("errors", &shown), ("debug", &texts.join("\n"))] {
        for secret in [TOKEN, PERSONAL, ISSUED, CLIENT_SECRET, GATEWAY, PROXY, QUERY, BODY] {
            if let Some(at) = text.find(secret) {
                let from = text.floor_char_boundary(at.saturating_sub(300));
                panic!("{secret} is in the {name}: {}", &text[from..at + secret.len()]);
            }
        }
    }
    assert_eq!(stranger.total(), 0);
    // All the secrets were in use.
    let arrivals = server.arrivals();
    let came = |secret: &str| arrivals.iter().any(|arrival| format!("{arrival:?}").contains(secret));
    for secret in [TOKEN, PERSONAL, ISSUED, GATEWAY, QUERY] {
        assert!(came(secret), "{secret}");
    }
}
