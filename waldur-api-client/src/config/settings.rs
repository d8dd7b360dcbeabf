//! The table of all settings that can be written as text.

use std::ffi::OsString;
use std::fmt::DebugStruct;
use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use uuid::Uuid;

use super::value::{ProxySetting, Text, Value};
use crate::auth::Scheme;
use crate::error::Error;

/// A value, and the variable, key or setter that it comes from.
#[derive(Clone)]
pub(super) struct Sourced<T> {
    pub(super) value: T,
    pub(super) source: String,
}

impl<T> Sourced<T> {
    pub(super) fn new(source: impl Into<String>, value: T) -> Self {
        Self { value, source: source.into() }
    }

    /// Returns an error that names the source, not the value.
    pub(super) fn invalid(&self, problem: &str) -> Error {
        Error::configuration(&self.source, problem)
    }

    fn shown(&self) -> &T {
        &self.value
    }

    fn hidden(&self) -> &'static str {
        "…"
    }
}

/// A setting as text: its key in a profile, its environment variable, and its reader.
pub(super) struct Setting {
    pub(super) key: &'static str,
    pub(super) variable: &'static str,
    /// Whether a profile has a table under this key.
    pub(super) is_table: bool,
    pub(super) read: fn(&mut Settings, &Text<'_>) -> Result<(), Error>,
}

/// Defines the settings of the table below. The type of a setting parses and checks its value ([`Value`]).
/// `Debug` shows the value of a `shown` setting. The comment is the row in the documentation.
macro_rules! settings {
    ($(
        $(#[doc = $doc:literal])+
        $debug:ident $key:ident: $type:ty = $variable:literal $(as $constant:ident)?;
    )*) => {
        /// The settings that are set.
        #[derive(Clone, Default)]
        pub(super) struct Settings {
            $($(#[doc = $doc])+ pub(super) $key: Option<Sourced<$type>>,)*
        }

        pub(super) const SETTINGS: &[Setting] = &[$(Setting {
            key: stringify!($key),
            variable: $variable,
            is_table: <$type as Value>::IS_TABLE,
            read: |settings, text| {
                settings.$key = Some(Sourced::new(text.source.clone(), text.read::<$type>()?));
                Ok(())
            },
        },)*];

        $($(
            #[doc = concat!("The environment variable of the setting `", stringify!($key), "`.")]
            pub const $constant: &str = $variable;
        )?)*

        impl Settings {
            /// Returns these settings, with those of `fallback` where these have none.
            pub(super) fn or_else(self, mut fallback: Self) -> Self {
                self.drop_credentials_of(&mut fallback);
                Self { $($key: self.$key.or(fallback.$key),)* }
            }

            /// Checks the value of each setting by its type.
            pub(super) fn check_values(&self) -> Result<(), Error> {
                $(if let Some(setting) = &self.$key {
                    setting.value.check().map_err(|problem| setting.invalid(problem))?;
                })*
                Ok(())
            }

            /// Adds each setting that is set to `output`.
            pub(super) fn debug(&self, output: &mut DebugStruct<'_, '_>) {
                $(if let Some(setting) = &self.$key {
                    output.field(stringify!($key), &setting.$debug());
                })*
            }
        }

        /// The table of all settings for the documentation.
        macro_rules! settings_table {
            () => {
                concat!(
                    "| key | variable | value |\n|---|---|---|\n",
                    $("| `", stringify!($key), "` | `", $variable, "` |", $($doc,)+ " |\n",)*
                )
            };
        }
        pub(super) use settings_table;
    };
}

// URLs, headers and names are hidden, too: users put passwords into them.
settings! {
    /// the server's URL, with or without `/api`
    hidden url: String = "WALDUR_API_URL" as URL_VARIABLE;
    /// the token
    hidden token: SecretString = "WALDUR_ACCESS_TOKEN" as TOKEN_VARIABLE;
    /// `auto` (by the token's shape), `token` or `bearer`
    shown token_scheme: Option<Scheme> = "WALDUR_TOKEN_SCHEME";
    /// the token endpoint of an OpenID provider
    hidden oidc_token_url: String = "WALDUR_OIDC_TOKEN_URL";
    /// the client's id at the OpenID provider
    hidden oidc_client_id: String = "WALDUR_OIDC_CLIENT_ID";
    /// the client's secret at the OpenID provider
    hidden oidc_client_secret: SecretString = "WALDUR_OIDC_CLIENT_SECRET";
    /// the scopes to request, separated by spaces
    hidden oidc_scope: String = "WALDUR_OIDC_SCOPE";
    /// the UUID of the user to act as (staff only)
    shown impersonate: Uuid = "WALDUR_IMPERSONATE";
    /// a PEM file with certificates to trust beside those of the operating system
    hidden ca_file: Vec<u8> = "WALDUR_CA_FILE";
    /// a PEM file with the client's certificate and private key
    hidden client_certificate_file: SecretSlice<u8> = "WALDUR_CLIENT_CERTIFICATE_FILE";
    /// the proxy's URL, or `none`
    hidden proxy: ProxySetting = "WALDUR_PROXY";
    /// the program's name and version, such as `agent/1.2`
    hidden user_agent: String = "WALDUR_USER_AGENT";
    /// further headers: a table; in the variable, one `Name: value` per line
    hidden headers: Vec<(HeaderName, HeaderValue)> = "WALDUR_HEADERS";
    /// seconds until a connection is made
    shown connect_timeout: Duration = "WALDUR_CONNECT_TIMEOUT";
    /// seconds between two reads of a response
    shown read_timeout: Duration = "WALDUR_READ_TIMEOUT";
    /// seconds per call, retries included
    shown timeout: Duration = "WALDUR_TIMEOUT";
    /// concurrent requests of one bulk call
    shown bulk_concurrency: usize = "WALDUR_BULK_CONCURRENCY";
    /// concurrent requests of the client
    shown max_concurrent_requests: usize = "WALDUR_MAX_CONCURRENT_REQUESTS";
    /// requests per second
    shown rate_limit: f64 = "WALDUR_RATE_LIMIT";
    /// attempts per call, the first included
    shown retry_max_attempts: u32 = "WALDUR_RETRY_MAX_ATTEMPTS";
    /// seconds after which a call is not retried any more
    shown retry_max_elapsed: Duration = "WALDUR_RETRY_MAX_ELAPSED";
}

impl Settings {
    /// Reads all variables that are set. An error names the variable.
    pub(super) fn from_variables(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let mut settings = Self::default();
        for setting in SETTINGS {
            if let Some(text) = variable_text(variable, setting.variable)? {
                let source = setting.variable.to_owned();
                let text = Text { source, text: text.expose_secret(), folder: None };
                (setting.read)(&mut settings, &text)?;
            }
        }
        settings.check_credentials()?;
        Ok(settings)
    }
}

/// Returns the text of a variable, as a secret because it may be one.
pub(super) fn variable_text(
    variable: &dyn Fn(&str) -> Option<OsString>,
    name: &str,
) -> Result<Option<SecretString>, Error> {
    let Some(text) = variable(name) else { return Ok(None) };
    let text = text.into_string().map_err(|_| Error::configuration(name, "is not UTF-8"))?;
    Ok(Some(text.into()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn keys_and_variables_are_unique() {
        let keys: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.key).collect();
        let variables: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.variable).collect();
        assert_eq!((keys.len(), variables.len()), (SETTINGS.len(), SETTINGS.len()));
        assert!(variables.iter().all(|name| name.starts_with("WALDUR_")));
    }
}
