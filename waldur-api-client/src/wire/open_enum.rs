//! Enums of texts with a variant for unknown texts.

/// Defines an open enum: a variant for each known text, and `Other` for all others. Another schema has other
/// variants, so a `match` outside of this crate needs a wildcard.
macro_rules! open_enum {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $text:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum $name {
            $(#[doc = concat!("`", $text, "`")] $variant,)*
            /// A text that this version of the client doesn't know.
            Other(String),
        }
        impl $name {
            /// The texts that this version of the client knows.
            pub const KNOWN: &'static [&'static str] = &[$($text),*];
            /// Returns the text that is sent.
            #[inline]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(text) => text,
                }
            }
        }
        impl From<&str> for $name {
            #[inline]
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)*
                    other => Self::Other(other.to_owned()),
                }
            }
        }
        impl From<String> for $name {
            #[inline]
            fn from(text: String) -> Self {
                Self::from(text.as_str())
            }
        }
        impl ::std::str::FromStr for $name {
            type Err = ::std::convert::Infallible;
            #[inline]
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Ok(Self::from(text))
            }
        }
        impl ::std::fmt::Display for $name {
            #[inline]
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }
        impl PartialEq<str> for $name {
            #[inline]
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }
        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as ::serde::Deserialize>::deserialize(deserializer).map(Self::from)
            }
        }
        impl $crate::wire::Text for $name {
            #[inline]
            fn from_text(text: &str) -> Self {
                let value = Self::from(text);
                #[cfg(feature = "exchanges")]
                $crate::wire::enum_value(!matches!(value, Self::Other(_)));
                value
            }
        }
        impl $crate::wire::LenientDecode for $name {
            #[inline]
            fn read(source: &mut dyn $crate::wire::Source) -> Result<Option<Self>, $crate::wire::Stopped> {
                $crate::wire::read_text(source)
            }
        }
        impl $crate::sealed::Sealed for $name {}
        impl $crate::wire::QueryValue for $name {
            #[inline]
            fn texts(&self) -> Vec<String> {
                vec![self.as_str().to_owned()]
            }
        }
    };
}

pub(crate) use open_enum;
