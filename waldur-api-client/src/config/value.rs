//! Reads and checks the values of settings. Problems never repeat a value: it may be a secret.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use secrecy::{SecretSlice, SecretString};
use uuid::Uuid;

use crate::auth::Scheme;
use crate::error::Error;
use crate::transport::{IMPERSONATED, LONGEST, secret_header};

type Problem = &'static str;

/// The text of a setting.
pub(super) struct Text<'a> {
    /// The variable or key that it comes from.
    pub(super) source: String,
    pub(super) text: &'a str,
    /// The folder that relative paths start from.
    pub(super) folder: Option<&'a Path>,
}

impl Text<'_> {
    /// Reads a value. An error names the source.
    pub(super) fn read<T: Value>(&self) -> Result<T, Error> {
        let text = self.text.trim();
        let value = if text.is_empty() { Err("is empty") } else { T::read(text, self.folder) };
        value.map_err(|problem| Error::configuration(&self.source, problem))
    }
}

/// The type of a setting.
pub(super) trait Value: Sized {
    /// Whether it is a table in a profile.
    const IS_TABLE: bool = false;

    /// Reads a value from a text that is trimmed and not empty. Relative paths start from `folder`.
    fn read(text: &str, folder: Option<&Path>) -> Result<Self, Problem>;

    /// Checks a value, wherever it comes from.
    fn check(&self) -> Result<(), Problem> {
        Ok(())
    }
}

/// The proxy for all requests.
#[derive(Clone, Debug)]
pub(super) enum ProxySetting {
    None,
    Url(SecretString),
}

impl Value for String {
    fn read(text: &str, _: Option<&Path>) -> Result<Self, Problem> {
        Ok(text.to_owned())
    }
}

impl Value for SecretString {
    fn read(text: &str, _: Option<&Path>) -> Result<Self, Problem> {
        Ok(text.into())
    }
}

/// `None` is the scheme that the shape of the token says.
impl Value for Option<Scheme> {
    fn read(text: &str, _: Option<&Path>) -> Result<Self, Problem> {
        match text.to_ascii_lowercase().as_str() {
            "auto" => Ok(None),
            "token" => Ok(Some(Scheme::Token)),
            "bearer" => Ok(Some(Scheme::Bearer)),
            _ => Err("must be auto, token or bearer"),
        }
    }
}

impl Value for Uuid {
    fn read(text: &str, _: Option<&Path>) -> Result<Self, Problem> {
        Self::parse_str(text).map_err(|_| "is not the UUID of a user")
    }
}

/// The content of a file.
impl Value for Vec<u8> {
    fn read(text: &str, folder: Option<&Path>) -> Result<Self, Problem> {
        file(&folder.map_or_else(|| PathBuf::from(text), |folder| folder.join(text)))
    }
}

/// The content of a file.
impl Value for SecretSlice<u8> {
    fn read(text: &str, folder: Option<&Path>) -> Result<Self, Problem> {
        Vec::read(text, folder).map(Self::from)
    }
}

impl Value for ProxySetting {
    fn read(text: &str, _: Option<&Path>) -> Result<Self, Problem> {
        Ok(if text == "none" { Self::None } else { Self::Url(text.into()) })
    }
}

impl Value for Vec<(HeaderName, HeaderValue)> {
    const IS_TABLE: bool = true;

    fn read(text: &str, _: Option<&Path>) -> Result<Self, Problem> {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        lines
            .map(|line| {
                let pair = line.split_once(':').ok_or("must have a line `Name: value` for each header")?;
                header(pair.0.trim(), pair.1.trim())
            })
            .collect()
    }
}

impl Value for Duration {
    fn read(text: &str, _: Option<&Path>) -> Result<Self, Problem> {
        let seconds = text.parse().map_err(|_| "must be a number of seconds")?;
        Self::try_from_secs_f64(seconds).map_err(|_| "must be a number of seconds")
    }

    fn check(&self) -> Result<(), Problem> {
        match *self {
            Self::ZERO => Err("is zero"),
            time if time > LONGEST => Err("is more than a week"),
            _ => Ok(()),
        }
    }
}

macro_rules! numbers {
    ($($type:ty: $range:expr, $problem:literal;)*) => {$(
        impl Value for $type {
            fn read(text: &str, _: Option<&Path>) -> Result<Self, Problem> {
                text.parse().map_err(|_| "must be a number")
            }

            fn check(&self) -> Result<(), Problem> {
                if $range.contains(self) { Ok(()) } else { Err($problem) }
            }
        }
    )*};
}

numbers! {
    usize: (1..), "is zero";
    u32: (1..), "is zero";
    f64: (0.001..=1_000_000.0), "is not between 0.001 and a million requests per second";
}

/// Reads a file.
pub(super) fn file(path: &Path) -> Result<Vec<u8>, Problem> {
    fs::read(path).map_err(|error| unreadable(&error))
}

/// Says in few words why a file can't be read.
pub(super) fn unreadable(error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::NotFound => "names a file that does not exist",
        io::ErrorKind::PermissionDenied => "names a file that may not be read",
        io::ErrorKind::InvalidData => "names a file that is not UTF-8",
        _ => "names a file that can't be read",
    }
}

/// Reads a header, except those that the client sets.
pub(super) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Problem> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "has an invalid header name")?;
    let reserved =
        [AUTHORIZATION, IMPERSONATED, HOST, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING, CONNECTION];
    if reserved.contains(&name) {
        return Err("has a header that only the client may set");
    }
    let value = secret_header(&[value]).map_err(|_| "has an invalid header value")?;
    Ok((name, value))
}
