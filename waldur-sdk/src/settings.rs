//! The settings of a client as texts: one table for the environment and for profiles.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use uuid::Uuid;

use crate::credentials::{Credentials, Kind, Scheme, secret_header};
use crate::error::Error;
use crate::oidc::ClientCredentials;
use crate::transport::IMPERSONATED;

/// The variable with the address of the server.
pub const URL_VARIABLE: &str = "WALDUR_API_URL";
/// The variable with the token.
pub const TOKEN_VARIABLE: &str = "WALDUR_ACCESS_TOKEN";
/// The variable with the path of the file with profiles.
pub const CONFIG_FILE_VARIABLE: &str = "WALDUR_CONFIG_FILE";
/// The variable with the name of the profile.
pub const PROFILE_VARIABLE: &str = "WALDUR_PROFILE";

/// The key of the table of extra headers in a profile.
pub(crate) const HEADERS_KEY: &str = "headers";

/// A value, and what its user calls it.
#[derive(Clone, Debug)]
pub(crate) struct Named<T> {
    pub(crate) value: T,
    pub(crate) name: String,
}

impl<T> Named<T> {
    pub(crate) fn new(name: impl Into<String>, value: T) -> Self {
        Self { value, name: name.into() }
    }

    /// An error about this value.
    pub(crate) fn wrong(&self, problem: &str) -> Error {
        Error::configuration(&self.name, problem)
    }
}

/// Which proxy requests go through.
#[derive(Clone, Debug)]
pub(crate) enum Proxying {
    None,
    Through(SecretString),
}

/// Each setting, if it was made.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    pub(crate) url: Option<Named<String>>,
    pub(crate) credentials: Option<Named<Credentials>>,
    pub(crate) token: Option<Named<SecretString>>,
    pub(crate) token_scheme: Option<Named<Option<Scheme>>>,
    pub(crate) oidc_token_url: Option<Named<String>>,
    pub(crate) oidc_client_id: Option<Named<String>>,
    pub(crate) oidc_client_secret: Option<Named<SecretString>>,
    pub(crate) oidc_scope: Option<Named<String>>,
    pub(crate) impersonate: Option<Named<Uuid>>,
    pub(crate) ca: Option<Named<Vec<u8>>>,
    pub(crate) identity: Option<Named<SecretSlice<u8>>>,
    pub(crate) proxy: Option<Named<Proxying>>,
    pub(crate) user_agent: Option<Named<String>>,
    pub(crate) headers: Option<Named<Vec<(HeaderName, HeaderValue)>>>,
    pub(crate) connect_timeout: Option<Named<Duration>>,
    pub(crate) read_timeout: Option<Named<Duration>>,
    pub(crate) timeout: Option<Named<Duration>>,
    pub(crate) concurrency: Option<Named<usize>>,
    pub(crate) max_requests: Option<Named<usize>>,
    pub(crate) rate_limit: Option<Named<f64>>,
    pub(crate) retry_attempts: Option<Named<u32>>,
    pub(crate) retry_within: Option<Named<Duration>>,
}

/// The text of a setting, its name, and the folder that a path in it starts from.
pub(crate) struct Text<'a> {
    pub(crate) name: String,
    pub(crate) text: &'a str,
    pub(crate) folder: Option<&'a Path>,
}

/// A setting that has a text: its key in a profile, its variable, and how it is read.
pub(crate) struct Setting {
    pub(crate) key: &'static str,
    pub(crate) variable: &'static str,
    pub(crate) read: fn(&mut Settings, &Text<'_>) -> Result<(), Error>,
}

/// All settings that have a text.
pub(crate) const SETTINGS: &[Setting] = &[
    setting("url", URL_VARIABLE, |to, text| put(&mut to.url, text, plain)),
    setting("token", TOKEN_VARIABLE, |to, text| put(&mut to.token, text, secret)),
    setting("token_scheme", "WALDUR_TOKEN_SCHEME", |to, text| put(&mut to.token_scheme, text, scheme)),
    setting("oidc_token_url", "WALDUR_OIDC_TOKEN_URL", |to, text| put(&mut to.oidc_token_url, text, plain)),
    setting("oidc_client_id", "WALDUR_OIDC_CLIENT_ID", |to, text| put(&mut to.oidc_client_id, text, plain)),
    setting("oidc_client_secret", "WALDUR_OIDC_CLIENT_SECRET", |to, text| {
        put(&mut to.oidc_client_secret, text, secret)
    }),
    setting("oidc_scope", "WALDUR_OIDC_SCOPE", |to, text| put(&mut to.oidc_scope, text, plain)),
    setting("impersonate", "WALDUR_IMPERSONATE", |to, text| {
        put(&mut to.impersonate, text, |text| Uuid::parse_str(text).map_err(|_| "is not the uuid of a user"))
    }),
    setting("ca_file", "WALDUR_CA_FILE", |to, text| put_file(&mut to.ca, text, |bytes| bytes)),
    setting("client_certificate_file", "WALDUR_CLIENT_CERTIFICATE_FILE", |to, text| {
        put_file(&mut to.identity, text, SecretSlice::from)
    }),
    setting("proxy", "WALDUR_PROXY", |to, text| put(&mut to.proxy, text, proxy)),
    setting("user_agent", "WALDUR_USER_AGENT", |to, text| put(&mut to.user_agent, text, plain)),
    setting(HEADERS_KEY, "WALDUR_HEADERS", |to, text| put(&mut to.headers, text, headers)),
    setting("connect_timeout", "WALDUR_CONNECT_TIMEOUT", |to, text| {
        put(&mut to.connect_timeout, text, seconds)
    }),
    setting("read_timeout", "WALDUR_READ_TIMEOUT", |to, text| put(&mut to.read_timeout, text, seconds)),
    setting("timeout", "WALDUR_TIMEOUT", |to, text| put(&mut to.timeout, text, seconds)),
    setting("concurrency", "WALDUR_CONCURRENCY", |to, text| put(&mut to.concurrency, text, number)),
    setting("max_requests", "WALDUR_MAX_REQUESTS", |to, text| put(&mut to.max_requests, text, number)),
    setting("rate_limit", "WALDUR_RATE_LIMIT", |to, text| put(&mut to.rate_limit, text, number)),
    setting("retry_attempts", "WALDUR_RETRY_ATTEMPTS", |to, text| put(&mut to.retry_attempts, text, number)),
    setting("retry_within", "WALDUR_RETRY_WITHIN", |to, text| put(&mut to.retry_within, text, seconds)),
];

const fn setting(
    key: &'static str,
    variable: &'static str,
    read: fn(&mut Settings, &Text<'_>) -> Result<(), Error>,
) -> Setting {
    Setting { key, variable, read }
}

fn put<T>(
    place: &mut Option<Named<T>>,
    text: &Text<'_>,
    read: impl Fn(&str) -> Result<T, &'static str>,
) -> Result<(), Error> {
    let trimmed = text.text.trim();
    let value = if trimmed.is_empty() { Err("is empty") } else { read(trimmed) };
    let value = value.map_err(|problem| Error::configuration(&text.name, problem))?;
    *place = Some(Named::new(text.name.clone(), value));
    Ok(())
}

fn put_file<T>(
    place: &mut Option<Named<T>>,
    text: &Text<'_>,
    read: impl Fn(Vec<u8>) -> T,
) -> Result<(), Error> {
    let mut path = None;
    put(&mut path, text, |text| Ok(PathBuf::from(text)))?;
    let path = path.map(|path| path.value).unwrap_or_default();
    let path = text.folder.map_or_else(|| path.clone(), |folder| folder.join(&path));
    let bytes = fs::read(path).map_err(|error| Error::configuration(&text.name, unreadable(&error)))?;
    *place = Some(Named::new(text.name.clone(), read(bytes)));
    Ok(())
}

/// Why a file can't be read, in few words.
pub(crate) fn unreadable(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "names a file that isn't there",
        io::ErrorKind::PermissionDenied => "names a file that may not be read",
        io::ErrorKind::InvalidData => "names a file that is not UTF-8",
        _ => "names a file that can't be read",
    }
}

#[allow(clippy::unnecessary_wraps)] // one form for all
fn plain(text: &str) -> Result<String, &'static str> {
    Ok(text.to_owned())
}

#[allow(clippy::unnecessary_wraps)]
fn secret(text: &str) -> Result<SecretString, &'static str> {
    Ok(text.into())
}

fn scheme(text: &str) -> Result<Option<Scheme>, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "auto" => Ok(None),
        "token" => Ok(Some(Scheme::Token)),
        "bearer" => Ok(Some(Scheme::Bearer)),
        _ => Err("must be auto, token or bearer"),
    }
}

#[allow(clippy::unnecessary_wraps)]
fn proxy(text: &str) -> Result<Proxying, &'static str> {
    Ok(if text == "none" { Proxying::None } else { Proxying::Through(text.into()) })
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().map_err(|_| "must be a number of seconds")?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "must be a number of seconds")
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, &'static str> {
    text.parse().map_err(|_| "must be a number")
}

fn headers(text: &str) -> Result<Vec<(HeaderName, HeaderValue)>, &'static str> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            let (name, value) =
                line.split_once(':').ok_or("must have a line `Name: value` for each header")?;
            header(name.trim(), value.trim())
        })
        .collect()
}

/// An extra header; one that belongs to the client is refused.
pub(crate) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "has a name that no header has")?;
    let ours =
        [AUTHORIZATION, IMPERSONATED, HOST, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING, CONNECTION];
    if ours.contains(&name) {
        return Err("has a header that the client sets by itself");
    }
    let value = secret_header(&[value]).map_err(|_| "has a value that doesn't fit in a header")?;
    Ok((name, value))
}

impl Settings {
    /// From variables; each that is there must be right.
    pub(crate) fn from_variables(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let mut settings = Self::default();
        for Setting { variable: name, read, .. } in SETTINGS {
            if let Some(text) = variable_text(variable, name)? {
                read(
                    &mut settings,
                    &Text { name: (*name).to_owned(), text: text.expose_secret(), folder: None },
                )?;
            }
        }
        settings.check()?;
        Ok(settings)
    }

    /// Refuses a source that proves its user in two ways.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match (&self.token, self.oidc_name()) {
            (Some(token), Some(oidc)) => Err(token.wrong(&format!("and {oidc} exclude each other"))),
            _ => Ok(()),
        }
    }

    fn oidc_name(&self) -> Option<&str> {
        let plain = [&self.oidc_token_url, &self.oidc_client_id, &self.oidc_scope];
        let plain = plain.into_iter().flatten().map(|named| named.name.as_str()).next();
        plain.or(self.oidc_client_secret.as_ref().map(|named| named.name.as_str()))
    }

    /// These settings, and those of `below` where there is none. How the user proves who it is comes from the
    /// topmost source that says anything about it; only the parts of client credentials may come from
    /// several.
    pub(crate) fn over(self, mut below: Self) -> Self {
        if self.credentials.is_some() || self.token.is_some() {
            below.credentials = None;
            below.token = None;
            below.token_scheme = None;
            below.forget_oidc();
        } else if self.oidc_name().is_some() {
            below.credentials = None;
            below.token = None;
            below.token_scheme = None;
        }
        macro_rules! either {
            ($($field:ident),* $(,)?) => { Self { $($field: self.$field.or(below.$field)),* } };
        }
        either! {
            url, credentials, token, token_scheme, oidc_token_url, oidc_client_id, oidc_client_secret, oidc_scope,
            impersonate, ca, identity, proxy, user_agent, headers, connect_timeout, read_timeout, timeout,
            concurrency, max_requests, rate_limit, retry_attempts, retry_within,
        }
    }

    fn forget_oidc(&mut self) {
        self.oidc_token_url = None;
        self.oidc_client_id = None;
        self.oidc_client_secret = None;
        self.oidc_scope = None;
    }

    /// What the user proves who it is with.
    pub(crate) fn take_credentials(&mut self) -> Result<Named<Credentials>, Error> {
        if let Some(credentials) = self.credentials.take() {
            if let Kind::Oidc(oidc) = &credentials.value.0 {
                oidc.check().map_err(|problem| credentials.wrong(problem))?;
            }
            return Ok(credentials);
        }
        if let Some(token) = self.token.take() {
            let scheme = self.token_scheme.take().and_then(|scheme| scheme.value);
            return Ok(Named::new(token.name, Credentials(Kind::Fixed { scheme, secret: token.value })));
        }
        let Some(name) = self.oidc_name().map(str::to_owned) else {
            return Err(Error::configuration("token", &format!("({TOKEN_VARIABLE}) is not set")));
        };
        let missing = |key: &str| Error::configuration(&name, &format!("is set, but {key} is not"));
        let url = self.oidc_token_url.take().ok_or_else(|| missing("oidc_token_url"))?;
        let id = self.oidc_client_id.take().ok_or_else(|| missing("oidc_client_id"))?;
        let secret = self.oidc_client_secret.take().ok_or_else(|| missing("oidc_client_secret"))?;
        let mut oidc = ClientCredentials::new(url.value, id.value, secret.value);
        if let Some(scope) = self.oidc_scope.take() {
            oidc = oidc.scope(scope.value);
        }
        oidc.check().map_err(|problem| Error::configuration(&url.name, problem))?;
        Ok(Named::new(url.name, Credentials::client_credentials(oidc)))
    }
}

/// A variable's text; it may be a secret.
pub(crate) fn variable_text(
    variable: &dyn Fn(&str) -> Option<OsString>,
    name: &str,
) -> Result<Option<SecretString>, Error> {
    let Some(text) = variable(name) else { return Ok(None) };
    let text = text.into_string().map_err(|_| Error::configuration(name, "is not UTF-8"))?;
    Ok(Some(text.into()))
}
