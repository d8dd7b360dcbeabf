//! Two hours of accounts, with processes that die and a server that fails.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc::unbounded_channel;
use tokio::time::Instant;
use waldur_sandbox::{OfferingUserState as State, Sandbox};

use waldur_sdk::agent::{
    AccountResultKind as Kind, AccountsProcessor, AgentAccount, BackendError, ProcessedAccount,
    UsernameAnswer, Usernames,
};
use waldur_sdk::{AccountName, Report, RetryPolicy, Uuid};

use crate::accounts::{states, there};
use crate::common::client_builder;
use crate::hours::{Hours, MINUTE, disturb};

/// How many there are of each user.
const COPIES: usize = 4;

const USERS: &[(&str, State, &str)] = &[
    ("new", State::Requested, ""),
    ("begun", State::Creating, ""),
    ("slow", State::Requested, ""),
    ("linker", State::Requested, ""),
    ("waited", State::PendingAdditionalValidation, ""),
    ("erred", State::ErrorCreating, ""),
    ("quiet", State::Ok, ""),
    ("broken", State::Requested, ""),
    ("gone", State::RequestedDeletion, "hpc_gone"),
    ("going", State::Deleting, "hpc_going"),
    ("stays", State::ErrorDeleting, "hpc_stays"),
    ("ready", State::Ok, "other"),
];

/// A directory that is away at times, and in which some users have something to do.
#[derive(Clone)]
struct Directory {
    begun: Instant,
    accounts: Arc<Mutex<BTreeMap<Uuid, String>>>,
}

impl Directory {
    fn minute(&self) -> u64 {
        self.begun.elapsed().as_secs() / 60
    }
}

impl Usernames for Directory {
    async fn ready(&self) -> Result<(), BackendError> {
        match (5..10).contains(&self.minute()) {
            true => Err(BackendError::transient("maintenance")),
            false => Ok(()),
        }
    }

    async fn find(&self, account: &AgentAccount) -> Result<Option<AccountName>, BackendError> {
        match (20..25).contains(&self.minute()) {
            true => Err(BackendError::transient("no answer of the directory")),
            false => Ok(self
                .accounts
                .lock()
                .unwrap()
                .get(&account.user_uuid)
                .map(|name| AccountName::new(name.as_str()).unwrap())),
        }
    }

    async fn generate(&self, account: &AgentAccount) -> Result<UsernameAnswer, BackendError> {
        let user = account.user_username.as_str();
        match (user.trim_end_matches(char::is_numeric).trim_end_matches('-'), self.minute()) {
            ("broken", _) => return Err(BackendError::permanent("no such group")),
            ("slow", 0..40) => return Err(BackendError::in_progress(MINUTE * 7)),
            ("linker", 0..60) => return Ok(UsernameAnswer::account_linking("Link your account")),
            _ => {}
        }
        let name = format!("hpc_{user}");
        let before = self.accounts.lock().unwrap().insert(account.user_uuid, name.clone());
        assert_eq!(before, None, "{user} got a second account");
        UsernameAnswer::username(name)
    }

    async fn remove(&self, account: &AgentAccount, username: &AccountName) -> Result<(), BackendError> {
        assert!(["hpc_gone", "hpc_going", "hpc_stays"].contains(&username.as_str()), "{account}");
        Ok(())
    }
}

/// Runs an agent for two hours and returns the end state.
async fn two_hours(dice: Option<u64>) -> String {
    let builder = Sandbox::builder().orders(0).dice(dice.unwrap_or_default()).seed(|seed| {
        let offerings = seed.ids().offerings;
        for copy in 0..COPIES {
            for (at, (user, state, username)) in USERS.iter().enumerate() {
                let offering = if at % 2 == 0 { offerings.slurm } else { offerings.bulk };
                let person = seed.user(&format!("{user}-{copy}"), "Test", user);
                seed.offering_user(offering, person, username, *state);
            }
        }
    });
    let sandbox = builder.start().await.unwrap();
    // Each fault ends an attempt, and the next round goes on.
    let client = client_builder(&sandbox).retry(RetryPolicy::never()).build().unwrap();
    let offerings = [sandbox.ids().offerings.slurm, sandbox.ids().offerings.bulk];
    let mut hours = Hours::new(dice, 200);
    let directory = Directory { begun: Instant::now(), accounts: Arc::default() };
    for minute in [100, 120] {
        // The last twenty minutes are quiet.
        sandbox.clear_faults();
        if hours.is_disturbed() && minute < 120 {
            disturb(&sandbox);
        }
        while hours.minute() < minute {
            let processor = AccountsProcessor::new(&client, offerings, directory.clone()).interval(MINUTE);
            let (sender, mut rounds) = unbounded_channel();
            let each = |report: Report<ProcessedAccount>| {
                assert!(report.count(Kind::Erred) <= COPIES, "{report:#?}");
                let _ = sender.send(());
            };
            hours.live(processor.run(std::future::pending::<()>(), each), &mut rounds, minute).await;
            // Only those that can't be created, and those that were erred before.
            let erred = states(&sandbox).into_iter().filter(|state| *state == State::ErrorCreating);
            assert!(erred.count() <= 2 * COPIES, "{:?}", there(&sandbox));
        }
    }
    assert!(dice.is_none() || hours.restarts >= 3, "{hours:?}");
    format!("{:#?} {:#?}", there(&sandbox), directory.accounts.lock().unwrap().values())
}

#[tokio::test]
async fn two_hours_with_faults_and_restarts_end_as_quiet_ones() {
    let expected = two_hours(None).await;
    let count = |state: &str| expected.matches(&format!("{state},")).count();
    assert_eq!(
        (count("Ok"), count("Deleted"), count("ErrorCreating")),
        (8 * COPIES, 3 * COPIES, COPIES),
        "{expected}"
    );
    for dice in 0..3 {
        assert_eq!(two_hours(Some(dice)).await, expected, "{dice}");
    }
}
