//! Where a resource can be reached.

use http::Method;
use serde::Serialize;
use serde_json::json;
use waldur_api_client::{Error, ErrorKind};

use super::{ResourceHandle, read};
use crate::confirm::{Applied, Seen};
use crate::row::row;

row! {
    /// An address at which a resource can be reached.
    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
    pub struct Endpoint {
        /// What it is, such as `login node`.
        pub name: String = or_default "name",
        /// Its address.
        pub url: String = need "url",
    }
}

row! {
    struct EndpointsRow {
        endpoints: Vec<Endpoint> = or_default "endpoints",
    }
}

impl ResourceHandle {
    /// Reads the endpoints of the resource. (`marketplace_provider_resources_retrieve`)
    ///
    /// # Errors
    /// If there is no such resource, or none that the caller may see ([`Error::is_not_found`]).
    pub async fn endpoints(&self) -> Result<Vec<Endpoint>, Error> {
        Ok(read::<EndpointsRow>(&self.client, self.uuid).await?.endpoints)
    }

    /// Sets the endpoints of the resource, each a name and an address; they replace those before. Servers have
    /// this since 8.0.9, which the pinned schema doesn't list.
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
    /// If a name or an address is empty ([`Error::is_validation`], before anything is sent), the caller may
    /// not ([`Error::is_forbidden`], [`Error::is_not_found`]), or the server is older
    /// ([`Error::is_unsupported`]).
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
