//! What an agent tells of itself: who it is, what it does, how it goes.

use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::builder;

use crate::agent_identity::{AgentIdentity, filled, no_uuid};
use crate::confirm::{Confirm, Seen};
use crate::row::{self, Rows, row};
use waldur_api_client::Client;
use waldur_api_client::ListExt as _;
use waldur_api_client::types::{
    AgentProcessorCreateRequest, AgentServiceCreateRequest, AgentServiceStatisticsRequest,
};
use waldur_api_client::{Error, ErrorKind};

const SERVICE: &waldur_api_client::Operation =
    builder::MarketplaceSiteAgentIdentitiesRegisterService::OPERATION;
const PROCESSOR: &waldur_api_client::Operation =
    builder::MarketplaceSiteAgentServicesRegisterProcessor::OPERATION;

row! {
    /// A service of an agent, or a processor of a service.
    struct RegisteredRow {
        uuid: Uuid = need "uuid",
        name: String = need "name",
    }
}

/// Something that an agent does, such as order processing.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sandbox::{Actor, Sandbox};
/// # let sandbox = Sandbox::start().await?;
/// # use waldur_sdk::Client;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// # let offering = sandbox.ids().offerings.slurm;
/// use waldur_sdk::agent::AgentIdentity;
///
/// // At each start: what is there already is found.
/// let agent = AgentIdentity::register(&client, offering, "polar-agent", "1.4.0").await?;
/// let service = agent.register_service(&client, "orders", "order_process").await?;
/// let processor = service.register_processor(&client, "orders", "slurm", "23.11").await?;
/// assert_eq!(processor.service_uuid, service.uuid);
///
/// // From time to time: registering shows that the agent is alive.
/// let service = agent.register_service(&client, "orders", "order_process").await?;
/// service.set_statistics(&client, &serde_json::json!({ "done": 17, "failed": 0 })).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AgentService {
    /// Its uuid.
    pub uuid: Uuid,
    /// Its name, of which an agent has one.
    pub name: String,
    /// The agent.
    pub identity_uuid: Uuid,
}

/// A processor of an agent service: the back end that does the work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AgentProcessor {
    /// Its uuid.
    pub uuid: Uuid,
    /// Its name, of which a service has one.
    pub name: String,
    /// The service.
    pub service_uuid: Uuid,
}

impl AgentIdentity {
    /// Finds the service of this name of the agent or makes it, with this mode, such as `order_process`; it
    /// is active then. A server takes a service that doesn't register for a while for inactive, so do it from
    /// time to time. It is safe to run again, and is by itself if an answer is lost.
    /// (`marketplace_site_agent_identities_register_service`)
    ///
    /// # Errors
    /// If the name is empty ([`Error::is_validation`], before anything is sent), the caller may not see the
    /// agent ([`Error::is_not_found`]), or the server is older than 7.8.5 ([`Error::is_unsupported`]).
    /// Whether it was registered isn't known after [`Error::is_ambiguous`]: do it again.
    pub async fn register_service(
        &self,
        client: &Client,
        name: impl Into<String>,
        mode: impl Into<String>,
    ) -> Result<AgentService, Error> {
        let name = name.into();
        filled(&name, "name", SERVICE)?;
        let body = AgentServiceCreateRequest::builder().name(name.clone()).mode(mode.into());
        let repeating = client.assume_idempotent();
        let call = repeating.marketplace_site_agent_identities_register_service().uuid(self.uuid);
        let call = call.body(body);
        let send = || async {
            let row = call.clone().send().await?.into_inner();
            row.and_then(|row| row.uuid).ok_or_else(|| no_uuid(SERVICE))
        };
        let look = || async {
            let list = client.marketplace_site_agent_services_list().identity_uuid(self.uuid);
            Ok(registered(row::all(list.unread(), client.bulk_concurrency()).await?, &name))
        };
        let (uuid, _) = Confirm::new(client).after(lost_its_uuid).once().send(send, look).await?;
        Ok(AgentService { uuid, name: name.clone(), identity_uuid: self.uuid })
    }
}

impl AgentService {
    /// Finds the processor of this name of the service or makes it, with the type of its back end, such as
    /// `slurm`, and the version of that. It is safe to run again, and is by itself if an answer is lost.
    /// (`marketplace_site_agent_services_register_processor`)
    ///
    /// # Errors
    /// If the name or the type is empty ([`Error::is_validation`], before anything is sent), the caller may
    /// not see the service ([`Error::is_not_found`]), or the server is older than 7.8.5
    /// ([`Error::is_unsupported`]). Whether it was registered isn't known after [`Error::is_ambiguous`]: do
    /// it again.
    pub async fn register_processor(
        &self,
        client: &Client,
        name: impl Into<String>,
        backend_type: impl Into<String>,
        backend_version: impl Into<String>,
    ) -> Result<AgentProcessor, Error> {
        let (name, backend_type) = (name.into(), backend_type.into());
        filled(&name, "name", PROCESSOR)?;
        filled(&backend_type, "backend_type", PROCESSOR)?;
        let body = AgentProcessorCreateRequest::builder()
            .name(name.clone())
            .backend_type(backend_type)
            .backend_version(backend_version.into());
        let repeating = client.assume_idempotent();
        let call = repeating.marketplace_site_agent_services_register_processor().uuid(self.uuid);
        let call = call.body(body);
        let send = || async {
            let row = call.clone().send().await?.into_inner();
            row.and_then(|row| row.uuid).ok_or_else(|| no_uuid(PROCESSOR))
        };
        let look = || async {
            let list = client.marketplace_site_agent_processors_list().service_uuid(self.uuid);
            Ok(registered(row::all(list.unread(), client.bulk_concurrency()).await?, &name))
        };
        let (uuid, _) = Confirm::new(client).after(lost_its_uuid).once().send(send, look).await?;
        Ok(AgentProcessor { uuid, name: name.clone(), service_uuid: self.uuid })
    }

    /// Replaces what the service has counted, such as the [`counts`](crate::Report::counts) of a round.
    /// Safe to run again. (`marketplace_site_agent_services_set_statistics`; that the agent is alive a server
    /// takes from [`AgentIdentity::register_service`].)
    ///
    /// # Errors
    /// If it is nothing that JSON can say ([`Error::is_validation`], before anything is sent), the caller may
    /// not see the service ([`Error::is_not_found`]), or the server is older than 7.8.5
    /// ([`Error::is_unsupported`]).
    pub async fn set_statistics(&self, client: &Client, statistics: &impl Serialize) -> Result<(), Error> {
        let statistics = serde_json::to_value(statistics).map_err(|source| {
            Error::new(ErrorKind::Validation, "statistics")
                .with_source(source)
                .with_operation(builder::MarketplaceSiteAgentServicesSetStatistics::OPERATION)
        })?;
        let body = AgentServiceStatisticsRequest::builder().statistics(statistics);
        let client = client.assume_idempotent();
        let call = client.marketplace_site_agent_services_set_statistics().uuid(self.uuid);
        call.body(body).send().await.map(drop)
    }
}

/// Whether an answer came that doesn't say what was registered. (A page isn't Waldur's answer.)
fn lost_its_uuid(error: &Error) -> bool {
    error.is_unexpected_response() && !error.is_page()
}

/// Finds what was registered with this name.
fn registered(there: Rows<RegisteredRow>, name: &str) -> Seen<Uuid> {
    match there.into_iter().find(|row| row.name == name) {
        Some(row) => Seen::Applied(row.uuid),
        None => Seen::Unchanged(format!("nothing is registered as {name:?}")),
    }
}
