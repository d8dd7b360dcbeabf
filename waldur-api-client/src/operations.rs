//! Every operation of the pinned schema, with its request and its features.
//!
//! Search this page for a name or a part of a path. An operation is linked if its feature was on when this
//! documentation was built. To call it, turn on one of its features: `cargo add waldur-api-client
//! --features usage`.
//!
//! In a checkout of the repository, `cargo xtask where invoices_list` or `cargo xtask where /invoices/`
//! shows the same, and the required permissions.
//!
#![doc = include_str!(concat!(env!("OUT_DIR"), "/operations.md"))]
