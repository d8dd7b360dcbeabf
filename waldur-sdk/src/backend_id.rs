//! Names that are passed to back ends. They can't be blank.
//!
//! A back end may treat a blank name as "all": a scheduler lists every account for the name "". Types that
//! can't hold a blank name rule that out.

use std::borrow::Borrow;
use std::error::Error as StdError;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;
use waldur_api_client::__private::{LenientDecode, Source, Stopped};

use waldur_api_client::{Error, ErrorKind};

/// Declares a type for a text that isn't blank and has a maximum length.
macro_rules! name {
    ($(#[$meta:meta])* $name:ident, $field:literal, $most:literal) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The maximum length, in characters.
            pub const MAX_LENGTH: usize = $most;

            /// Validates the text and stores it unchanged.
            ///
            /// # Errors
            /// [`Error::is_validation`] with the cause [`InvalidName`] if the text is empty, only white
            /// space, or longer than [`MAX_LENGTH`](Self::MAX_LENGTH).
            pub fn new(text: impl Into<String>) -> Result<Self, Error> {
                let text = text.into();
                if text.trim().is_empty() || text.chars().count() > Self::MAX_LENGTH {
                    return Err(InvalidName { field: $field, text, max_length: Self::MAX_LENGTH }.into());
                }
                Ok(Self(text))
            }

            /// Returns the text as a string slice.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Returns the text as an owned string.
            #[must_use]
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }

        impl TryFrom<&str> for $name {
            type Error = Error;

            fn try_from(text: &str) -> Result<Self, Error> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<Self, Error> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }

        /// Reads a blank text as absent.
        impl LenientDecode for $name {
            fn read(source: &mut dyn Source) -> Result<Option<Self>, Stopped> {
                let Some(text) = <String as LenientDecode>::read(source)? else { return Ok(None) };
                if text.trim().is_empty() {
                    return Ok(None);
                }
                let name = Self::new(text).ok();
                if name.is_none() {
                    waldur_api_client::__private::note_mismatch(concat!("a ", $field), "a longer text");
                }
                Ok(name)
            }
        }
    };
}

name! {
    /// The id that a resource has in the provider's back end: not blank, at most 255 characters.
    ///
    /// ```
    /// use waldur_sdk::BackendId;
    ///
    /// let id = BackendId::new("hpc_0017")?;
    /// assert_eq!(id.as_str(), "hpc_0017");
    /// assert!(BackendId::new(" ").is_err_and(|error| error.is_validation()));
    /// # Ok::<(), waldur_sdk::Error>(())
    /// ```
    BackendId, "backend_id", 255
}

name! {
    /// The name of a user's account in the provider's back end: not blank, at most 255 characters.
    ///
    /// Waldur accepts at most 100 characters; a back end may have longer names.
    ///
    /// ```
    /// use waldur_sdk::AccountName;
    ///
    /// assert_eq!(AccountName::new("alice01")?, "alice01");
    /// assert!(AccountName::try_from("").is_err_and(|error| error.is_validation()));
    /// # Ok::<(), waldur_sdk::Error>(())
    /// ```
    AccountName, "username", 255
}

/// The cause of an error: a text that can't be a [`BackendId`] or an [`AccountName`]. It is blank or too
/// long.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidName {
    /// The field of Waldur that has the name: `backend_id` or `username`.
    pub field: &'static str,
    /// The text.
    pub text: String,
    max_length: usize,
}

/// Writes the problem and the text; of a long one, the beginning.
impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 40;
        let (field, max_length, length) = (self.field, self.max_length, self.text.chars().count());
        let shown: String = self.text.chars().take(SHOWN).collect();
        let more = if length > SHOWN { "..." } else { "" };
        write!(f, "{field}: {shown:?}{more} ")?;
        match length > max_length {
            true => write!(f, "has {length} characters; the maximum is {max_length}"),
            false => f.write_str("is blank"),
        }
    }
}

impl StdError for InvalidName {}

impl From<InvalidName> for Error {
    fn from(cause: InvalidName) -> Self {
        Self::new(ErrorKind::Validation, cause.to_string()).with_source(cause)
    }
}

/// The cause of an error: the resource has no valid id in the back end. The id is missing, blank or longer
/// than 255 characters. The back end wasn't called.
///
/// All loops over resources treat it alike. The outcome of a resource in the state `Erred` is
/// [`Outcome::Skipped`](crate::Outcome::Skipped): its order failed before it had an id. That of any other
/// resource is [`Outcome::Failed`](crate::Outcome::Failed): the next round takes it up once the id is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoBackendId {
    /// The resource's uuid.
    pub resource: Uuid,
}

impl fmt::Display for NoBackendId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the resource {} has no id in the back end", self.resource.simple())
    }
}

impl StdError for NoBackendId {}

impl From<NoBackendId> for Error {
    fn from(cause: NoBackendId) -> Self {
        Self::new(ErrorKind::Validation, "").with_headline(cause.to_string()).with_source(cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_or_long_name_is_refused_and_named() {
        for text in ["", " ", "\t\n", "\u{a0}"] {
            let error = BackendId::new(text).unwrap_err();
            assert!(error.is_validation() && error.to_string().contains("backend_id"), "{error}");
            assert_eq!(error.cause::<InvalidName>().unwrap().text, text);
            assert!(AccountName::new(text).unwrap_err().to_string().contains("username"));
            assert!(serde_json::from_value::<BackendId>(text.into()).is_err());
        }
        assert_eq!(BackendId::new("ö".repeat(255)).unwrap().as_str().chars().count(), 255);
        let error = BackendId::new("x".repeat(256)).unwrap_err();
        let problem = format!("backend_id: \"{}\"... has 256 characters; the maximum is 255", "x".repeat(40));
        assert!(error.is_validation() && error.to_string().contains(&problem), "{error}");
    }

    #[test]
    fn a_blank_name_in_a_response_is_none() {
        let read = |json: &str| {
            waldur_api_client::__private::decode::<Vec<Option<BackendId>>>(json.as_bytes()).unwrap()
        };
        let decoded = read(r#"["a", "", " ", null, 7]"#);
        let ids: Vec<_> = decoded.value.into_iter().map(|id| id.map(BackendId::into_string)).collect();
        assert_eq!(ids[..4], [Some("a".to_owned()), None, None, None]);
        let long = format!(r#"["{}"]"#, "x".repeat(256));
        assert_eq!(read(&long).value, [None]);
    }
}
