//! Writes frames.

use std::fmt;

use super::Frame;

/// The reason why a frame can't be written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The command isn't a word of capital letters.
    Command,
    /// The header of this name, or its name, has a character that frames of this command can't have.
    Header(String),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command => f.write_str("the command of a STOMP frame must be a word of capital letters"),
            Self::Header(name) => {
                write!(f, "the STOMP header {name:?} has a character that its frame can't have")
            }
        }
    }
}

impl std::error::Error for EncodeError {}

impl Frame {
    /// Returns the frame as it is sent.
    ///
    /// # Errors
    /// If the command is no word of capital letters, or a header has a character that can't be written: NUL,
    /// and in `CONNECT` and `CONNECTED` also line ends and, in a name, a colon.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        if self.command.is_empty() || !self.command.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(EncodeError::Command);
        }
        let unescaped = Self::is_unescaped(&self.command);
        let mut text = Vec::with_capacity(256 + self.body.len());
        text.extend_from_slice(self.command.as_bytes());
        text.push(b'\n');
        for (name, value) in &self.headers {
            if name == "content-length" {
                continue;
            }
            let broken = |text: &str, colon| {
                text.chars().any(|one| {
                    one == '\0' || unescaped && (matches!(one, '\r' | '\n') || colon && one == ':')
                })
            };
            if broken(name, true) || broken(value, false) {
                return Err(EncodeError::Header(name.clone()));
            }
            push(&mut text, name, unescaped);
            text.push(b':');
            push(&mut text, value, unescaped);
            text.push(b'\n');
        }
        if !self.body.is_empty() {
            text.extend_from_slice(format!("content-length:{}\n", self.body.len()).as_bytes());
        }
        text.push(b'\n');
        text.extend_from_slice(&self.body);
        text.push(0);
        Ok(text)
    }
}

fn push(text: &mut Vec<u8>, part: &str, unescaped: bool) {
    for byte in part.bytes() {
        let escape = match byte {
            b'\r' => b'r',
            b'\n' => b'n',
            b':' => b'c',
            b'\\' => b'\\',
            _ => 0,
        };
        if escape == 0 || unescaped {
            text.push(byte);
        } else {
            text.extend_from_slice(&[b'\\', escape]);
        }
    }
}
