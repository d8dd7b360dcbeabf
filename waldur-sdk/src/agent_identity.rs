//! What an agent is called at an offering.

#[cfg(feature = "agent")]
use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::sync::Mutex;
use uuid::Uuid;
use waldur_api_client::Client;
use waldur_api_client::ListExt as _;
use waldur_api_client::builder;
use waldur_api_client::types::{self, AgentIdentityRequest};
use waldur_api_client::{Error, ErrorKind};

use crate::confirm::{Confirm, Seen};
use crate::row::{self, Rows, row};

const LIST: &waldur_api_client::Operation = builder::MarketplaceSiteAgentIdentitiesList::OPERATION;
const CREATE: &waldur_api_client::Operation = builder::MarketplaceSiteAgentIdentitiesCreate::OPERATION;

/// Held while an agent registers at an offering. Of two that looked at the same time, each would find no
/// agent and make one. An offering always has the same lock, and shares it with few others.
static REGISTERING: [Mutex<()>; 64] = [const { Mutex::const_new(()) }; 64];

row! {
    /// An agent at an offering.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    #[non_exhaustive]
    pub struct AgentIdentity {
        /// Its uuid.
        pub uuid: Uuid = need "uuid",
        /// Its name.
        pub name: String = need "name",
        /// The offering.
        pub offering_uuid: Uuid = need "offering",
        /// The version of the agent's software; empty if not told.
        pub version: String = or_default "version",
    }
}

impl AgentIdentity {
    /// Finds the agent of this name at this offering or makes it, and sees to it that its version is this. It
    /// is safe to run again: nothing is sent but the list if there is nothing to change. Calls in one process
    /// for one offering run one after the other. (A server keeps no two agents from having the same name: of
    /// processes that register at the same moment each may make one, and the first is found from then on.)
    /// (`marketplace_site_agent_identities_list`, `…_create`, `…_update`)
    ///
    /// # Errors
    /// If the name is empty ([`Error::is_validation`], before anything is sent), the caller may not do that
    /// at this offering ([`Error::is_forbidden`]), or the server is older than 7.8.5
    /// ([`Error::is_unsupported`]). If an answer is lost, the agent is looked for; [`Error::is_unconfirmed`]
    /// if that fails, too.
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
        let looks_after = |error: &Error| error.is_ambiguous();
        let confirm = Confirm::new(client).after(looks_after);
        let _turn = registering(offering).lock().await;
        let registered = match Self::find(client, offering, &name).await? {
            Some(known) if known.version == version => return Ok(known),
            Some(known) => {
                let call = client.marketplace_site_agent_identities_update().uuid(known.uuid);
                let call = call.body(body());
                let send = || async {
                    call.clone().send().await.map(drop)?;
                    Ok(Self { version: version.clone(), ..known.clone() })
                };
                let look = || async {
                    Ok(match Self::find(client, offering, &name).await? {
                        Some(now) if now.version == version => Seen::Applied(now),
                        Some(now) => Seen::Differs(format!("the version is {:?}", now.version)),
                        None => Seen::Superseded("the agent is gone".to_owned()),
                    })
                };
                confirm.send(send, look).await
            }
            None => {
                let call = client.marketplace_site_agent_identities_create().body(body());
                let send = || async {
                    let made = call.clone().send().await?.into_inner().and_then(Self::of);
                    made.ok_or_else(|| no_uuid(CREATE))
                };
                let look = || async {
                    Ok(match Self::find(client, offering, &name).await? {
                        Some(made) => Seen::Applied(made),
                        None => Seen::Unchanged("the offering has no such agent".to_owned()),
                    })
                };
                // A server would make a second one.
                confirm.once().send(send, look).await
            }
        };
        registered.map(|(agent, _)| agent)
    }

    /// Sets when the agent was started last, which the operators see. The request replaces the agent: it also
    /// sets the name and the version to those of `self`. It is safe to run again.
    /// (`marketplace_site_agent_identities_update`)
    ///
    /// # Errors
    /// If the agent doesn't exist any more or is not visible to the caller ([`Error::is_not_found`]), the
    /// caller may not change it ([`Error::is_forbidden`]), or the server is older than 7.8.5
    /// ([`Error::is_unsupported`]).
    #[cfg(feature = "agent")]
    pub async fn set_last_restarted(&self, client: &Client, at: DateTime<Utc>) -> Result<(), Error> {
        // Waldur has no operation that changes a part of it, and requires the name and the offering.
        let body = AgentIdentityRequest::builder()
            .name(self.name.clone())
            .offering(self.offering_uuid)
            .version(self.version.clone())
            .last_restarted(at);
        let client = client.assume_idempotent();
        client.marketplace_site_agent_identities_update().uuid(self.uuid).body(body).send().await.map(drop)
    }

    async fn find(client: &Client, offering: Uuid, name: &str) -> Result<Option<Self>, Error> {
        let list = client.marketplace_site_agent_identities_list().offering_uuid(offering).name(name);
        let known: Rows<Self> = row::all(list.unread(), client.bulk_concurrency()).await?;
        let (known, unreadable) = known.into_parts();
        let mut known = known.into_iter();
        match (known.find(|one| one.name == name && one.offering_uuid == offering), unreadable.first()) {
            (None, Some(row)) => {
                let problem = format!("the agent {name:?} may be one that can't be read: {row}");
                Err(Error::new(ErrorKind::UnexpectedResponse, problem).with_operation(LIST))
            }
            (found, _) => Ok(found),
        }
    }

    fn of(row: types::AgentIdentity) -> Option<Self> {
        let version = row.version.unwrap_or_default();
        Some(Self { uuid: row.uuid?, name: row.name?, offering_uuid: row.offering?, version })
    }
}

/// Returns the lock of an offering's registrations.
fn registering(offering: Uuid) -> &'static Mutex<()> {
    let [.., last] = *offering.as_bytes();
    &REGISTERING[usize::from(last) % REGISTERING.len()]
}

pub(crate) fn no_uuid(operation: &'static waldur_api_client::Operation) -> Error {
    Error::new(ErrorKind::UnexpectedResponse, "the answer has no uuid").with_operation(operation)
}

pub(crate) fn filled(
    text: &str,
    field: &str,
    operation: &'static waldur_api_client::Operation,
) -> Result<(), Error> {
    match text.trim().is_empty() {
        true => Err(Error::new(ErrorKind::Validation, format!("{field} is empty")).with_operation(operation)),
        false => Ok(()),
    }
}
