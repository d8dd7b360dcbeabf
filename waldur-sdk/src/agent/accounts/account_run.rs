//! The steps of one offering user, from the state in which it was listed.
//!
//! The account in the back end is looked for before it is created, and every change in Waldur is read again
//! if its answer is lost. So a run can be interrupted anywhere, and the next one goes on.

use waldur_api_client::types::{OfferingUserState, PatchedOfferingUserServiceProviderCommentRequest};
use waldur_api_client::{Client, Error, ErrorKind, builder};

use super::account::{AccountTask, AgentAccount};
use super::backend::{Answer, Usernames, Waiting};
use super::report::AccountResult;
use crate::accounts::{Comment, OfferingUserHandle, OfferingUserTransition};
use crate::agent::backend::{BackendError, BackendErrorKind};
use crate::backend_id::AccountName;
use crate::confirm::{Applied, Confirm, Seen};

/// What a transition came to.
enum Change {
    Applied,
    /// Somebody else has moved the offering user to this state, in which the transition isn't possible.
    Superseded(OfferingUserState),
}

/// What a run came to, if no step failed that may succeed later.
pub(super) enum Ended {
    Result(AccountResult),
    /// The back end failed permanently, and the offering user is marked so.
    Erred(Error),
}

/// Processes one offering user.
#[derive(Debug)]
pub(super) struct AccountRun<'a, U> {
    client: &'a Client,
    usernames: &'a U,
    confirm: Confirm<'a>,
    account: &'a AgentAccount,
    handle: OfferingUserHandle,
}

impl<'a, U: Usernames> AccountRun<'a, U> {
    pub(super) fn new(
        client: &'a Client,
        usernames: &'a U,
        confirm: Confirm<'a>,
        account: &'a AgentAccount,
    ) -> Self {
        let handle = OfferingUserHandle::new(client, account.uuid);
        Self { client, usernames, confirm, account, handle }
    }

    /// Processes the offering user as far as possible.
    pub(super) async fn process(&self, task: AccountTask) -> Result<Ended, Error> {
        match task {
            AccountTask::Name => self.name().await,
            AccountTask::Remove => self.remove().await,
        }
    }

    async fn name(&self) -> Result<Ended, Error> {
        let mut state = self.account.state.clone();
        if state == Some(OfferingUserState::Requested) {
            let change =
                self.apply(&OfferingUserState::Requested, OfferingUserTransition::BeginCreating, None);
            if let Change::Superseded(state) = change.await? {
                return superseded(state);
            }
            state = Some(OfferingUserState::Creating);
        }
        let answer = match self.usernames.find(self.account).await {
            Ok(Some(name)) => Ok(Answer::Username(name)),
            Ok(None) => self.usernames.generate(self.account).await.map(|answer| answer.0),
            Err(error) => Err(error),
        };
        match answer {
            Ok(Answer::Username(name)) => self.set_name(state, name).await,
            Ok(Answer::Pending(waiting, comment)) => self.set_pending(state, waiting, &comment).await,
            Err(error) => self.failed(state, OfferingUserTransition::SetErrorCreating, error).await,
        }
    }

    /// Gives the offering user this name, and moves it to OK.
    async fn set_name(&self, state: Option<OfferingUserState>, name: AccountName) -> Result<Ended, Error> {
        use OfferingUserState::{
            Creating, ErrorCreating, Ok as Ready, PendingAccountLinking, PendingAdditionalValidation,
            Requested,
        };
        // Servers cut white space off.
        let username = name.as_str().trim();
        let state = match self.account.username == username {
            // Setting the same name would not change the state.
            true => state,
            false => match self.handle.rename_by(self.confirm, username).await {
                Ok((named, _)) => named.state,
                Err(error) if is_final(&error) => {
                    let error = BackendError::permanent(error);
                    return self.failed(state, OfferingUserTransition::SetErrorCreating, error).await;
                }
                Err(error) => return Err(error),
            },
        };
        let transition = match &state {
            None | Some(Ready) => None,
            Some(PendingAccountLinking | PendingAdditionalValidation) => {
                Some(OfferingUserTransition::SetValidationComplete)
            }
            Some(Requested | Creating | ErrorCreating) => Some(OfferingUserTransition::SetOk),
            Some(state) => return superseded(state.clone()),
        };
        if let (Some(state), Some(transition)) = (&state, transition)
            && let Change::Superseded(state) = self.apply(state, transition, None).await?
        {
            return superseded(state);
        }
        ended(AccountResult::Ready { username: name })
    }

    /// Tells the user what to do.
    async fn set_pending(
        &self,
        state: Option<OfferingUserState>,
        waiting: Waiting,
        comment: &Comment,
    ) -> Result<Ended, Error> {
        let pending = |applied| ended(AccountResult::Pending { state: waiting.state(), applied });
        let Some(state) = state else { return pending(None) };
        let mut shown = self.account.comment();
        let mut applied = Applied::Already;
        // One that is OK stays so: no transition leads from there to waiting.
        if state != waiting.state() && state != OfferingUserState::Ok {
            let change = self.apply(&state, waiting.transition(), Some(comment)).await?;
            if let Change::Superseded(state) = change {
                return superseded(state);
            }
            applied = Applied::Now;
            // Empty texts aren't sent and leave the old ones.
            for (shown, sent) in [(&mut shown.text, &comment.text), (&mut shown.url, &comment.url)] {
                if !sent.is_empty() {
                    shown.clone_from(sent);
                }
            }
        }
        if shown != *comment {
            self.set_comment(comment).await?;
            applied = Applied::Now;
        }
        pending(Some(applied))
    }

    async fn set_comment(&self, comment: &Comment) -> Result<(), Error> {
        let body = PatchedOfferingUserServiceProviderCommentRequest::builder()
            .service_provider_comment(comment.text.as_str())
            .service_provider_comment_url(comment.url.as_str());
        let call = self.client.marketplace_offering_users_update_comments_partial_update();
        let call = call.uuid(self.account.uuid).body(body);
        let send = || async { call.clone().send().await.map(drop) };
        // It replaces the comment, so it is safe to send again.
        let look = || async { Ok(Seen::Differs("another comment may be shown".to_owned())) };
        self.confirm.after(Error::is_ambiguous).send(send, look).await.map(drop)
    }

    async fn remove(&self) -> Result<Ended, Error> {
        use OfferingUserState::{Deleting, ErrorDeleting, RequestedDeletion};
        match &self.account.state {
            // The server refuses it if the user has come back since.
            Some(state @ (RequestedDeletion | ErrorDeleting)) => {
                let change = self.apply(state, OfferingUserTransition::SetDeleting, None);
                if let Change::Superseded(state) = change.await? {
                    return superseded(state);
                }
            }
            _ => match self.state().await? {
                Deleting => {}
                state => return superseded(state),
            },
        }
        let removed = match AccountName::new(self.account.username.as_str()) {
            Ok(name) => self.usernames.remove(self.account, &name).await,
            // An interrupted round may have created an account without giving Waldur its name.
            Err(_) => match self.usernames.find(self.account).await {
                Ok(Some(name)) => self.usernames.remove(self.account, &name).await,
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            },
        };
        if let Err(error) = removed {
            return self.failed(Some(Deleting), OfferingUserTransition::SetErrorDeleting, error).await;
        }
        match self.apply(&Deleting, OfferingUserTransition::SetDeleted, None).await? {
            Change::Applied => ended(AccountResult::Deleted),
            Change::Superseded(state) => superseded(state),
        }
    }

    /// Marks the offering user as erred if the failure is permanent.
    async fn failed(
        &self,
        state: Option<OfferingUserState>,
        transition: OfferingUserTransition,
        error: BackendError,
    ) -> Result<Ended, Error> {
        match error.kind() {
            BackendErrorKind::Permanent => {}
            BackendErrorKind::Transient => return Err(error.into_error()),
            BackendErrorKind::InProgress { check_again_in, .. } => {
                return ended(AccountResult::InBackend { again_in: *check_again_in });
            }
        }
        let is_ok = |state: &OfferingUserState| *state == OfferingUserState::Ok;
        if let Some(state) = state.filter(|state| *state != transition.target() && !is_ok(state)) {
            let change = self.apply(&state, transition, None).await;
            // Otherwise nobody would read what happened.
            let change =
                change.map_err(|unsent| unsent.with_note(format!("{transition} was to be sent: {error}")))?;
            if let Change::Superseded(state) = change {
                return superseded(state);
            }
        }
        Ok(Ended::Erred(error.into_error()))
    }

    async fn apply(
        &self,
        now: &OfferingUserState,
        transition: OfferingUserTransition,
        comment: Option<&Comment>,
    ) -> Result<Change, Error> {
        match self.handle.transition_by(self.confirm, now, transition, comment).await {
            Ok(_) => Ok(Change::Applied),
            Err(error) if error.is_superseded() => match self.state().await {
                Ok(state) if !transition.is_legal_from(&state) => Ok(Change::Superseded(state)),
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    async fn state(&self) -> Result<OfferingUserState, Error> {
        let row = self.confirm.read(|| self.handle.get()).await?;
        row.state.ok_or_else(|| {
            Error::new(ErrorKind::UnexpectedResponse, "the offering user has no state")
                .with_operation(builder::MarketplaceOfferingUsersRetrieve::OPERATION)
        })
    }
}

fn ended(result: AccountResult) -> Result<Ended, Error> {
    Ok(Ended::Result(result))
}

fn superseded(state: OfferingUserState) -> Result<Ended, Error> {
    ended(AccountResult::Superseded { state })
}

/// Returns whether the name itself is refused, and not what stands in the way for now.
fn is_final(error: &Error) -> bool {
    let is_named = || error.messages().about("username").next().is_some();
    error.is_validation() && (error.attempts() == 0 || error.status() == Some(400) && is_named())
}
