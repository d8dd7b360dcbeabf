//! Events of a server.

mod stomp;

/// For the fuzz targets of this workspace. Not part of the public interface.
#[doc(hidden)]
pub mod __private {
    pub use super::stomp::{DecodeError, Decoder, EncodeError, Frame};
}
