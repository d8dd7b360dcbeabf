//! Credentials from settings. They come from the highest-priority source that sets any; only the parts of
//! OIDC client credentials may come from several sources.

use super::settings::{Settings, Sourced, TOKEN_VARIABLE};
use crate::auth::{ClientCredentials, Credentials, Kind};
use crate::error::Error;

impl Settings {
    /// Refuses a source that has both a token and client credentials.
    pub(super) fn check_credentials(&self) -> Result<(), Error> {
        match (&self.token, self.oidc_source()) {
            (Some(token), Some(oidc)) => Err(token.invalid(&format!("and {oidc} exclude each other"))),
            _ => Ok(()),
        }
    }

    /// Removes from `fallback` the credentials that these settings override.
    pub(super) fn drop_credentials_of(&self, fallback: &mut Self) {
        let has_token = self.token.is_some();
        if has_token || self.oidc_source().is_some() {
            fallback.token = None;
            fallback.token_scheme = None;
        }
        if has_token {
            fallback.oidc_token_url = None;
            fallback.oidc_client_id = None;
            fallback.oidc_client_secret = None;
            fallback.oidc_scope = None;
        }
    }

    /// Returns the variable or key of a part of client credentials, if one is set.
    fn oidc_source(&self) -> Option<&str> {
        let texts = [&self.oidc_token_url, &self.oidc_client_id, &self.oidc_scope];
        let source = texts.into_iter().flatten().map(|text| text.source.as_str()).next();
        source.or(self.oidc_client_secret.as_ref().map(|secret| secret.source.as_str()))
    }

    /// Takes the credentials out of the settings. Fails if there are none, or parts are missing.
    pub(super) fn take_credentials(&mut self) -> Result<Sourced<Credentials>, Error> {
        if let Some(token) = self.token.take() {
            let scheme = self.token_scheme.take().and_then(|scheme| scheme.value);
            return Ok(Sourced::new(token.source, Credentials(Kind::Fixed { scheme, secret: token.value })));
        }
        let Some(source) = self.oidc_source().map(str::to_owned) else {
            return Err(Error::configuration("token", &format!("({TOKEN_VARIABLE}) is not set")));
        };
        let missing = |key: &str| Error::configuration(&source, &format!("is set, but {key} is not"));
        let url = self.oidc_token_url.take().ok_or_else(|| missing("oidc_token_url"))?;
        let id = self.oidc_client_id.take().ok_or_else(|| missing("oidc_client_id"))?;
        let secret = self.oidc_client_secret.take().ok_or_else(|| missing("oidc_client_secret"))?;
        let mut oidc = ClientCredentials::new(url.value, id.value, secret.value);
        if let Some(scope) = self.oidc_scope.take() {
            oidc = oidc.scope(scope.value);
        }
        checked(Sourced::new(url.source, Credentials::client_credentials(oidc)))
    }
}

/// Checks credentials without sending a request.
pub(super) fn checked(credentials: Sourced<Credentials>) -> Result<Sourced<Credentials>, Error> {
    if let Kind::Oidc(oidc) = &credentials.value.0 {
        oidc.check().map_err(|problem| credentials.invalid(problem))?;
    }
    Ok(credentials)
}
