//! What a call can end with instead of its answer.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use crate::call::Operation;
use crate::page;
use crate::transport::Sending;
use crate::wire::DecodeError;

/// An error of any kind, as transports give it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The same, for errors that are cloned.
pub type SharedError = Arc<dyn std::error::Error + Send + Sync>;

/// What went wrong with a call, and with which.
#[derive(Clone, Debug)]
pub struct Error {
    /// The operation that was called.
    pub operation: &'static Operation,
    /// What went wrong.
    pub failure: Box<Failure>,
    /// How the answer came, if there was one and the transport told.
    pub sending: Option<Sending>,
}

/// What went wrong with a call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Failure {
    /// A parameter or a body that is required was not set, or something can't be encoded. Nothing was sent.
    Request(String),
    /// The transport brought no answer. Whether the request arrived is for the transport to say.
    Transport(SharedError),
    /// An answer other than 2xx, with at most 256 KiB of its body.
    Status(http::Response<Bytes>),
    /// An answer of 2xx that broke off while it was read.
    Broken {
        /// Its status.
        status: StatusCode,
        /// Its headers.
        headers: HeaderMap,
        /// Why.
        source: Arc<reqwest::Error>,
    },
    /// An answer of 2xx that is an HTML page, which is no answer of Waldur: see [`page`](crate::page).
    /// Whether the request was applied isn't known.
    Page {
        /// Its status.
        status: StatusCode,
        /// Its headers.
        headers: HeaderMap,
        /// The beginning of its body.
        body: Bytes,
    },
    /// An answer of 2xx that is not what it should be.
    Decode {
        /// Its status.
        status: StatusCode,
        /// Its headers.
        headers: HeaderMap,
        /// All of its body.
        body: Bytes,
        /// What is wrong with it.
        source: Arc<DecodeError>,
    },
}

impl Error {
    pub(crate) fn new(operation: &'static Operation, failure: Failure) -> Self {
        Self { operation, failure: Box::new(failure), sending: None }
    }

    pub(crate) fn sent(mut self, sending: Option<Sending>) -> Self {
        self.sending = sending;
        self
    }

    /// The status of the answer, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match &*self.failure {
            Failure::Request(_) | Failure::Transport(_) => None,
            Failure::Status(response) => Some(response.status()),
            Failure::Broken { status, .. }
            | Failure::Page { status, .. }
            | Failure::Decode { status, .. } => Some(*status),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.operation.id)?;
        match &*self.failure {
            Failure::Request(problem) => f.write_str(problem),
            Failure::Transport(_) => f.write_str("no answer"),
            Failure::Status(response) => write!(f, "answered with {}", response.status()),
            Failure::Broken { status, .. } => write!(f, "the answer ({status}) broke off"),
            Failure::Page { status, .. } => write!(f, "the answer ({status}) is {}", page::PROBLEM),
            Failure::Decode { status, source, .. } => {
                write!(f, "the answer ({status}) can't be read: {source}")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &*self.failure {
            Failure::Request(_) | Failure::Status(_) | Failure::Page { .. } => None,
            Failure::Transport(source) => Some(&**source),
            Failure::Broken { source, .. } => Some(&**source),
            Failure::Decode { source, .. } => Some(&**source),
        }
    }
}
