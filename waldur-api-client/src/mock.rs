//! Typed helpers for [`httpmock`](https://docs.rs/httpmock), for tests of single calls: a function for each
//! operation of the features that are on, with a setter for each of its parameters and its body, and one for
//! its answer. Behind the feature `mock`.
//!
//! What isn't set isn't looked at. A parameter is matched as [`Client`](crate::Client) writes it: all values
//! of an array, a uuid without dashes. For whole workflows there is `waldur-sandbox`, which keeps state and
//! knows the rules of the server.
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

/// Texts are lent to the helpers.
impl QueryValue for str {
    fn texts(&self) -> Vec<String> {
        vec![self.to_owned()]
    }
}

/// Matches `pattern`, a regular expression with one pair of braces, where `texts` stands there.
#[allow(clippy::expect_used, reason = "an assertion for tests")]
fn path(when: When, pattern: &str, texts: Vec<String>) -> When {
    let value = regex::escape(&encode_segment(&texts.join(",")));
    let pattern = Regex::new(&pattern.replacen("{}", &value, 1));
    when.path_matches(pattern.expect("a path is a regular expression"))
}

/// Matches the parameter `name` of the query with all of `texts`.
fn query(when: When, name: &str, texts: Vec<String>) -> When {
    texts.into_iter().fold(when, |when, text| when.query_param(name, text))
}
