//! The processor of the offering users of some offerings.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;
use waldur_api_client::{Client, Error};

use super::account::AgentAccount;
use super::backend::Usernames;
use super::report::{AccountResult, ProcessedAccount};
use crate::agent::ledger::{Backoff, Ledger};
#[cfg(feature = "events")]
use crate::agent::rounds::repeat_on_events;
use crate::agent::rounds::{OnItem, repeat, until_next};
use crate::agent::stop::StopHandle;
use crate::bulk::{Item, Report};
#[cfg(feature = "events")]
use crate::events::{Event, EventKind, Notification};
#[cfg(feature = "events")]
use crate::pause::check_again;
use crate::row;

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
/// - OK without a name: it gets one as above, and stays OK. Such offering users are looked for in the first
///   round and then [once an hour](Self::unnamed_interval), because all others are listed with them; in the
///   next round if one of them failed, or has something to do first.
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
/// A round takes a request for each offering (more pages of it if those that are OK are listed, too), and
/// another one for each with accounts to name. Each new account takes two, each deletion two. One that waits
/// for its user takes two when the user is told, and none while it waits.
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
    pub(super) client: Client,
    pub(super) offerings: Vec<Uuid>,
    pub(super) usernames: U,
    pub(super) backoff: Backoff,
    pub(in crate::agent) interval: Duration,
    pub(super) unnamed_interval: Duration,
    /// When those that are OK are listed next, by the offering.
    pub(super) unnamed_due: Mutex<HashMap<Uuid, Instant>>,
    pub(in crate::agent) on_account: OnItem<ProcessedAccount>,
    pub(super) ledger: Ledger,
    pub(super) stop: StopHandle,
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
            unnamed_interval: Duration::from_secs(3600),
            unnamed_due: Mutex::default(),
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
    ///
    /// A pause is shorter if a back end in progress is to be called earlier.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Sets how often offering users that are OK without a name are looked for. The default is an hour. All
    /// offering users are listed then, and in each round while one of them waits for its user.
    #[must_use]
    pub fn unnamed_interval(mut self, interval: Duration) -> Self {
        self.unnamed_interval = interval;
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

    /// Processes one offering user now, as a round does, such as after an event. It may be of any offering
    /// that the caller provides. It isn't processed twice at a time, even if a round takes it up meanwhile.
    /// (`marketplace_offering_users_retrieve`)
    ///
    /// # Errors
    /// If the offering user can't be read. All later failures are in the item.
    pub async fn process(&self, account: impl Into<Uuid>) -> Result<Item<ProcessedAccount>, Error> {
        let call = self.client.marketplace_offering_users_retrieve().uuid(account.into());
        let account: AgentAccount = row::retrieve(call).await?;
        let (result, error) = match account.task() {
            _ if self.stop.is_stopped() => (AccountResult::NotBegun, None),
            None => (AccountResult::NothingToDo, None),
            Some(task) => match self.usernames.ready().await {
                Err(error) => (AccountResult::Held, Some(error.into_error())),
                Ok(()) => self.take_one(task, &account).await,
            },
        };
        let item = ProcessedAccount { account, result }.into_item(error);
        self.on_account.call(&item);
        Ok(item)
    }

    /// Does round after round, until `until` ends (such as
    /// [`shutdown_signal`](crate::agent::shutdown_signal)) or the processor is stopped. No further offering
    /// user is begun then, and those in progress are finished. Calls `each` after each round.
    ///
    /// Dropping this future interrupts the offering users in progress. The next processor takes them up
    /// again.
    pub async fn run(&self, until: impl Future, each: impl FnMut(Report<ProcessedAccount>)) {
        let enough = AtomicBool::new(false);
        let pause = |report: &Report<ProcessedAccount>| until_next(self.interval, checks(report));
        repeat(pause, &enough, &self.stop, until, || self.round(&enough), each).await;
    }

    /// Returns the kinds of events to subscribe to for [`run_on_events`](Self::run_on_events).
    #[cfg(feature = "events")]
    #[must_use]
    pub fn event_kinds(&self) -> Vec<EventKind> {
        vec![EventKind::OfferingUser]
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
            AccountResult::InBackend { again_in } => Some(check_again(again_in)),
            AccountResult::Pending { .. } | AccountResult::InProgress => Some(self.interval),
            _ => None,
        });
        let failed = (!report.is_ok()).then_some(self.interval);
        pauses.chain(failed).min().map(|pause| pause.min(self.interval))
    }
}

/// Returns the times after which the back end is to be called again.
fn checks(report: &Report<ProcessedAccount>) -> impl Iterator<Item = Duration> {
    report.items.iter().filter_map(|item| match item.target.result {
        AccountResult::InBackend { again_in } => Some(again_in),
        _ => None,
    })
}
