//! Frames of STOMP 1.2.

use std::fmt::Write as _;

/// The maximum size of a frame.
const LIMIT: usize = 1 << 20;

/// A frame: a command, headers, a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) command: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// A reason why bytes are no frame. The connection can't be used any longer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("{{header_no_value,\"{0}\"}}")]
    HeaderWithoutColon(String),
    #[error("{{bad_escape,\"\\{0}\"}}")]
    Escape(String),
    #[error("the headers are not UTF-8")]
    NotUtf8,
    #[error("the content-length is not a number")]
    ContentLength,
    #[error("no NUL after the body")]
    NoNul,
    #[error("the frame is too long")]
    TooLong,
}

impl Malformed {
    /// Returns the code of the close frame.
    pub(crate) fn code(&self) -> u16 {
        match self {
            Self::HeaderWithoutColon(_) | Self::Escape(_) => 1007,
            // The broker crashes.
            Self::NotUtf8 | Self::ContentLength | Self::NoNul | Self::TooLong => 1011,
        }
    }
}

impl Frame {
    pub(crate) fn new(command: &str) -> Self {
        Self { command: command.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// Adds a header.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the body and adds its length as a header.
    pub(crate) fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        let length = self.body.len().to_string();
        self.with("content-length", length)
    }

    /// Returns the value of a header; of several, the first.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// Returns the bytes, up to and with the NUL at the end.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut head = format!("{}\n", self.command);
        let escaped = !matches!(self.command.as_str(), "CONNECT" | "CONNECTED");
        for (name, value) in &self.headers {
            // RabbitMQ doesn't escape the names that it gives to messages.
            let is_name = self.command == "MESSAGE" && matches!(name.as_str(), "message-id" | "ack");
            if escaped && !is_name {
                // Writing to a text doesn't fail.
                let _ = writeln!(head, "{}:{}", escape(name), escape(value));
            } else {
                let _ = writeln!(head, "{name}:{value}");
            }
        }
        head.push('\n');
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes.push(0);
        bytes
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            '\r' => out.push_str("\\r"),
            '\n' => out.push_str("\\n"),
            ':' => out.push_str("\\c"),
            other => out.push(other),
        }
    }
    out
}

fn unescape(text: &str) -> Result<String, Malformed> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        out.push(match char {
            '\\' => match chars.next() {
                Some('\\') => '\\',
                Some('r') => '\r',
                Some('n') => '\n',
                Some('c') => ':',
                other => return Err(Malformed::Escape(['\\'].into_iter().chain(other).collect())),
            },
            other => other,
        });
    }
    Ok(out)
}

/// Frames from bytes that arrive in any pieces.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    buffer: Vec<u8>,
}

impl Decoder {
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns the next frame; `None` until all its bytes have arrived.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, Malformed> {
        // Line ends between frames are heartbeats.
        let start = self.buffer.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
        self.buffer.drain(..start);
        match parse(&self.buffer)? {
            Some((frame, used)) => {
                self.buffer.drain(..used);
                Ok(Some(frame))
            }
            None if self.buffer.len() > LIMIT => Err(Malformed::TooLong),
            None => Ok(None),
        }
    }
}

/// Returns the frame that bytes begin with, and the number of its bytes.
fn parse(bytes: &[u8]) -> Result<Option<(Frame, usize)>, Malformed> {
    let mut at = 0;
    let mut line = || {
        let rest = bytes.get(at..)?;
        let length = rest.iter().position(|byte| *byte == b'\n')?;
        at += length + 1;
        let line = rest.get(..length)?;
        Some((line.strip_suffix(b"\r").unwrap_or(line), at))
    };
    let text = |line| std::str::from_utf8(line).map_err(|_| Malformed::NotUtf8);
    let Some((command, _)) = line() else { return Ok(None) };
    let mut frame = Frame::new(text(command)?);
    let escaped = frame.command != "CONNECT";
    let body = loop {
        let Some((header, after)) = line() else { return Ok(None) };
        if header.is_empty() {
            break after;
        }
        let header = text(header)?;
        let no_colon = || Malformed::HeaderWithoutColon(header.to_owned());
        let (name, value) = header.split_once(':').ok_or_else(no_colon)?;
        frame = if escaped {
            frame.with(&unescape(name)?, unescape(value)?)
        } else {
            frame.with(name, value.to_owned())
        };
    };
    let rest = bytes.get(body..).unwrap_or_default();
    let length = match frame.get("content-length") {
        Some(text) => {
            let length: usize = text.trim().parse().map_err(|_| Malformed::ContentLength)?;
            if length > LIMIT {
                return Err(Malformed::TooLong);
            }
            match rest.get(length) {
                None => return Ok(None),
                Some(0) => length,
                Some(_) => return Err(Malformed::NoNul),
            }
        }
        None => match rest.iter().position(|byte| *byte == 0) {
            None => return Ok(None),
            Some(length) => length,
        },
    };
    frame.body = rest.get(..length).unwrap_or_default().to_vec();
    Ok(Some((frame, body + length + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_a_cut_at_each_byte() {
        let first = Frame::new("SEND").with("a:b", "x\n\\y\r").with_body("one\0two");
        let second = Frame::new("ACK").with("id", "T_1");
        let bytes = [b"\n\r\n".as_slice(), &first.encode(), b"\n", &second.encode()].concat();
        for cut in 0..bytes.len() {
            let (head, tail) = bytes.split_at(cut);
            let mut decoder = Decoder::default();
            let mut frames = Vec::new();
            for piece in [head, tail] {
                decoder.feed(piece);
                while let Some(frame) = decoder.next().unwrap() {
                    frames.push(frame);
                }
            }
            assert_eq!(frames, [first.clone(), second.clone()], "cut at {cut}");
        }
    }

    #[test]
    fn the_first_of_repeated_headers_counts() {
        let mut decoder = Decoder::default();
        decoder.feed(b"MESSAGE\r\nfoo:World\r\nfoo:Hello\r\n\r\nbody\0");
        let frame = decoder.next().unwrap().unwrap();
        assert_eq!((frame.get("foo"), frame.body.as_slice()), (Some("World"), b"body".as_slice()));
    }

    #[test]
    fn bytes_that_are_no_frame_are_refused() {
        for (bytes, expected) in [
            ("SEND\nfoo\n\n\0", Malformed::HeaderWithoutColon("foo".to_owned())),
            ("SEND\na:\\t\n\n\0", Malformed::Escape("\\t".to_owned())),
            ("SEND\ncontent-length:x\n\n\0", Malformed::ContentLength),
            ("SEND\ncontent-length:1\n\nab\0", Malformed::NoNul),
            ("SEND\ncontent-length:1073741824\n\n", Malformed::TooLong),
        ] {
            let mut decoder = Decoder::default();
            decoder.feed(bytes.as_bytes());
            assert_eq!(decoder.next(), Err(expected), "{bytes:?}");
        }
    }

    #[test]
    fn headers_of_a_login_are_not_escaped() {
        let frame = Frame::new("CONNECTED").with("session", "a:b");
        assert_eq!(frame.encode(), b"CONNECTED\nsession:a:b\n\n\0");
    }
}
