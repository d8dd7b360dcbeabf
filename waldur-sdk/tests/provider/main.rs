//! The workflows of service providers, on the sandbox. They are one program, since each has all of the client to
//! link.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod access;
mod accounts;
#[cfg(feature = "blocking")]
mod blocking;
mod bulk;
#[path = "../common/mod.rs"]
mod common;
mod errors;
mod filters;
mod guide;
mod html_pages;
mod interrupted;
mod offerings;
mod orders;
mod releases;
mod resources;
mod rows;
mod serialized;
mod usage;
mod usage_month;
mod users;
mod workflows;
