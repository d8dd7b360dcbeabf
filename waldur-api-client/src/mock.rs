//! Typed helpers for [`httpmock`](https://docs.rs/httpmock), for tests of single calls. Requires the feature
//! `mock`.
//!
//! There is a function for each operation of the enabled features, with a setter for each parameter, for the
//! body, and for the response. Parameters that aren't set match any value. Parameters are matched as
//! [`Client`](crate::Client) sends them: all values of an array, a uuid without dashes. For tests of
//! workflows, the crate `waldur-sandbox` has a server with state.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # #[cfg(feature = "provider")] {
//! use httpmock::MockServer;
//! use waldur_api_client::mock::MockServerExt as _;
//! use waldur_api_client::types::{OrderDetails, OrderState};
//! use waldur_api_client::Client;
//!
//! let server = MockServer::start_async().await;
//! let waiting = vec![OrderState::PendingProvider];
//! let order = OrderDetails { state: Some(OrderState::PendingProvider), ..Default::default() };
//! let list = server.marketplace_orders_list(|when, then| {
//!     when.state(&waiting);
//!     then.success(200, &vec![order]);
//! });
//!
//! let client = Client::builder().url(server.base_url()).token("0123").build()?;
//! let orders = client.marketplace_orders_list().state(waiting.clone()).send().await?.into_inner();
//! assert_eq!(orders[0].state, Some(OrderState::PendingProvider));
//! list.assert_async().await;
//! # }
//! # Ok(()) }
//! ```

use httpmock::When;
use regex::Regex;

use crate::call::encode_segment;
use crate::sealed::Sealed;
use crate::wire::QueryValue;

pub use generated::{MockServerExt, operations};

#[allow(
    missing_docs,
    missing_debug_implementations,
    clippy::all,
    clippy::unwrap_used,
    unreachable_pub,
    unused_imports,
    reason = "generated"
)]
mod generated {
    use super::{path, query};
    include!(concat!(env!("OUT_DIR"), "/mock.rs"));
}

impl Sealed for str {}

/// The helpers borrow texts.
impl QueryValue for str {
    fn texts(&self) -> Vec<String> {
        vec![self.to_owned()]
    }
}

/// Matches `pattern`, a regular expression with one pair of braces for `texts`.
#[allow(clippy::expect_used, reason = "an assertion for tests")]
fn path(when: When, pattern: &str, texts: Vec<String>) -> When {
    let value = regex::escape(&encode_segment(&texts.join(",")));
    let pattern = Regex::new(&pattern.replacen("{}", &value, 1));
    when.path_matches(pattern.expect("a path is a regular expression"))
}

/// Matches the query parameter `name` with all of `texts`.
fn query(when: When, name: &str, texts: Vec<String>) -> When {
    texts.into_iter().fold(when, |when, text| when.query_param(name, text))
}
