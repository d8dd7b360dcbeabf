//! Types and values as they are written in requests and responses.
//!
//! Responses are decoded leniently: servers send other values than the schema declares, and other versions
//! have other fields. A value that doesn't fit costs its field only, and is recorded as a [`TypeMismatch`].

mod comma_separated;
mod decode;
mod lenient;
pub(crate) mod model;
mod multipart;
mod nullable;
mod number;
mod number_or_text;
mod open_enum;
mod operation;
mod query;
mod scalar;
mod source;
mod structure;
mod time;
mod type_mismatch;

pub use comma_separated::CommaSeparated;
pub use decode::{DecodeError, Decoded, decode};
pub use lenient::{Checked, LenientDecode};
pub use multipart::Multipart;
pub use nullable::Nullable;
pub use number::Number;
pub use number_or_text::NumberOrText;
pub use operation::Operation;
pub use query::QueryValue;
pub use source::{Source, Stopped};
pub use structure::read_model;
pub use time::time;
pub use type_mismatch::{TypeMismatch, note_mismatch};

#[cfg(feature = "exchanges")]
pub(crate) use decode::{Notes, decode_noting_all};
pub(crate) use decode::{ReadWhole, decode_by};
pub(crate) use lenient::Shape;
pub(crate) use model::received;
pub(crate) use open_enum::open_enum;
pub(crate) use scalar::{Text, read_text};
#[cfg(feature = "exchanges")]
pub(crate) use type_mismatch::enum_value;
