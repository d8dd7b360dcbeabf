//! The contract between the pinned schema, the client, the sandbox and recorded servers.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests state what must hold by panicking")]

mod common;
mod free_form;
mod lists;
mod live;
mod models;
mod mutations;
mod replay;
mod uploads;
mod workflows;
