//! What a provider changes of a resource.

use super::*;

impl Provider {
    /// Sets the id that a resource has in the provider's back end; "" takes it away. Setting it again is no
    /// error. (`marketplace_provider_resources_set_backend_id`; a server needs the field, so it is always
    /// sent.)
    ///
    /// # Errors
    /// If the id is longer than 255 characters (before anything is sent), or the caller may not see or change
    /// the resource.
    pub async fn set_backend_id(&self, resource: Uuid, backend_id: impl Into<String>) -> Result<(), Error> {
        let backend_id = backend_id.into();
        let length = backend_id.chars().count();
        if length > BACKEND_ID_LENGTH {
            let problem =
                format!("backend_id has {length} characters; a server takes {BACKEND_ID_LENGTH} at most");
            return Err(Error::new(ErrorKind::Validation, problem).with_operation(SET_BACKEND_ID));
        }
        self.send_backend_id(Confirm::new(&self.client), resource, &backend_id).await
    }

    /// Sets the id as it is, and reads it again if the answer is lost.
    pub(crate) async fn send_backend_id(
        &self,
        confirm: Confirm<'_>,
        resource: Uuid,
        backend_id: &str,
    ) -> Result<(), Error> {
        let body = ResourceBackendIdRequest::builder().backend_id(backend_id);
        let call = self.client.marketplace_provider_resources_set_backend_id().uuid(resource);
        let call = call.body(body);
        let send = || async { call.clone().send().await.map(drop) };
        let is_so = |now: &BackendIdRow| now.backend_id == backend_id.trim();
        self.change_by(confirm, resource, send, is_so, Seen::Unchanged).await
    }

    /// [`Provider::set_backend_id`], but only if no other resource of the offering has that id: it is asked
    /// for first. A resource that has it already is left as it is.
    /// (`marketplace_provider_offerings_check_unique_backend_id`, or `marketplace_provider_resources_list`
    /// where a server doesn't have that; between the question and the answer somebody else may take the id.)
    ///
    /// # Errors
    /// If another resource has the id or the offering doesn't allow it, and those of
    /// [`Provider::set_backend_id`].
    pub async fn set_unique_backend_id(&self, resource: Uuid, backend_id: &str) -> Result<(), Error> {
        let now: BackendIdRow = self.retrieve_resource(resource).await?;
        if now.backend_id == backend_id {
            return Ok(());
        }
        let problems = match self.backend_id_problems(now.offering_uuid, backend_id).await {
            Err(error) if error.is_unsupported() => {
                let filter = ResourceFilter::new().offering(now.offering_uuid).backend_id(backend_id);
                let others = self.resources(filter).await?;
                match others.iter().any(|other| other.backend_id == backend_id && !backend_id.is_empty()) {
                    true => vec![taken(backend_id)],
                    false => Vec::new(),
                }
            }
            problems => problems?,
        };
        if !problems.is_empty() {
            return Err(Error::new(ErrorKind::Validation, problems.join("; ")).with_operation(SET_BACKEND_ID));
        }
        self.set_backend_id(resource, backend_id).await
    }

    /// What a server has against another resource of the offering with this id.
    async fn backend_id_problems(&self, offering: Uuid, backend_id: &str) -> Result<Vec<String>, Error> {
        let body = CheckUniqueBackendIdRequest::builder().backend_id(backend_id);
        let call = self.client.marketplace_provider_offerings_check_unique_backend_id().uuid(offering);
        let answer = call.body(body).send().await?.into_inner().unwrap_or_default();
        let Some(is_unique) = answer.is_unique else {
            let error = Error::new(ErrorKind::UnexpectedResponse, "whether the id is unique is not said");
            return Err(error.with_operation(CHECK_UNIQUE));
        };
        let mut problems = answer.errors;
        if !is_unique {
            problems.insert(0, taken(backend_id));
        }
        Ok(problems)
    }

    /// Shows the customer a report: sections with a header and a body each, in place of those before.
    /// (`marketplace_provider_resources_submit_report`)
    ///
    /// # Errors
    /// If there is no section, or one is without header or body (before anything is sent), or the caller may
    /// not change the resource.
    pub async fn submit_report<H: Into<String>, B: Into<String>>(
        &self,
        resource: Uuid,
        sections: impl IntoIterator<Item = (H, B)>,
    ) -> Result<(), Error> {
        let refused =
            |problem: String| Error::new(ErrorKind::Validation, problem).with_operation(SUBMIT_REPORT);
        let (mut report, mut wanted) = (Vec::new(), Vec::new());
        for (header, body) in sections {
            let (header, body) = (header.into(), body.into());
            if header.trim().is_empty() || body.trim().is_empty() {
                return Err(refused(format!("section {} has no header or no body", report.len() + 1)));
            }
            let section = ReportSectionRequest::builder().header(header.as_str()).body(body.as_str());
            report.push(
                ReportSectionRequest::try_from(section).map_err(|problem| refused(problem.to_string()))?,
            );
            wanted.push(Section { header, body });
        }
        if report.is_empty() {
            return Err(refused("the report has no section".to_owned()));
        }
        let body = ResourceReportRequest::builder().report(report);
        let call = self.client.marketplace_provider_resources_submit_report().uuid(resource);
        let call = call.body(body);
        let send = || async { call.clone().send().await.map(drop) };
        self.change(resource, send, |now: &ReportRow| now.report == wanted, Seen::Differs).await
    }

    /// Sets how much a resource may use of each component, by the component's type, and gives the limits as
    /// they are then; limits that aren't named go. Newer servers narrow what a component doesn't allow, and
    /// say nothing. (`marketplace_provider_resources_set_limits`, and it is read again)
    ///
    /// # Errors
    /// If the caller may not change the resource, or a newer server doesn't know a component.
    pub async fn set_limits<K: Into<String>, L: Into<Decimal>>(
        &self,
        resource: Uuid,
        limits: impl IntoIterator<Item = (K, L)>,
    ) -> Result<BTreeMap<String, Decimal>, Error> {
        let limits = limits.into_iter().map(|(type_, limit)| (type_.into(), limit.into())).collect();
        self.send_limits(Confirm::new(&self.client), resource, &limits).await?;
        match self.retrieve_resource::<LimitsRow>(resource).await {
            Ok(now) => Ok(now.limits),
            Err(unread) => Err(unread.with_note("the limits were set; what they are now can't be read")),
        }
    }

    /// Sets the limits, and reads them again only if the answer is lost.
    pub(crate) async fn send_limits(
        &self,
        confirm: Confirm<'_>,
        resource: Uuid,
        limits: &BTreeMap<String, Decimal>,
    ) -> Result<(), Error> {
        let body = ResourceSetLimitsRequest::builder().limits(numbers(limits));
        let call = self.client.marketplace_provider_resources_set_limits().uuid(resource);
        let call = call.body(body);
        let send = || async { call.clone().send().await.map(drop) };
        let is_so = |now: &LimitsRow| now.limits == *limits;
        self.change_by(confirm, resource, send, is_so, Seen::Differs).await
    }

    /// Keeps what the back end has to say about a resource, as any JSON; it replaces what was there.
    /// (`marketplace_provider_resources_set_backend_metadata`)
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sdk::ClientExt as _;
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// # let resource = sandbox.ids().resources.ok_second;
    /// use waldur_sdk::NaiveDate;
    ///
    /// let provider = client.provider();
    /// provider.set_backend_metadata(resource, serde_json::json!({ "runtime_state": "up" })).await?;
    /// provider.refresh_last_sync(resource).await?;
    /// provider.set_end_date(resource, NaiveDate::from_ymd_opt(2031, 5, 6)).await?;
    /// provider.set_end_date(resource, None).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the caller may not change the resource.
    pub async fn set_backend_metadata(
        &self,
        resource: Uuid,
        metadata: impl Into<Value>,
    ) -> Result<(), Error> {
        let metadata = metadata.into();
        let body = ResourceBackendMetadataRequest::builder().backend_metadata(metadata.clone());
        let call = self.client.marketplace_provider_resources_set_backend_metadata().uuid(resource);
        let call = call.body(body);
        let send = || async { call.clone().send().await.map(drop) };
        self.change(
            resource,
            send,
            |now: &MetadataRow| holds(&now.backend_metadata, &metadata),
            Seen::Differs,
        )
        .await
    }

    /// Sets an erred resource back to OK. (`marketplace_provider_resources_set_as_ok`)
    ///
    /// # Errors
    /// If the caller may not change the resource.
    pub async fn set_resource_ok(&self, resource: Uuid) -> Result<(), Error> {
        let call = self.client.marketplace_provider_resources_set_as_ok().uuid(resource);
        let send = || async { call.clone().send().await.map(drop) };
        self.change(resource, send, |now: &Resource| now.state == ResourceState::Ok, Seen::Unchanged).await
    }

    /// A resource has failed, with a message for the customer and details for the operators.
    /// (`marketplace_provider_resources_set_as_erred`)
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sdk::ClientExt as _;
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// # let resource = sandbox.ids().resources.ok;
    /// let provider = client.provider();
    /// provider.set_resource_erred(resource, "the file system is full", "quota: 0 bytes left").await?;
    /// assert_eq!(provider.resource(resource).await?.error_message, "the file system is full");
    /// provider.set_resource_ok(resource).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the caller may not change the resource.
    pub async fn set_resource_erred(
        &self,
        resource: Uuid,
        message: &str,
        traceback: &str,
    ) -> Result<(), Error> {
        let body = ResourceSetStateErredRequest::builder().error_message(message).error_traceback(traceback);
        let call = self.client.marketplace_provider_resources_set_as_erred().uuid(resource);
        let call = call.body(body);
        let send = || async { call.clone().send().await.map(drop) };
        // An empty message leaves the one that is there.
        let is_so = |now: &Resource| {
            now.state == ResourceState::Erred && (message.is_empty() || now.error_message == message)
        };
        self.change(resource, send, is_so, Seen::Differs).await
    }

    /// Sets the resource's last-sync time to now. (`marketplace_provider_resources_refresh_last_sync`)
    ///
    /// # Errors
    /// If the caller may not change the resource.
    pub async fn refresh_last_sync(&self, resource: Uuid) -> Result<(), Error> {
        let call = self.client.marketplace_provider_resources_refresh_last_sync().uuid(resource);
        // The time there is the server's: reading it again tells nothing.
        call.send().await.map(drop).map_err(|error| match error.is_ambiguous() {
            true => error.unconfirmed(&"the server keeps its own time; it can be sent again"),
            false => error,
        })
    }

    /// Pauses a resource, or lets it go on. (`marketplace_provider_resources_set_paused`)
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sdk::ClientExt as _;
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Staff)).build()?;
    /// # let resource = sandbox.ids().resources.ok;
    /// let staff = client.provider();
    /// staff.set_paused(resource, true).await?;
    /// staff.set_downscaled(resource, true).await?;
    /// staff.set_restrict_member_access(resource, true).await?;
    /// let now = staff.resource(resource).await?;
    /// assert!(now.paused && now.downscaled && now.restrict_member_access);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the caller is not staff (servers forbid it to the provider), or there is no such resource.
    pub async fn set_paused(&self, resource: Uuid, paused: bool) -> Result<(), Error> {
        let body = ResourcePausedRequest::builder().paused(paused);
        let call = self.client.marketplace_provider_resources_set_paused().uuid(resource);
        let call = call.body(body);
        let send = || async { call.clone().send().await.map(drop) };
        self.change(resource, send, |now: &Resource| now.paused == paused, Seen::Unchanged).await
    }

    /// Downscales a resource, or gives it back what it had. (`marketplace_provider_resources_set_downscaled`)
    ///
    /// # Errors
    /// If the caller is not staff (servers forbid it to the provider), or there is no such resource.
    pub async fn set_downscaled(&self, resource: Uuid, downscaled: bool) -> Result<(), Error> {
        let body = ResourceDownscaledRequest::builder().downscaled(downscaled);
        let call = self.client.marketplace_provider_resources_set_downscaled().uuid(resource);
        let call = call.body(body);
        let send = || async { call.clone().send().await.map(drop) };
        self.change(resource, send, |now: &Resource| now.downscaled == downscaled, Seen::Unchanged).await
    }

    /// Blocks or allows members' access to a resource.
    /// (`marketplace_provider_resources_set_restrict_member_access`)
    ///
    /// # Errors
    /// If the caller is not staff (servers forbid it to the provider), or there is no such resource.
    pub async fn set_restrict_member_access(&self, resource: Uuid, restrict: bool) -> Result<(), Error> {
        let body = ResourceRestrictMemberAccessRequest::builder().restrict_member_access(restrict);
        let call = self.client.marketplace_provider_resources_set_restrict_member_access().uuid(resource);
        let call = call.body(body);
        let send = || async { call.clone().send().await.map(drop) };
        self.change(resource, send, |now: &Resource| now.restrict_member_access == restrict, Seen::Unchanged)
            .await
    }

    /// Sets the last day of a resource, or takes it away. A server takes a day that is a week ahead or more,
    /// of a resource that cost nothing lately. (`marketplace_provider_resources_set_end_date_by_provider`)
    ///
    /// # Errors
    /// If the caller may not change the resource, or the server doesn't take the day.
    pub async fn set_end_date(&self, resource: Uuid, day: Option<NaiveDate>) -> Result<(), Error> {
        let body = ResourceEndDateByProviderRequest::builder();
        let body = body.end_date(day.map_or(Nullable::Null, Nullable::Value));
        let call = self.client.marketplace_provider_resources_set_end_date_by_provider().uuid(resource);
        let call = call.body(body);
        let send = || async { call.clone().send().await.map(drop) };
        self.change(resource, send, |now: &EndDateRow| now.end_date == day, Seen::Unchanged).await
    }

    /// Where a resource can be reached. (`marketplace_provider_resources_retrieve`)
    ///
    /// # Errors
    /// If there is none, or none that the caller provides.
    pub async fn endpoints(&self, resource: Uuid) -> Result<Vec<Endpoint>, Error> {
        Ok(self.retrieve_resource::<EndpointsRow>(resource).await?.endpoints)
    }

    /// Says where a resource can be reached, with names and addresses, in place of what was said before.
    /// Servers have this since 8.0.9: it is a request of its own, not one of the pinned schema's.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sdk::ClientExt as _;
    /// # use waldur_sandbox::{Actor, Release, Sandbox};
    /// # let sandbox = Sandbox::builder().release(Release::Newer).start().await?;
    /// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// # let resource = sandbox.ids().resources.ok;
    /// let provider = client.provider();
    /// provider.set_endpoints(resource, [("login node", "ssh://login.polar.example.org")]).await?;
    /// for endpoint in provider.endpoints(resource).await? {
    ///     println!("{}: {}", endpoint.name, endpoint.url);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If a name or address is empty (before anything is sent), the caller may not change the resource, or
    /// the server is older than that ([`Error::is_unsupported`]).
    pub async fn set_endpoints<N: Into<String>, A: Into<String>>(
        &self,
        resource: Uuid,
        endpoints: impl IntoIterator<Item = (N, A)>,
    ) -> Result<(), Error> {
        let endpoints =
            endpoints.into_iter().map(|(name, url)| Endpoint { name: name.into(), url: url.into() });
        let mut endpoints: Vec<Endpoint> = endpoints.collect();
        if let Some(at) = endpoints.iter().position(|one| one.name.is_empty() || one.url.is_empty()) {
            let problem = format!("endpoint {} has no name or no url", at + 1);
            return Err(Error::new(ErrorKind::Validation, problem));
        }
        let path = format!("/api/marketplace-provider-resources/{}/set_endpoints/", resource.simple());
        let body = json!({ "endpoints": endpoints });
        endpoints.sort();
        let send = || async { self.client.request(Method::POST, &path).json(&body).send().await.map(drop) };
        let is_so = |now: &EndpointsRow| {
            let mut there = now.endpoints.clone();
            there.sort();
            there == endpoints
        };
        self.change(resource, send, is_so, Seen::Differs).await
    }
}
