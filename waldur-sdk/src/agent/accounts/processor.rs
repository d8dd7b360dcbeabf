//! Rounds over the offering users of some offerings.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use uuid::Uuid;
use waldur_api_client::types::OfferingUserState;
use waldur_api_client::{Client, Error, ListExt as _};

use super::account::{AccountTask, AgentAccount};
use super::account_run::{AccountRun, Ended};
use super::backend::Usernames;
use super::policy::NamePolicy;
use super::report::{AccountResult, ProcessedAccount};
use crate::agent::ledger::{Backoff, Begin, Ledger, Pause};
#[cfg(feature = "events")]
use crate::agent::rounds::repeat_on_events;
use crate::agent::rounds::{OnItem, repeat};
use crate::agent::stop::StopHandle;
use crate::bulk::{Item, ListFailure, Report};
use crate::confirm::Confirm;
#[cfg(feature = "events")]
use crate::events::{Event, Notification};
use crate::outage::Outage;
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

/// Creates, names and removes the accounts of some offerings' users: passes the offering users to the
/// provider's [`Usernames`], and records the results in Waldur.
///
/// What a round does depends on the state of the offering user:
///
/// - Requested: it is set to Creating, then treated like one.
/// - Creating, Error creating, or pending: the back end looks for the account of the user, or creates it.
///   The offering user gets its name and becomes OK. If the user has something to do before, it becomes
///   Pending account linking or Pending additional validation, with a comment. If the back end fails
///   permanently, or the server refuses the name, it becomes Error creating.
/// - Requested deletion, or Error deleting: it is set to Deleting, then treated like one.
/// - Deleting: the back end removes the account, and the offering user becomes Deleted. If the back end fails
///   permanently, it becomes Error deleting.
///
/// Accounts are named only where the offering's `username_generation_policy` leaves that to the provider
/// (`service_provider`). With another policy, or if the server doesn't send it, nothing is named, and the
/// report says so ([`AccountResult::NotNamedByProvider`]). Deletions don't depend on it.
///
/// After a transient failure of the back end, or any failure of the server, the state stays as it is. The
/// offering user is tried again after a pause, which doubles with each failure; so is one that erred. States
/// in which an earlier process left an offering user are taken up like all others. Several offering users
/// are processed at once ([`ClientBuilder::bulk_concurrency`](crate::ClientBuilder::bulk_concurrency)), but
/// never the same one twice, even if rounds overlap. The processor doesn't know of processors in other
/// processes.
///
/// If an answer is lost, the offering user is read before anything is sent again. So a processor can be
/// interrupted anywhere, and the next one goes on. While the server fails, offering users wait for it to come
/// back, as long as the [retry policy](crate::RetryPolicy::max_elapsed) allows; after that, the rest of the
/// round is put off ([`AccountResult::Held`]).
///
/// A round takes a request for each offering, and another one for each with accounts to name. Each new
/// account takes two, each deletion two. One that waits for its user takes two when the user is told, and
/// none while it waits.
///
/// On servers of 2024 and before, offering users have no states: those without a name get one, there are no
/// deletions, and what the user has to do can't be recorded.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::collections::BTreeMap;
/// use std::sync::Mutex;
///
/// use waldur_sdk::agent::{AccountsProcessor, AgentAccount, BackendError, UsernameAnswer, Usernames};
/// use waldur_sdk::{AccountName, Client, Uuid};
///
/// #[derive(Default)]
/// struct Directory(Mutex<BTreeMap<Uuid, AccountName>>);
///
/// impl Usernames for Directory {
///     async fn find(&self, account: &AgentAccount) -> Result<Option<AccountName>, BackendError> {
///         Ok(self.0.lock().unwrap().get(&account.user_uuid).cloned())
///     }
///     async fn generate(&self, account: &AgentAccount) -> Result<UsernameAnswer, BackendError> {
///         if account.user_email.is_empty() {
///             let answer = UsernameAnswer::additional_validation("Please add an e-mail address");
///             return Ok(answer.with_url("https://hpc.example.org/help"));
///         }
///         let name = AccountName::new(format!("hpc_{}", account.user_username))?;
///         self.0.lock().unwrap().insert(account.user_uuid, name.clone());
///         Ok(name.into())
///     }
///     async fn remove(&self, account: &AgentAccount, _: &AccountName) -> Result<(), BackendError> {
///         self.0.lock().unwrap().remove(&account.user_uuid);
///         Ok(())
///     }
/// }
///
/// # use waldur_sandbox::{Actor, Sandbox};
/// # use waldur_sdk::ClientExt as _;
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
/// # let offering = sandbox.ids().offerings.slurm;
/// # client.provider().ensure_offering_user(sandbox.ids().users.bob, offering).await?;
/// let processor = AccountsProcessor::new(&client, [offering], Directory::default());
/// let report = processor.run_once().await;
/// println!("{report}"); // 1 applied
/// println!("{:?}", report.counts()); // {Ready: 1}
/// # assert_eq!(report.applied(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct AccountsProcessor<U> {
    client: Client,
    offerings: Vec<Uuid>,
    usernames: U,
    backoff: Backoff,
    interval: Duration,
    on_account: OnItem<ProcessedAccount>,
    ledger: Ledger,
    stop: StopHandle,
}

impl<U: Usernames> AccountsProcessor<U> {
    /// Returns a processor for the offering users of these offerings.
    pub fn new(client: &Client, offerings: impl IntoIterator<Item = Uuid>, usernames: U) -> Self {
        let mut seen = HashSet::new();
        Self {
            client: client.clone(),
            offerings: offerings.into_iter().filter(|offering| seen.insert(*offering)).collect(),
            usernames,
            backoff: Backoff { first: Duration::from_secs(10), longest: Duration::from_secs(600) },
            interval: Duration::from_secs(60),
            on_account: OnItem::default(),
            ledger: Ledger::default(),
            stop: StopHandle::new(),
        }
    }

    /// Sets the pause after the first failure of an offering user, and the longest one. The defaults are 10 s
    /// and 10 min. A pause is longer if the server asks for that.
    #[must_use]
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.backoff = Backoff { first, longest };
        self
    }

    /// Sets the pause of [`run`](Self::run) between two rounds. The default is a minute.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Calls `on_account` with each offering user as soon as the round is through with it, in the order in
    /// which that happens. It is called between requests and must not block.
    #[must_use]
    pub fn on_account(
        mut self,
        on_account: impl Fn(&Item<ProcessedAccount>) + Send + Sync + 'static,
    ) -> Self {
        self.on_account = OnItem::new(on_account);
        self
    }

    /// Returns the back end.
    pub fn usernames(&self) -> &U {
        &self.usernames
    }

    /// Returns a handle that stops this processor.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// Does one round: lists the offering users for which the provider has something to do, and processes
    /// each as far as possible. All failures are in the report.
    pub async fn run_once(&self) -> Report<ProcessedAccount> {
        self.round(&AtomicBool::new(false)).await
    }

    /// Does round after round, until `until` ends (such as
    /// [`shutdown_signal`](crate::agent::shutdown_signal)) or the processor is stopped. No further offering
    /// user is begun then, and those in progress are finished. Calls `each` after each round.
    ///
    /// Dropping this future interrupts the offering users in progress. The next processor takes them up
    /// again.
    pub async fn run(&self, until: impl Future, each: impl FnMut(Report<ProcessedAccount>)) {
        let enough = AtomicBool::new(false);
        repeat(self.interval, &enough, &self.stop, until, || self.round(&enough), each).await;
    }

    /// Does a round when events ask for it, until `until` ends, the processor is stopped, or the stream ends:
    /// shortly after an event of an offering user, which is acknowledged at once, and when
    /// [`Notification::Reconcile`] says so. While something is left to do,
    /// such as after a failure or for a user who has to do something first, rounds are repeated after the
    /// [interval](Self::interval), or earlier if a back end in progress requests it. Otherwise like
    /// [`run`](Self::run).
    #[cfg(feature = "events")]
    pub async fn run_on_events(
        &self,
        events: impl futures_util::Stream<Item = Notification>,
        until: impl Future,
        each: impl FnMut(Report<ProcessedAccount>),
    ) {
        let matters = |offering: Uuid, event: &Event| {
            self.offerings.contains(&offering) && matches!(event, Event::OfferingUser(_))
        };
        let pause = |report: &Report<ProcessedAccount>| self.pause(report);
        let enough = AtomicBool::new(false);
        let round = || self.round(&enough);
        repeat_on_events(pause, &enough, &self.stop, events, matters, until, round, each).await;
    }

    /// Returns when the next round is due after this one; none if nothing is left to do.
    #[cfg(feature = "events")]
    fn pause(&self, report: &Report<ProcessedAccount>) -> Option<Duration> {
        let pauses = report.items.iter().filter_map(|item| match item.target.result {
            AccountResult::InBackend { again_in } => Some(again_in.max(Duration::from_secs(1))),
            AccountResult::Pending { .. } | AccountResult::InProgress => Some(self.interval),
            _ => None,
        });
        let failed = (!report.is_ok()).then_some(self.interval);
        pauses.chain(failed).min().map(|pause| pause.min(self.interval))
    }

    async fn round(&self, enough: &AtomicBool) -> Report<ProcessedAccount> {
        let mut report = Report::default();
        let is_over = || enough.load(Ordering::Relaxed) || self.stop.is_stopped();
        if is_over() {
            return report;
        }
        let is_over = &is_over;
        let mut listed = Vec::new();
        let lists = join_all(self.offerings.iter().map(|offering| self.list(*offering))).await;
        for (offering, list) in self.offerings.iter().zip(lists) {
            match list {
                Ok(rows) => {
                    let (accounts, unreadable) = rows.into_parts();
                    let readable = accounts.iter().map(|account| Some(account.uuid));
                    // An unreadable row may be any if it has no uuid.
                    let open: Option<_> = readable.chain(unreadable.iter().map(|row| row.uuid)).collect();
                    if let Some(open) = open {
                        self.ledger.keep(*offering, &open);
                    }
                    // A server that doesn't know a filter ignores it.
                    let accounts = accounts.into_iter().filter(|one| one.offering_uuid == *offering);
                    listed.extend(accounts.filter_map(|account| Some((account.task()?, account))));
                    report.unreadable.extend(unreadable);
                }
                Err(error) => report.unlisted.push(ListFailure { offering_uuid: *offering, error }),
            }
        }
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
        let mut working = stream::iter(listed.into_iter().enumerate())
            .map(|(index, (task, account))| async move {
                let policy = policies.get(&account.offering_uuid).filter(|_| task == AccountTask::Name);
                let (result, error) = match policy {
                    _ if is_over() => (AccountResult::NotBegun, None),
                    Some(Err(error)) => (AccountResult::Held, Some(error.clone())),
                    Some(Ok(NamePolicy::Other(policy))) => {
                        (AccountResult::NotNamedByProvider { policy: Some(policy.clone()) }, None)
                    }
                    Some(Ok(NamePolicy::Unknown)) => {
                        (AccountResult::NotNamedByProvider { policy: None }, None)
                    }
                    Some(Ok(NamePolicy::ServiceProvider)) | None => {
                        self.process(task, &account, confirm).await
                    }
                };
                tracing::debug!(account = %account.uuid, %result, "an offering user was processed");
                (index, ProcessedAccount { account, result }.into_item(error))
            })
            .buffer_unordered(self.client.bulk_concurrency());
        let mut accounts = Vec::new();
        while let Some((index, account)) = working.next().await {
            self.on_account.call(&account);
            accounts.push((index, account));
        }
        accounts.sort_unstable_by_key(|(index, _)| *index);
        report.items = accounts.into_iter().map(|(_, account)| account).collect();
        report
    }

    async fn list(&self, offering: Uuid) -> Result<Rows<AgentAccount>, Error> {
        let list = self.client.marketplace_offering_users_list().offering_uuid([offering]).state(OPEN);
        row::all(list.into_request(), self.client.bulk_concurrency()).await
    }

    /// Processes an offering user. Returns the result, and the error if there is one.
    async fn process(
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
