//! The client over transports of the tests' own. What real connections do is in `transport`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests state what must hold by panicking"
)]

#[cfg(feature = "provider")]
mod answers;
#[cfg(feature = "provider")]
mod auto_traits;
#[path = "../common/mod.rs"]
mod common;
mod configuration;
#[cfg(feature = "provider")]
mod lists;
#[cfg(feature = "provider")]
mod pages;
#[cfg(feature = "provider")]
mod requests;
#[cfg(feature = "provider")]
mod round_trips;
mod settings;
#[cfg(feature = "provider")]
mod uploads;
