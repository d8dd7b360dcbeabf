//! The endpoints of a resource.

use http::Method;
use serde::Serialize;
use serde_json::json;
use waldur_api_client::{Error, ErrorKind};

use super::{ResourceHandle, read};
use crate::confirm::{Applied, Seen};
use crate::row::row;

row! {
    /// An endpoint: a URL at which a resource can be reached.
    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
    pub struct Endpoint {
        /// The name, such as `login node`.
        pub name: String = or_default "name",
        /// The URL, such as `ssh://login.example.org`.
        pub url: String = need "url",
    }
}

row! {
    struct EndpointsRow {
        endpoints: Vec<Endpoint> = or_default "endpoints",
    }
}

impl ResourceHandle {
    /// Gets the endpoints of the resource. (`marketplace_provider_resources_retrieve`)
    ///
    /// # Errors
    /// [`Error::is_not_found`] if the resource doesn't exist or is not visible to the caller.
    pub async fn endpoints(&self) -> Result<Vec<Endpoint>, Error> {
        Ok(read::<EndpointsRow>(&self.client, self.uuid).await?.endpoints)
    }

    /// Sets the endpoints of the resource, each a name and a URL. They replace the existing ones.
    ///
    /// Sends `POST /api/marketplace-provider-resources/{uuid}/set_endpoints/`, which servers have since
    /// 8.0.9. It is not in the pinned schema.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sandbox::{Actor, Release, Sandbox};
    /// # use waldur_sdk::{Client, ClientExt as _};
    /// # let sandbox = Sandbox::builder().release(Release::Newer).start().await?;
    /// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// let resource = client.provider().resource(sandbox.ids().resources.ok);
    /// resource.set_endpoints([("login node", "ssh://login.polar.example.org")]).await?;
    /// for endpoint in resource.endpoints().await? {
    ///     println!("{}: {}", endpoint.name, endpoint.url);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// - [`Error::is_validation`]: a name or a URL is empty. Nothing is sent.
    /// - [`Error::is_not_found`]: the resource doesn't exist or is not visible to the caller.
    /// - [`Error::is_forbidden`]: the caller lacks the permission.
    /// - [`Error::is_unsupported`]: the server is older than 8.0.9.
    /// - [`Error::is_unconfirmed`]: the response was lost, and the resource can't be read.
    pub async fn set_endpoints<N: Into<String>, A: Into<String>>(
        &self,
        endpoints: impl IntoIterator<Item = (N, A)>,
    ) -> Result<Applied, Error> {
        let endpoints =
            endpoints.into_iter().map(|(name, url)| Endpoint { name: name.into(), url: url.into() });
        let mut endpoints: Vec<Endpoint> = endpoints.collect();
        if let Some(at) = endpoints.iter().position(|one| one.name.is_empty() || one.url.is_empty()) {
            let problem = format!("endpoint {} has no name or no url", at + 1);
            return Err(Error::new(ErrorKind::Validation, problem));
        }
        let path = format!("/api/marketplace-provider-resources/{}/set_endpoints/", self.uuid.simple());
        let body = json!({ "endpoints": endpoints });
        endpoints.sort();
        let send = || async { self.client.request(Method::POST, &path).json(&body).send().await.map(drop) };
        let is_so = |now: &EndpointsRow| {
            let mut there = now.endpoints.clone();
            there.sort();
            there == endpoints
        };
        self.change(send, is_so, Seen::Differs).await
    }
}
