//! Frames of STOMP 1.2: their text, and a decoder for bytes that arrive in pieces. Does no I/O.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

use std::fmt;

pub use decode::{DecodeError, Decoder};
pub use encode::EncodeError;

/// A frame.
///
/// Its body stands for the header `content-length`: the decoder takes that header away, and the encoder
/// writes it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Frame {
    command: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Frame {
    /// Returns a frame with this command, without headers and body.
    pub fn new(command: impl Into<String>) -> Self {
        Self { command: command.into(), ..Self::default() }
    }

    /// Adds a header. If a name is repeated, the first value counts.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Returns the command, such as `MESSAGE`.
    #[must_use]
    pub fn command(&self) -> &str {
        &self.command
    }

    /// Returns the first value of a header.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns the headers in their order.
    #[must_use]
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// Returns the body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Returns whether the headers of frames with this command are written without escapes.
    fn is_unescaped(command: &str) -> bool {
        matches!(command, "CONNECT" | "CONNECTED")
    }
}

/// Shows neither values of headers, of which one may be the passcode, nor the body.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Frame")
            .field("command", &self.command)
            .field("headers", &names)
            .field("body", &self.body.len())
            .finish()
    }
}
