//! One round over the offering users, and the steps of each.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{MutexGuard, PoisonError};

use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;
use uuid::Uuid;
use waldur_api_client::types::OfferingUserState;
use waldur_api_client::{Error, ListExt as _};

use super::account::{AccountTask, AgentAccount};
use super::account_run::{AccountRun, Ended};
use super::backend::Usernames;
use super::policy::NamePolicy;
use super::processor::AccountsProcessor;
use super::report::{AccountResult, ProcessedAccount};
use crate::agent::ledger::{Begin, Pause};
use crate::agent::listing::{list_each, not_ready, work_on_each};
use crate::bulk::{Item, Report};
use crate::confirm::Confirm;
use crate::outage::Outage;
use crate::pause::later;
use crate::row::{self, Rows};

/// The states in which the provider has something to do.
const OPEN: [OfferingUserState; 8] = [
    OfferingUserState::Requested,
    OfferingUserState::Creating,
    OfferingUserState::PendingAccountLinking,
    OfferingUserState::PendingAdditionalValidation,
    OfferingUserState::ErrorCreating,
    OfferingUserState::RequestedDeletion,
    OfferingUserState::Deleting,
    OfferingUserState::ErrorDeleting,
];

impl<U: Usernames> AccountsProcessor<U> {
    /// Does one round, unless the back end isn't ready. No further offering user is begun once `enough` is
    /// set.
    pub(super) async fn round(&self, enough: &AtomicBool) -> Report<ProcessedAccount> {
        let mut report = Report::default();
        let is_over = || enough.load(Ordering::Relaxed) || self.stop.is_stopped();
        if is_over() {
            return report;
        }
        self.on_account.begin();
        if let Err(error) = self.usernames.ready().await {
            return not_ready(&self.offerings, error);
        }
        let list = |offering| self.list(offering);
        let rows = list_each(&self.offerings, &self.ledger, &mut report, list, |one| one.uuid).await;
        // A server that doesn't know a filter ignores it.
        let own = rows.into_iter().filter(|(offering, one)| one.offering_uuid == *offering);
        let listed: Vec<_> = own.filter_map(|(_, account)| Some((account.task()?, account))).collect();
        // Of this round: an outage that ended between two rounds holds nothing back.
        let outage = Outage::new(&self.client);
        let confirm = Confirm::new(&self.client).during(&outage);
        let confirm = confirm.within(self.client.retry_policy().max_elapsed);
        let to_name = listed.iter().filter(|(task, _)| *task == AccountTask::Name);
        let to_name: HashSet<Uuid> = to_name.map(|(_, account)| account.offering_uuid).collect();
        let policies: BTreeMap<Uuid, Result<NamePolicy, Error>> = stream::iter(to_name)
            .map(
                |offering| async move { (offering, NamePolicy::read(&self.client, confirm, offering).await) },
            )
            .buffer_unordered(self.client.bulk_concurrency())
            .collect()
            .await;
        let policies = &policies;
        let work = |(task, account): (AccountTask, AgentAccount)| async move {
            let policy = policies.get(&account.offering_uuid).filter(|_| task == AccountTask::Name);
            let (result, error) = match is_over() {
                true => (AccountResult::NotBegun, None),
                false => self.take(task, &account, policy, confirm).await,
            };
            tracing::debug!(account = %account.uuid, %result, "an offering user was processed");
            ProcessedAccount { account, result }.into_item(error)
        };
        report.items = work_on_each(&self.client, listed, &self.on_account, work).await;
        self.look_again(&report.items);
        report
    }

    /// Lists the offering users that may have something to do for the provider. Those that are OK are listed
    /// only if they are due.
    async fn list(&self, offering: Uuid) -> Result<Rows<AgentAccount>, Error> {
        let with_ok = self.unnamed_due().get(&offering).is_none_or(|due| *due <= Instant::now());
        let states: Vec<_> = OPEN.into_iter().chain(with_ok.then_some(OfferingUserState::Ok)).collect();
        let list = self.client.marketplace_offering_users_list().offering_uuid([offering]).state(states);
        let rows = row::all(list.unread(), self.client.bulk_concurrency()).await?;
        if with_ok {
            self.unnamed_due().insert(offering, later(self.unnamed_interval));
        }
        Ok(rows)
    }

    fn unnamed_due(&self) -> MutexGuard<'_, HashMap<Uuid, Instant>> {
        self.unnamed_due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes those that are OK without a name due again if one of them may get its name in the next round.
    fn look_again(&self, accounts: &[Item<ProcessedAccount>]) {
        use AccountResult::{Erred, Failed, Held, InBackend, InProgress, NotBegun, Pending, Resting};
        for ProcessedAccount { account, result } in accounts.iter().map(|item| &item.target) {
            let is_left = matches!(
                result,
                Erred { .. }
                    | Failed { .. }
                    | Held
                    | InBackend { .. }
                    | InProgress
                    | NotBegun
                    | Pending { .. }
                    | Resting { .. }
            );
            if is_left && account.state == Some(OfferingUserState::Ok) {
                self.unnamed_due().remove(&account.offering_uuid);
            }
        }
    }

    /// Processes an offering user that is in no round.
    pub(super) async fn take_one(
        &self,
        task: AccountTask,
        account: &AgentAccount,
    ) -> (AccountResult, Option<Error>) {
        let outage = Outage::new(&self.client);
        let confirm = Confirm::new(&self.client).during(&outage);
        let confirm = confirm.within(self.client.retry_policy().max_elapsed);
        let policy = match task {
            AccountTask::Name => Some(NamePolicy::read(&self.client, confirm, account.offering_uuid).await),
            AccountTask::Remove => None,
        };
        self.take(task, account, policy.as_ref(), confirm).await
    }

    /// Processes an offering user if the provider names the accounts of its offering. Returns the result, and
    /// the error if there is one.
    async fn take(
        &self,
        task: AccountTask,
        account: &AgentAccount,
        policy: Option<&Result<NamePolicy, Error>>,
        confirm: Confirm<'_>,
    ) -> (AccountResult, Option<Error>) {
        match policy {
            Some(Err(error)) => (AccountResult::Held, Some(error.clone())),
            Some(Ok(NamePolicy::Other(policy))) => {
                (AccountResult::NotNamedByProvider { policy: Some(policy.clone()) }, None)
            }
            Some(Ok(NamePolicy::Unknown)) => (AccountResult::NotNamedByProvider { policy: None }, None),
            Some(Ok(NamePolicy::ServiceProvider)) | None => self.attempt(task, account, confirm).await,
        }
    }

    /// Processes an offering user, unless it is in progress or has to wait. Returns the result, and the error
    /// if there is one.
    async fn attempt(
        &self,
        task: AccountTask,
        account: &AgentAccount,
        confirm: Confirm<'_>,
    ) -> (AccountResult, Option<Error>) {
        let attempt = match self.ledger.begin(account.uuid, account.offering_uuid) {
            Begin::Begun(attempt) => attempt,
            Begin::InProgress => return (AccountResult::InProgress, None),
            Begin::After(again_in, Pause::Failed(error)) => {
                return (AccountResult::Resting { again_in }, Some(error));
            }
            Begin::After(again_in, Pause::InBackend) => return (AccountResult::InBackend { again_in }, None),
        };
        match AccountRun::new(&self.client, &self.usernames, confirm, account).process(task).await {
            Ok(Ended::Result(AccountResult::InBackend { again_in })) => {
                attempt.in_backend(again_in);
                (AccountResult::InBackend { again_in }, None)
            }
            Ok(Ended::Result(result)) => {
                attempt.ended();
                (result, None)
            }
            Ok(Ended::Erred(error)) => {
                let again_in = attempt.failed(self.backoff, None, &error);
                (AccountResult::Erred { message: error.to_string(), again_in }, Some(error))
            }
            // Not the offering user's failure.
            Err(error) if error.is_held_back() => (AccountResult::Held, Some(error)),
            Err(error) => {
                let again_in = attempt.failed(self.backoff, error.retry_after(), &error);
                (AccountResult::Failed { again_in }, Some(error))
            }
        }
    }
}
