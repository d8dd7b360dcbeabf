//! Reads frames from bytes that arrive in pieces.

use std::fmt;

use bytes::{Buf as _, BytesMut};

use super::Frame;

/// The longest command with its headers, in bytes.
const MAX_HEAD: usize = 64 * 1024;
/// The greatest number of headers, repeated ones included.
const MAX_HEADERS: usize = 256;
/// A buffer that is larger than this is given back once it is empty, in bytes.
const KEPT_BUFFER: usize = 64 * 1024;

/// The reason why bytes are no frame. Nothing that follows them can be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// A frame doesn't begin with a word of capital letters.
    Command,
    /// A header isn't UTF-8.
    NotText,
    /// A header has no colon.
    NoColon,
    /// A header has an escape that STOMP doesn't know.
    Escape,
    /// The frame ends within its headers.
    EndsInHead,
    /// Command and headers are longer than this number of bytes.
    HeadTooLong(usize),
    /// There are more headers than this.
    TooManyHeaders(usize),
    /// The header `content-length` is no number.
    ContentLength,
    /// The body is longer than this number of bytes.
    BodyTooLong(usize),
    /// The body doesn't end where its length says.
    NoEnd,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not STOMP: ")?;
        match self {
            Self::Command => f.write_str("a frame doesn't begin with a command"),
            Self::NotText => f.write_str("a header isn't UTF-8"),
            Self::NoColon => f.write_str("a header has no colon"),
            Self::Escape => f.write_str("a header has an unknown escape"),
            Self::EndsInHead => f.write_str("a frame ends within its headers"),
            Self::HeadTooLong(limit) => write!(f, "the headers of a frame are longer than {limit} bytes"),
            Self::TooManyHeaders(limit) => write!(f, "a frame has more than {limit} headers"),
            Self::ContentLength => f.write_str("the content-length of a frame is no number"),
            Self::BodyTooLong(limit) => write!(f, "the body of a frame is longer than {limit} bytes"),
            Self::NoEnd => f.write_str("the body of a frame doesn't end where its content-length says"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Decodes frames from a stream of bytes, which may be split anywhere. End-of-line characters between frames,
/// which are heartbeats, are skipped.
#[derive(Debug)]
pub struct Decoder {
    pub(super) buffer: BytesMut,
    /// How many bytes of the buffer have been searched without success.
    searched: usize,
    max_body: usize,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    /// Between frames.
    #[default]
    Command,
    /// After a command or a header.
    Headers(Head),
    /// After the headers.
    Body(Head),
    Failed(DecodeError),
}

#[derive(Debug)]
struct Head {
    frame: Frame,
    /// The length of the command and of the headers so far, in bytes.
    size: usize,
    /// The number of headers so far, repeated ones included.
    count: usize,
    content_length: Option<usize>,
}

impl Decoder {
    /// Returns a decoder that refuses bodies of more than `max_body` bytes.
    #[must_use]
    pub fn new(max_body: usize) -> Self {
        Self { buffer: BytesMut::new(), searched: 0, max_body, state: State::Command }
    }

    /// Adds bytes that arrived. Take the frames with [`next_frame`](Self::next_frame) before the next ones.
    pub fn feed(&mut self, bytes: &[u8]) {
        if !matches!(self.state, State::Failed(_)) {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Returns the next frame that is complete.
    ///
    /// A body that is too long is refused as soon as its length is known, before it arrives.
    ///
    /// # Errors
    /// If the bytes are not STOMP or exceed a limit. All further calls return the same error.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, DecodeError> {
        let result = self.step();
        if let Err(error) = result {
            self.state = State::Failed(error);
            self.buffer = BytesMut::new();
        } else if self.buffer.is_empty() && self.buffer.capacity() > KEPT_BUFFER {
            self.buffer = BytesMut::new();
        }
        result
    }

    fn step(&mut self) -> Result<Option<Frame>, DecodeError> {
        loop {
            match std::mem::take(&mut self.state) {
                State::Failed(error) => return Err(error),
                State::Command => {
                    let Some(line) = self.line(MAX_HEAD)? else { return Ok(None) };
                    if !line.is_empty() {
                        self.state = State::Headers(Head::of(&line)?);
                    }
                }
                State::Headers(mut head) => match self.line(MAX_HEAD - head.size)? {
                    Some(line) if line.is_empty() => {
                        if head.content_length.is_some_and(|length| length > self.max_body) {
                            return Err(DecodeError::BodyTooLong(self.max_body));
                        }
                        self.state = State::Body(head);
                    }
                    Some(line) => {
                        head.add(&line)?;
                        self.state = State::Headers(head);
                    }
                    None => {
                        self.state = State::Headers(head);
                        return Ok(None);
                    }
                },
                State::Body(mut head) => {
                    let Some(length) = self.body_length(&head)? else {
                        self.state = State::Body(head);
                        return Ok(None);
                    };
                    head.frame.body = self.buffer[..length].to_vec();
                    self.buffer.advance(length + 1);
                    self.searched = 0;
                    return Ok(Some(head.frame));
                }
            }
        }
    }

    /// Takes a line without its end, if all of it is there.
    fn line(&mut self, limit: usize) -> Result<Option<BytesMut>, DecodeError> {
        let end = self.buffer[self.searched..].iter().position(|byte| matches!(byte, b'\n' | 0));
        let end = end.map(|at| self.searched + at);
        if end.unwrap_or(self.buffer.len()) > limit {
            return Err(DecodeError::HeadTooLong(MAX_HEAD));
        }
        let Some(end) = end else {
            self.searched = self.buffer.len();
            return Ok(None);
        };
        if self.buffer[end] == 0 {
            return Err(DecodeError::EndsInHead);
        }
        let mut line = self.buffer.split_to(end);
        self.buffer.advance(1);
        self.searched = 0;
        if line.last() == Some(&b'\r') {
            line.truncate(line.len() - 1);
        }
        Ok(Some(line))
    }

    /// Returns the length of the body, if all of it and its end are there.
    fn body_length(&mut self, head: &Head) -> Result<Option<usize>, DecodeError> {
        if let Some(length) = head.content_length {
            return match self.buffer.get(length) {
                None => Ok(None),
                Some(0) => Ok(Some(length)),
                Some(_) => Err(DecodeError::NoEnd),
            };
        }
        let end = self.buffer[self.searched..].iter().position(|byte| *byte == 0);
        let end = end.map(|at| self.searched + at);
        self.searched = end.unwrap_or(self.buffer.len());
        if self.searched > self.max_body {
            return Err(DecodeError::BodyTooLong(self.max_body));
        }
        Ok(end)
    }
}

impl Head {
    fn of(line: &[u8]) -> Result<Self, DecodeError> {
        if !line.iter().all(u8::is_ascii_uppercase) {
            return Err(DecodeError::Command);
        }
        let frame = Frame::new(String::from_utf8_lossy(line));
        Ok(Self { frame, size: line.len(), count: 0, content_length: None })
    }

    fn add(&mut self, line: &[u8]) -> Result<(), DecodeError> {
        self.size += line.len();
        self.count += 1;
        if self.count > MAX_HEADERS {
            return Err(DecodeError::TooManyHeaders(MAX_HEADERS));
        }
        let line = std::str::from_utf8(line).map_err(|_| DecodeError::NotText)?;
        let (name, value) = line.split_once(':').ok_or(DecodeError::NoColon)?;
        let (name, value) = if Frame::is_unescaped(self.frame.command()) {
            (name.to_owned(), value.to_owned())
        } else {
            (unescaped(name)?, unescaped(value)?)
        };
        if name == "content-length" {
            if self.content_length.is_none() {
                self.content_length = Some(length(&value)?);
            }
        } else if self.frame.get(&name).is_none() {
            self.frame.headers.push((name, value));
        }
        Ok(())
    }
}

/// Reads a `content-length`. One that exceeds all limits is the greatest number.
fn length(value: &str) -> Result<usize, DecodeError> {
    let value = value.trim();
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DecodeError::ContentLength);
    }
    Ok(value.parse().unwrap_or(usize::MAX))
}

fn unescaped(text: &str) -> Result<String, DecodeError> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(one) = rest.next() {
        plain.push(match one {
            '\\' => match rest.next() {
                Some('r') => '\r',
                Some('n') => '\n',
                Some('c') => ':',
                Some('\\') => '\\',
                _ => return Err(DecodeError::Escape),
            },
            one => one,
        });
    }
    Ok(plain)
}
