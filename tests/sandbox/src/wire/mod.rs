//! Spelling and coding of what goes over the wire. Knows nothing of Waldur's objects.

mod paths;
mod query;
mod text;
mod upload;

pub use upload::Upload;

pub(crate) use paths::Paths;
pub(crate) use query::{decode_text, encode_query, parse_query};
pub(crate) use text::{hex, parse_time, parse_time_in, parse_uuid, python_type, timestamp};
pub(crate) use upload::{Part, parts};
