//! What is told about calls.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber as _;
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use waldur_api_client::Method;

use crate::client;
use crate::server::{Act, Server};

type Fields = BTreeMap<String, String>;

/// Keeps the fields of the calls' spans, and the messages of the events.
#[derive(Clone, Default)]
struct Kept {
    spans: Arc<Mutex<BTreeMap<u64, Fields>>>,
    events: Arc<Mutex<Vec<Fields>>>,
}

struct Into<'a>(&'a mut Fields);

impl Visit for Into<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Kept {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        if attributes.metadata().name() == "waldur.call" {
            attributes.record(&mut Into(self.spans.lock().unwrap().entry(id.into_u64()).or_default()));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        if let Some(fields) = self.spans.lock().unwrap().get_mut(&id.into_u64()) {
            values.record(&mut Into(fields));
        }
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target().starts_with("waldur_api_client") {
            let mut fields = Fields::new();
            event.record(&mut Into(&mut fields));
            self.events.lock().unwrap().push(fields);
        }
    }
}

#[tokio::test]
async fn a_call_is_a_span_and_each_attempt_an_event() {
    let server = Server::start(|arrival| match (arrival.path.as_str(), arrival.earlier) {
        (path, _) if path.starts_with("/raw/") => Act::status(404),
        ("/hang/", _) => Act::Hang,
        (_, 0) => Act::status(503),
        _ => Act::Answer(
            200,
            vec![("content-type", "application/json".into()), ("x-result-count", "17".into())],
            "[]".into(),
        ),
    });
    let server = server.await;
    let client = client(&server);
    let kept = Kept::default();
    let calls = async {
        client.marketplace_orders_list().query("geheim").send().await.unwrap();
        let impatient = client.with_timeout(std::time::Duration::from_millis(50));
        impatient.request(Method::GET, "/hang/").send().await.unwrap_err();
        client.request(Method::GET, "/raw/").query("secret", "geheim").send().await.unwrap_err();
    };
    // While there is only one subscriber, a callsite that another test reaches first asks the subscriber of
    // that test's thread, which is none, and stays disabled for all. With two, it asks both.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    calls.with_subscriber(tracing_subscriber::registry().with(kept.clone())).await;

    let spans: Vec<Fields> = kept.spans.lock().unwrap().values().cloned().collect();
    let list = spans.iter().find(|span| span["waldur.operation"] == "marketplace_orders_list").unwrap();
    for (name, value) in [
        ("http.request.method", "GET"),
        ("url.template", "/api/marketplace-orders/"),
        ("otel.name", "GET /api/marketplace-orders/"),
        ("otel.kind", "client"),
        ("server.address", "127.0.0.1"),
        ("http.response.status_code", "200"),
        ("http.request.resend_count", "1"),
        ("waldur.result_count", "17"),
    ] {
        assert_eq!(list[name], value, "{name}");
    }
    assert!(list.contains_key("waldur.duration_ms") && !list.contains_key("error.type"));
    assert!(spans.iter().any(|span| span.get("error.type").is_some_and(|kind| kind == "Timeout")));
    let raw = spans.iter().find(|span| span.get("error.type").is_some_and(|kind| kind == "404")).unwrap();
    assert_eq!(raw["waldur.operation"], "raw");
    assert_eq!((raw["error.type"].as_str(), raw["http.response.status_code"].as_str()), ("404", "404"));
    assert!(!raw.contains_key("http.request.resend_count"));

    let events = kept.events.lock().unwrap();
    let told = |message: &str| events.iter().filter(|event| event["message"] == message).count();
    assert_eq!((told("response"), told("retrying"), told("done"), told("failed")), (3, 1, 1, 2));
    assert!(!format!("{spans:?} {events:?}").contains("geheim"));
}

#[cfg(feature = "metrics")]
mod metrics_recorder {
    use std::sync::atomic::AtomicU64;

    use metrics::{
        Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Kept {
        counters: Arc<Mutex<BTreeMap<String, Arc<AtomicU64>>>>,
        times: Arc<Times>,
        labels: Arc<Mutex<Vec<String>>>,
    }

    #[derive(Default)]
    struct Times(Mutex<Vec<f64>>);

    impl HistogramFn for Times {
        fn record(&self, value: f64) {
            self.0.lock().unwrap().push(value);
        }
    }

    impl Kept {
        fn cell(&self, key: &Key) -> Arc<AtomicU64> {
            self.labels.lock().unwrap().push(format!("{key:?}"));
            Arc::clone(self.counters.lock().unwrap().entry(key.name().to_owned()).or_default())
        }
    }

    impl Recorder for Kept {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(self.cell(key))
        }
        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::from_arc(self.cell(key))
        }
        fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
            self.labels.lock().unwrap().push(format!("{key:?}"));
            Histogram::from_arc(Arc::clone(&self.times))
        }
    }

    #[test]
    fn calls_are_measured() {
        let kept = Kept::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        metrics::with_local_recorder(&kept, || {
            runtime.block_on(async {
                let server = Server::start(|arrival| match arrival.earlier {
                    0 => Act::status(503),
                    _ => Act::ok(),
                });
                let server = server.await;
                client(&server).marketplace_orders_list().query("geheim").send().await.unwrap();
            });
        });
        let value = |name: &str| {
            let bits = kept.counters.lock().unwrap()[name].load(std::sync::atomic::Ordering::Relaxed);
            (bits, f64::from_bits(bits))
        };
        assert_eq!(value("waldur.client.retries").0, 1);
        assert_eq!(value("http.client.active_requests").1, 0.0);
        assert_eq!(kept.times.0.lock().unwrap().len(), 1);
        let labels = kept.labels.lock().unwrap().join("\n");
        assert!(labels.contains("marketplace_orders_list") && labels.contains("200"), "{labels}");
        assert!(!labels.contains("geheim"));
    }
}
