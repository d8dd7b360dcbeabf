//! Connections that change from HTTP to another protocol.

use http::header::{CONNECTION, HeaderMap, HeaderValue, UPGRADE, USER_AGENT};
use http::{Method, StatusCode, Version};
use reqwest::{Request, Upgraded, Url};
use secrecy::SecretString;
use tokio::time::Instant;

use crate::client::Client;
use crate::error::connection::FailedExchange;
use crate::error::html_page::KEPT;
use crate::error::{Error, ErrorKind};
use crate::transport::AuthHeader;

/// For the crates above. Not part of the public interface.
#[doc(hidden)]
impl Client {
    /// Requests `protocol` at `url`, once, and returns the connection with the headers of the response.
    ///
    /// The connection is made as that of any request: with the proxy, the certificates and the time limit of
    /// connecting. The request carries no credentials; it has the client's headers if the URL is one of the
    /// client's server. Nothing limits the wait for the response but the read timeout.
    ///
    /// # Errors
    /// If the URL is invalid, there is no response, or it is another than 101.
    pub async fn upgrade(
        &self,
        url: &str,
        protocol: &'static str,
        headers: HeaderMap,
    ) -> Result<(Upgraded, HeaderMap), Error> {
        let url = Url::parse(url).map_err(|_| Error::configuration("url", "is not a URL"))?;
        let path = url.path().to_owned();
        let upgraded = self.upgraded(url, protocol, headers).await;
        upgraded.map_err(|error| error.with_raw(Method::GET, path))
    }

    async fn upgraded(
        &self,
        url: Url,
        protocol: &'static str,
        headers: HeaderMap,
    ) -> Result<(Upgraded, HeaderMap), Error> {
        let begun = Instant::now();
        let connections = &self.pipeline().connections;
        let same_server = self.server_url().is_of(&url);
        let mut request = Request::new(Method::GET, url.clone());
        // A connection to another server gets none of the headers, which may be secret.
        let own = connections.headers.iter().filter(|(name, _)| same_server || **name == USER_AGENT);
        request.headers_mut().extend(own.map(|(name, value)| (name.clone(), value.clone())));
        request.headers_mut().extend(headers);
        request.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        request.headers_mut().insert(UPGRADE, HeaderValue::from_static(protocol));
        let failed = |error: reqwest::Error| {
            let exchange = FailedExchange {
                url: Some(&url),
                route: Some(&connections.route),
                took: Some(begun.elapsed()),
            };
            Error::no_response(error.into(), exchange)
        };
        let mut response = self.http().execute(request).await.map_err(failed)?;
        let status = response.status();
        if status != StatusCode::SWITCHING_PROTOCOLS {
            let headers = response.headers().clone();
            if status.is_success() {
                let version = if response.version() == Version::HTTP_2 { " by HTTP/2" } else { "" };
                let text = format!("no {protocol} connection: status {status}{version} in place of 101");
                return Err(Error::new(ErrorKind::UnexpectedResponse, text));
            }
            let mut body = Vec::new();
            while let (true, Ok(Some(part))) = (body.len() < KEPT, response.chunk().await) {
                body.extend_from_slice(&part);
            }
            return Err(Error::from_response(status, &headers, &body));
        }
        let headers = response.headers().clone();
        let connection = response.upgrade().await.map_err(failed)?;
        Ok((connection, headers))
    }

    /// Returns the token that a request would be sent with now, without its scheme; `None` if requests are
    /// sent without one.
    ///
    /// # Errors
    /// If a new token is needed and can't be fetched.
    pub async fn current_token(&self) -> Result<Option<SecretString>, Error> {
        let header = self.pipeline().authorization.header().await?;
        let token = header.as_ref().map(AuthHeader::secret).map(String::from_utf8_lossy);
        Ok(token.map(|token| SecretString::from(token.into_owned())))
    }
}
