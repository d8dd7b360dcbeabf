//! The steps of one request.
//!
//! What Waldur knows is read before anything is added, and every change is read again if its answer is lost.
//! So a run can be interrupted anywhere, and the next one goes on.

use std::collections::BTreeSet;

use serde_json::Value;
use uuid::Uuid;
use waldur_api_client::types::{
    BackendResourceReqStateEnum as RequestState, BackendResourceRequest,
    BackendResourceRequestSetErredRequest, ResourceState,
};
use waldur_api_client::{Client, Error, ErrorKind, ListExt as _, Operation, builder};

use super::backend::{Importable, ImportableResource};
use super::report::{ImportRequest, ImportResult, LeftOutImport};
use crate::agent::backend::{BackendError, BackendErrorKind};
use crate::confirm::{Confirm, Seen};
use crate::resources::Resources;
use crate::row::{self, UnreadableRow, row};

const CREATE: &Operation = builder::BackendResourcesCreate::OPERATION;

/// The longest name that Waldur accepts, in characters.
const NAME_LENGTH: usize = 150;

/// The states of resources that the back end has, or is about to have.
const KNOWN: [ResourceState; 5] = [
    ResourceState::Creating,
    ResourceState::Ok,
    ResourceState::Erred,
    ResourceState::Updating,
    ResourceState::Terminating,
];

row! {
    struct KnownRow {
        #[allow(dead_code, reason = "by it, rows that are repeated on another page are recognised")]
        uuid: Option<Uuid> = optional "uuid",
        backend_id: String = exact "backend_id",
    }
}

/// The result of a run, if no step failed that may succeed later.
pub(super) enum Ended {
    Result(ImportResult),
    /// The back end failed permanently, and the request is marked so.
    Erred(Error),
}

/// A change of a request.
enum Action<'a> {
    Start,
    Done,
    Err(&'a BackendError),
}

impl Action<'_> {
    fn target(&self) -> RequestState {
        match self {
            Self::Start => RequestState::Processing,
            Self::Done => RequestState::Done,
            Self::Err(_) => RequestState::Erred,
        }
    }

    fn is_possible(&self, state: &RequestState) -> bool {
        match self {
            Self::Start => *state == RequestState::Sent,
            Self::Done => *state == RequestState::Processing,
            Self::Err(_) => matches!(state, RequestState::Sent | RequestState::Processing),
        }
    }
}

/// Answers one request.
#[derive(Debug)]
pub(super) struct ImportRun<'a, B> {
    client: &'a Client,
    backend: &'a B,
    confirm: Confirm<'a>,
    request: &'a ImportRequest,
    /// The rows of what Waldur knows that can't be read.
    pub(super) unreadable: Vec<UnreadableRow>,
}

impl<'a, B: Importable> ImportRun<'a, B> {
    pub(super) fn new(
        client: &'a Client,
        backend: &'a B,
        confirm: Confirm<'a>,
        request: &'a ImportRequest,
    ) -> Self {
        Self { client, backend, confirm, request, unreadable: Vec::new() }
    }

    /// Answers the request, from the state in which it was listed.
    pub(super) async fn process(&mut self) -> Result<Ended, Error> {
        if self.request.state == RequestState::Sent
            && let Some(state) = self.apply(&Action::Start).await?
        {
            return superseded(state);
        }
        let resources = match self.backend.list(self.request.offering_uuid).await {
            Ok(resources) => resources,
            Err(error) => return self.failed(error).await,
        };
        let mut known = self.known().await?;
        let (mut added, mut left_out) = (Vec::new(), Vec::new());
        for resource in resources {
            // Servers cut white space off.
            if !known.insert(resource.backend_id.as_str().trim().to_owned()) {
                continue;
            }
            match self.add(&resource).await {
                Ok(()) => added.push(resource.backend_id),
                // The server would refuse it again, and the others can be imported without it.
                Err(error) if error.is_validation() => {
                    left_out.push(LeftOutImport { backend_id: resource.backend_id, error });
                }
                Err(error) => return Err(error),
            }
        }
        match self.apply(&Action::Done).await? {
            None => Ok(Ended::Result(ImportResult::Answered { added, left_out })),
            Some(state) => superseded(state),
        }
    }

    /// Returns the ids of the back end that Waldur knows, as resources or as what can be imported.
    ///
    /// # Errors
    /// If a list can't be read, or a row of one: what it hides would be added again.
    async fn known(&mut self) -> Result<BTreeSet<String>, Error> {
        let (offering, concurrency) = (self.request.offering_uuid, self.client.bulk_concurrency());
        let resources = Resources::new(self.client).offering(offering);
        let resources = KNOWN.into_iter().fold(resources, Resources::state).request();
        let resources = || row::all::<KnownRow>(resources.clone().unread(), concurrency);
        let resources = self.confirm.read(resources).await?;
        let listed = self.client.backend_resources_list().offering_uuid(offering);
        let listed = || row::all::<KnownRow>(listed.clone().unread(), concurrency);
        let listed = self.confirm.read(listed).await?;
        let mut known = BTreeSet::new();
        for (rows, unreadable) in [resources.into_parts(), listed.into_parts()] {
            known.extend(rows.into_iter().map(|row| row.backend_id));
            self.unreadable.extend(unreadable);
        }
        match self.unreadable.first() {
            None => Ok(known),
            Some(row) => Err(Error::new(ErrorKind::UnexpectedResponse, hidden(row))),
        }
    }

    /// Adds a resource to those that can be imported. It is sent once: a second one would be another row.
    async fn add(&self, resource: &ImportableResource) -> Result<(), Error> {
        let id = resource.backend_id.as_str();
        let length = resource.name.chars().count();
        if resource.name.trim().is_empty() || length > NAME_LENGTH {
            let problem = format!("name has {length} characters; Waldur accepts 1 to {NAME_LENGTH}");
            return Err(Error::new(ErrorKind::Validation, problem).with_operation(CREATE));
        }
        let body = BackendResourceRequest::builder()
            .name(resource.name.as_str())
            .offering(self.request.offering_uuid)
            .project(resource.project)
            .backend_id(id)
            .backend_metadata(Value::Object(resource.metadata.clone()));
        let call = self.client.backend_resources_create().body(body);
        let send = || async { call.clone().send().await.map(drop) };
        let list = self.client.backend_resources_list().offering_uuid(self.request.offering_uuid);
        let list = list.backend_id(id);
        let look = || async {
            let rows = row::all::<KnownRow>(list.clone().unread(), 1).await?;
            // A server that doesn't know a filter ignores it.
            let is_there = rows.iter().any(|row| row.backend_id == id.trim());
            Ok(match rows.unreadable().first() {
                _ if is_there => Seen::Applied(()),
                Some(row) => Seen::Unclear(hidden(row)),
                None => Seen::Unchanged("it isn't among the resources that can be imported".to_owned()),
            })
        };
        self.confirm.once().after(Error::is_ambiguous).send(send, look).await.map(drop)
    }

    /// Marks the request as erred if the failure is permanent.
    async fn failed(&self, error: BackendError) -> Result<Ended, Error> {
        match error.kind() {
            BackendErrorKind::Permanent => {}
            BackendErrorKind::Transient => return Err(error.into_error()),
            BackendErrorKind::InProgress { check_again_in, .. } => {
                return Ok(Ended::Result(ImportResult::InBackend { again_in: *check_again_in }));
            }
        }
        let unsaid = |unsent: Error| unsent.with_note(format!("it can't be marked as erred: {error}"));
        match self.apply(&Action::Err(&error)).await.map_err(unsaid)? {
            None => Ok(Ended::Erred(error.into_error())),
            Some(state) => superseded(state),
        }
    }

    /// Changes the state of the request. Returns the state if it doesn't allow the change any more.
    async fn apply(&self, action: &Action<'_>) -> Result<Option<RequestState>, Error> {
        let (api, uuid) = (self.client, self.request.uuid);
        let send = || async move {
            match action {
                Action::Start => {
                    api.backend_resource_requests_start_processing().uuid(uuid).send().await.map(drop)
                }
                Action::Done => api.backend_resource_requests_set_done().uuid(uuid).send().await.map(drop),
                Action::Err(error) => {
                    let body = BackendResourceRequestSetErredRequest::builder()
                        .error_message(error.to_string())
                        .error_traceback(error.traceback());
                    let call = api.backend_resource_requests_set_erred().uuid(uuid).body(body);
                    call.send().await.map(drop)
                }
            }
        };
        let look = || async {
            let state = state_of(api, uuid).await?;
            Ok(match &state {
                state if *state == action.target() => Seen::Applied(()),
                state if action.is_possible(state) => Seen::Unchanged(format!("the request is {state}")),
                RequestState::Other(_) => Seen::Unclear(format!("the request is {state}")),
                state => Seen::Superseded(format!("the request is {state}")),
            })
        };
        match self.confirm.send(send, look).await {
            Ok(_) => Ok(None),
            Err(error) if error.is_superseded() => match self.confirm.read(|| state_of(api, uuid)).await {
                Ok(state) if !action.is_possible(&state) => Ok(Some(state)),
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }
}

fn hidden(row: &UnreadableRow) -> String {
    format!("a row may hide an id that is there: {row}")
}

async fn state_of(client: &Client, request: Uuid) -> Result<RequestState, Error> {
    let row = client.backend_resource_requests_retrieve().uuid(request).send().await?.into_inner();
    row.state.ok_or_else(|| {
        Error::new(ErrorKind::UnexpectedResponse, "the request has no state")
            .with_operation(builder::BackendResourceRequestsRetrieve::OPERATION)
    })
}

fn superseded(state: RequestState) -> Result<Ended, Error> {
    Ok(Ended::Result(ImportResult::Superseded { state }))
}
