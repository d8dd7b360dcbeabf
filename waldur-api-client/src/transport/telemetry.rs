//! Telemetry of calls: a span per call, events per attempt, and metrics.
//!
//! Names follow OpenTelemetry's conventions for HTTP clients. Headers, bodies, queries and paths with values
//! are never recorded.

use std::time::Duration;

use super::failure::FailureKind;
use super::received::Received;
use super::retry::StopReason;
use crate::error::{BoxError, Error};
use crate::wire::Operation;
use http::StatusCode;
use reqwest::Request;
use tokio::time::Instant;
use tracing::Span;
use tracing::field::Empty;

/// The header with the number of items of a list.
const RESULT_COUNT: &str = "x-result-count";

/// The telemetry of a call.
pub(crate) struct CallTelemetry {
    span: Span,
    begun: Instant,
    #[cfg(feature = "metrics")]
    meter: meter::Meter,
}

impl CallTelemetry {
    pub(crate) fn begin(request: &Request, operation: &'static Operation) -> Self {
        let (method, url) = (request.method(), request.url());
        let span = tracing::info_span!(
            "waldur.call",
            otel.kind = "client",
            otel.name = %format_args!("{method} {}", operation.path),
            waldur.operation = operation.id,
            http.request.method = %method,
            url.template = operation.path,
            server.address = url.host_str().unwrap_or_default(),
            server.port = url.port_or_known_default().unwrap_or_default(),
            http.response.status_code = Empty,
            http.request.resend_count = Empty,
            "error.type" = Empty,
            waldur.result_count = Empty,
            waldur.duration_ms = Empty,
        );
        Self {
            span,
            begun: Instant::now(),
            #[cfg(feature = "metrics")]
            meter: meter::Meter::begin(method, operation),
        }
    }

    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    pub(crate) fn begun(&self) -> Instant {
        self.begun
    }

    /// Records the response of an attempt.
    pub(crate) fn answered(&self, attempt: u32, status: StatusCode, took: Duration) {
        tracing::debug!(
            attempt,
            http.response.status_code = status.as_u16(),
            duration_ms = milliseconds(took),
            "response"
        );
    }

    /// Records an attempt without a response.
    pub(crate) fn failed(&self, attempt: u32, error: &BoxError, took: Duration) {
        tracing::debug!(
            attempt,
            "error.type" = error_type(error),
            duration_ms = milliseconds(took),
            "no response"
        );
    }

    /// Records that another attempt follows.
    pub(crate) fn retries(&self, attempt: u32, kind: FailureKind, pause: Duration) {
        tracing::info!(attempt, failure = %kind, pause_ms = milliseconds(pause), "retrying");
        #[cfg(feature = "metrics")]
        self.meter.retries();
    }

    /// Records that no attempt follows a failed one.
    pub(crate) fn stops(&self, attempt: u32, kind: FailureKind, stop: StopReason) {
        tracing::debug!(attempt, failure = %kind, reason = stop.as_str(), "not retrying");
    }

    /// Records that the request is sent again because of a redirect or a refused token.
    pub(crate) fn resends(&self, attempt: u32, why: &str) {
        tracing::debug!(attempt, why, "sending again");
    }

    /// Records the result of the call.
    pub(crate) fn end(self, sent: u32, result: &Result<Received, Error>) {
        let took = self.begun.elapsed();
        let status = match result {
            Ok(response) => Some(response.status.as_u16()),
            Err(error) => error.status(),
        };
        let error_type = result.as_ref().err().map(|error| match error.status() {
            Some(status) => status.to_string(),
            None => format!("{:?}", error.kind()),
        });
        if !self.span.is_disabled() {
            if let Some(status) = status {
                self.span.record("http.response.status_code", status);
            }
            if sent > 1 {
                self.span.record("http.request.resend_count", sent - 1);
            }
            if let Some(error_type) = &error_type {
                self.span.record("error.type", error_type.as_str());
            }
            if let Some(count) = result.as_ref().ok().and_then(result_count) {
                self.span.record("waldur.result_count", count);
            }
            self.span.record("waldur.duration_ms", milliseconds(took));
            self.span.in_scope(|| match &error_type {
                None => tracing::debug!("done"),
                Some(error_type) => tracing::debug!("error.type" = error_type.as_str(), "failed"),
            });
        }
        #[cfg(feature = "metrics")]
        self.meter.end(status, error_type, took);
    }
}

fn result_count(response: &Received) -> Option<u64> {
    response.headers.get(RESULT_COUNT)?.to_str().ok()?.trim().parse().ok()
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn error_type(error: &BoxError) -> &'static str {
    match error.downcast_ref::<reqwest::Error>() {
        Some(error) if error.is_connect() => "connect",
        Some(error) if error.is_timeout() => "timeout",
        Some(error) if error.is_builder() => "request",
        _ => "broken",
    }
}

#[cfg(feature = "metrics")]
mod meter {
    use std::time::Duration;

    use http::Method;
    use metrics::{Label, counter, gauge, histogram};

    use crate::wire::Operation;

    const ACTIVE: &str = "http.client.active_requests";
    const DURATION: &str = "http.client.request.duration";
    const RETRIES: &str = "waldur.client.retries";

    /// Metrics of a call. It counts as active until the meter is dropped.
    pub(super) struct Meter {
        labels: Vec<Label>,
    }

    impl Meter {
        pub(super) fn begin(method: &Method, operation: &'static Operation) -> Self {
            let labels = vec![
                Label::new("http.request.method", method.as_str().to_owned()),
                Label::from_static_parts("waldur.operation", operation.id),
            ];
            gauge!(ACTIVE, labels.clone()).increment(1.0);
            Self { labels }
        }

        pub(super) fn retries(&self) {
            counter!(RETRIES, self.labels.clone()).increment(1);
        }

        pub(super) fn end(&self, status: Option<u16>, error_type: Option<String>, took: Duration) {
            let mut labels = self.labels.clone();
            if let Some(status) = status {
                labels.push(Label::new("http.response.status_code", status.to_string()));
            }
            if let Some(error_type) = error_type {
                labels.push(Label::new("error.type", error_type));
            }
            histogram!(DURATION, labels).record(took.as_secs_f64());
        }
    }

    impl Drop for Meter {
        fn drop(&mut self) {
            gauge!(ACTIVE, self.labels.clone()).decrement(1.0);
        }
    }
}
