//! What the results of the loops have in common: their kinds, times and outcomes.

use std::time::Duration;

use serde::Serializer;
use waldur_api_client::{Error, ErrorKind};

use crate::bulk::Outcome;

/// Defines the kinds of a result, `kind` of the result, and the counts of a report. A variant has the name
/// for programs, and the words for people where these differ.
macro_rules! kinds {
    (
        $(#[$meta:meta])*
        pub enum $kind:ident of $result:ident, $target:ident, $items:literal {
            $($variant:ident = $name:literal $(as $words:literal)?,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $kind {
            $(
                #[doc = concat!("[`", stringify!($result), "::", stringify!($variant), "`]")]
                $variant,
            )*
        }

        impl $kind {
            /// Returns the name for programs, as it is serialized. It stays the same in later versions.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }

        /// Writes the words for people.
        impl ::std::fmt::Display for $kind {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(match self {
                    $(Self::$variant => $crate::agent::result::kinds!(@words $name $(as $words)?),)*
                })
            }
        }

        impl ::serde::Serialize for $kind {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl $result {
            /// Returns the kind, for counts and logs.
            #[must_use]
            pub fn kind(&self) -> $kind {
                match self {
                    $(Self::$variant { .. } => $kind::$variant,)*
                }
            }
        }

        impl $crate::bulk::Report<$target> {
            #[doc = concat!("Returns how many ", $items, " have a result of this kind.")]
            #[must_use]
            pub fn count(&self, kind: $kind) -> usize {
                self.items.iter().filter(|item| item.target.result.kind() == kind).count()
            }

            #[doc = concat!("Returns how many ", $items, " have a result of each kind, for a log or")]
            /// [`AgentService::set_statistics`](crate::agent::AgentService::set_statistics). Kinds that no
            /// result has are absent.
            #[must_use]
            pub fn counts(&self) -> ::std::collections::BTreeMap<$kind, usize> {
                let mut counts = ::std::collections::BTreeMap::new();
                for item in &self.items {
                    *counts.entry(item.target.result.kind()).or_default() += 1;
                }
                counts
            }
        }
    };
    (@words $name:literal) => { $name };
    (@words $name:literal as $words:literal) => { $words };
}

pub(crate) use kinds;

/// Serializes a time as seconds.
pub(super) fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

/// Returns the outcome of what was left as it is.
pub(super) fn skipped(reason: impl Into<String>) -> Outcome {
    Outcome::Skipped { reason: reason.into() }
}

/// Returns the outcome of what the back end is still at work on.
pub(super) fn in_backend(again_in: Duration) -> Outcome {
    skipped(format!("the back end is at work on it; checked again in {again_in:?}"))
}

/// Returns the outcome of what another round is at work on.
pub(super) fn in_progress() -> Outcome {
    skipped("another round is at work on it")
}

/// Returns the outcome of what was not begun.
pub(super) fn not_begun() -> Outcome {
    skipped("the processor was stopped")
}

/// Returns the outcome of a failure that has no error of its own.
pub(super) fn failed(kind: ErrorKind, headline: impl Into<String>) -> Outcome {
    Outcome::Failed { error: Error::new(kind, "").with_headline(headline.into()) }
}
