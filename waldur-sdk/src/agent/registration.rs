//! What an agent tells of itself: who it is, what it does, how it goes.

use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::builder;

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::list::List as _;
use crate::types::{
    self, AgentIdentityRequest, AgentProcessorCreateRequest, AgentServiceCreateRequest,
    AgentServiceStatisticsRequest,
};

const CREATE: &waldur_api_client::Operation = builder::MarketplaceSiteAgentIdentitiesCreate::OPERATION;
const SERVICE: &waldur_api_client::Operation =
    builder::MarketplaceSiteAgentIdentitiesRegisterService::OPERATION;
const PROCESSOR: &waldur_api_client::Operation =
    builder::MarketplaceSiteAgentServicesRegisterProcessor::OPERATION;

/// An agent at an offering.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sandbox::{Actor, Sandbox};
/// # let sandbox = Sandbox::start().await?;
/// # let client = waldur_sdk::Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
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
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AgentIdentity {
    /// Its uuid.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
    /// The offering.
    pub offering_uuid: Uuid,
    /// The version of the agent's software; empty if not told.
    pub version: String,
}

/// Something that an agent does, such as order processing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AgentService {
    /// Its uuid.
    pub uuid: Uuid,
    /// Its name, of which an agent has one.
    pub name: String,
    /// The agent.
    pub identity_uuid: Uuid,
}

/// What does it: a back end of some type.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Finds the agent of this name at this offering or makes it, and sees to it that its version is this. It is safe
    /// to run again: nothing is sent but the list if there is nothing to change. (A server keeps no two from having the
    /// same name: of those that register at the same moment each may make one, and the first is found from then on.)
    /// (`marketplace_site_agent_identities_list`, `…_create`, `…_update`)
    ///
    /// # Errors
    /// If the name is empty (before anything is sent), or the caller may not do that at this offering.
    pub async fn register(
        client: &Client,
        offering: Uuid,
        name: impl Into<String>,
        version: impl Into<String>,
    ) -> Result<Self, Error> {
        let (name, version) = (name.into(), version.into());
        filled(&name, "name", CREATE)?;
        let body =
            || AgentIdentityRequest::builder().name(name.clone()).offering(offering).version(version.clone());
        let identities = client.api();
        match Self::find(client, offering, &name).await? {
            Some(known) if known.version == version => Ok(known),
            Some(known) => {
                // A PUT: it is sent again by itself if its answer is lost.
                let call = identities.marketplace_site_agent_identities_update().uuid(known.uuid);
                match call.body(body()).send().await {
                    Ok(_) => Ok(Self { version, ..known }),
                    Err(error) => Err(Error::from_api(error).await),
                }
            }
            None => {
                let error =
                    match identities.marketplace_site_agent_identities_create().body(body()).send().await {
                        Ok(answer) => match answer.into_inner().and_then(Self::of) {
                            Some(made) => return Ok(made),
                            None => {
                                Error::new(ErrorKind::Decode, "the answer has no uuid").in_operation(CREATE)
                            }
                        },
                        Err(error) => Error::from_api(error).await,
                    };
                if !error.is_answer_lost() {
                    return Err(error);
                }
                match Self::find(client, offering, &name).await {
                    Ok(Some(made)) => Ok(made),
                    Ok(None) => Err(error),
                    Err(unread) => {
                        Err(error.with_note(format!("whether it was made is not known: {unread}")))
                    }
                }
            }
        }
    }

    async fn find(client: &Client, offering: Uuid, name: &str) -> Result<Option<Self>, Error> {
        let list = client.api().marketplace_site_agent_identities_list().offering_uuid(offering).name(name);
        let known = list.all().await?.into_iter().filter_map(Self::of);
        Ok(known.into_iter().find(|known| known.name == name && known.offering_uuid == offering))
    }

    fn of(row: types::AgentIdentity) -> Option<Self> {
        let version = row.version.unwrap_or_default();
        Some(Self { uuid: row.uuid?, name: row.name?, offering_uuid: row.offering?, version })
    }

    /// Finds the service of this name of the agent or makes it, with this mode, such as `order_process`; it is active then.
    /// A server takes a service that doesn't register for a while for inactive, so do it from time to time. It is safe to
    /// run again, and is by itself if an answer is lost. (`marketplace_site_agent_identities_register_service`)
    ///
    /// # Errors
    /// If the name is empty (before anything is sent), or the caller may not see the agent.
    pub async fn register_service(
        &self,
        client: &Client,
        name: impl Into<String>,
        mode: impl Into<String>,
    ) -> Result<AgentService, Error> {
        let name = name.into();
        filled(&name, "name", SERVICE)?;
        let body = AgentServiceCreateRequest::builder().name(name.clone()).mode(mode.into());
        let client = client.repeating();
        let call = client.api().marketplace_site_agent_identities_register_service().uuid(self.uuid);
        match call.body(body).send().await {
            Ok(answer) => match answer.into_inner().and_then(|row| row.uuid) {
                Some(uuid) => Ok(AgentService { uuid, name, identity_uuid: self.uuid }),
                None => Err(Error::new(ErrorKind::Decode, "the answer has no uuid").in_operation(SERVICE)),
            },
            Err(error) => Err(Error::from_api(error).await),
        }
    }
}

impl AgentService {
    /// Finds the processor of this name of the service or makes it, with the type of its back end, such as `slurm`, and
    /// the version of that. It is safe to run again, and is by itself if an answer is lost.
    /// (`marketplace_site_agent_services_register_processor`)
    ///
    /// # Errors
    /// If the name or the type is empty (before anything is sent), or the caller may not see the service.
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
        let client = client.repeating();
        let call = client.api().marketplace_site_agent_services_register_processor().uuid(self.uuid);
        match call.body(body).send().await {
            Ok(answer) => match answer.into_inner().and_then(|row| row.uuid) {
                Some(uuid) => Ok(AgentProcessor { uuid, name, service_uuid: self.uuid }),
                None => Err(Error::new(ErrorKind::Decode, "the answer has no uuid").in_operation(PROCESSOR)),
            },
            Err(error) => Err(Error::from_api(error).await),
        }
    }

    /// Replaces what the service has counted, such as [`RoundReport::counts`](super::RoundReport::counts). Safe to run
    /// again. (`marketplace_site_agent_services_set_statistics`; that the agent is alive a server takes from
    /// [`AgentIdentity::register_service`].)
    ///
    /// # Errors
    /// If it is nothing that JSON can say (before anything is sent), or the caller may not see the service.
    pub async fn set_statistics(&self, client: &Client, statistics: &impl Serialize) -> Result<(), Error> {
        let statistics = serde_json::to_value(statistics).map_err(|source| {
            Error::new(ErrorKind::Validation, "statistics")
                .with_source(source)
                .in_operation(builder::MarketplaceSiteAgentServicesSetStatistics::OPERATION)
        })?;
        let body = AgentServiceStatisticsRequest::builder().statistics(statistics);
        let client = client.repeating();
        let call = client.api().marketplace_site_agent_services_set_statistics().uuid(self.uuid);
        match call.body(body).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::from_api(error).await),
        }
    }
}

fn filled(text: &str, field: &str, operation: &'static waldur_api_client::Operation) -> Result<(), Error> {
    match text.is_empty() {
        true => Err(Error::new(ErrorKind::Validation, format!("{field} is empty")).in_operation(operation)),
        false => Ok(()),
    }
}
