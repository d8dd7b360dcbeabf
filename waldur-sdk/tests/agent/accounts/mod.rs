//! The accounts of offering users, on the sandbox.

mod events;
mod faults;
mod interrupted;
mod odd_users;
mod one_account;
mod pending;
mod rounds;
mod two_hours;
mod unnamed;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use waldur_sandbox::{OfferingUserState as State, Release, Sandbox};
use waldur_sdk::agent::{
    AccountResultKind as Kind, AccountsProcessor, AgentAccount, BackendError, ProcessedAccount,
    UsernameAnswer, Usernames,
};
use waldur_sdk::api::Method;
use waldur_sdk::{AccountName, Client, Report, Uuid};

use crate::common::{client_builder, quick};

const ACCOUNTS: &str = "marketplace-offering-users";

/// What the tests' own directory holds.
#[derive(Default)]
struct World {
    /// The name of the account by its user.
    accounts: BTreeMap<Uuid, String>,
    /// The user in Waldur of each account that was made or removed, in that order.
    made: Vec<String>,
    removed: Vec<String>,
    calls: usize,
}

/// The account of `alice` is called `hpc_alice`. What the users' names in Waldur begin with decides the rest.
#[derive(Clone, Default)]
struct Directory {
    world: Arc<Mutex<World>>,
    /// What a user whose name begins with `linker` or `checker` is told; nothing once they did it.
    comment: Arc<Mutex<Option<(&'static str, &'static str)>>>,
    /// Whether the directory says that it can't work.
    is_away: Arc<AtomicBool>,
}

impl Directory {
    fn told(self, text: &'static str, url: &'static str) -> Self {
        *self.comment.lock().unwrap() = Some((text, url));
        self
    }

    fn fails(&self, account: &AgentAccount) -> Result<(), BackendError> {
        self.world.lock().unwrap().calls += 1;
        match account.user_username.as_str() {
            name if name.starts_with("broken") => Err(BackendError::permanent("no such group")),
            name if name.starts_with("queued") => Err(BackendError::in_progress(Duration::from_secs(3600))),
            name if name.starts_with("flaky") => Err(BackendError::transient("no answer of the directory")),
            _ => Ok(()),
        }
    }
}

impl Usernames for Directory {
    async fn ready(&self) -> Result<(), BackendError> {
        match self.is_away.load(Ordering::Relaxed) {
            true => Err(BackendError::transient("the directory is away")),
            false => Ok(()),
        }
    }

    async fn find(&self, account: &AgentAccount) -> Result<Option<AccountName>, BackendError> {
        self.fails(account)?;
        let world = self.world.lock().unwrap();
        Ok(world.accounts.get(&account.user_uuid).map(|name| AccountName::new(name.as_str()).unwrap()))
    }

    async fn generate(&self, account: &AgentAccount) -> Result<UsernameAnswer, BackendError> {
        let user = account.user_username.as_str();
        let comment = *self.comment.lock().unwrap();
        match comment {
            Some((text, url)) if user.starts_with("linker") => {
                return Ok(UsernameAnswer::account_linking(text).with_url(url));
            }
            Some((text, url)) if user.starts_with("checker") => {
                return Ok(UsernameAnswer::additional_validation(text).with_url(url));
            }
            _ => {}
        }
        let mut world = self.world.lock().unwrap();
        let name = match user.starts_with("long") {
            true => "x".repeat(101),
            false => format!("hpc_{user}"),
        };
        world.accounts.insert(account.user_uuid, name.clone());
        world.made.push(user.to_owned());
        UsernameAnswer::username(name)
    }

    async fn remove(&self, account: &AgentAccount, username: &AccountName) -> Result<(), BackendError> {
        self.fails(account)?;
        let mut world = self.world.lock().unwrap();
        world.accounts.retain(|_, name| *username != name.as_str());
        world.removed.push(username.to_string());
        Ok(())
    }
}

fn client(sandbox: &Sandbox) -> Client {
    client_builder(sandbox).retry(quick()).build().unwrap()
}

fn processor(sandbox: &Sandbox, directory: &Directory) -> AccountsProcessor<Directory> {
    processor_of(&client(sandbox), sandbox, directory)
}

fn processor_of(client: &Client, sandbox: &Sandbox, directory: &Directory) -> AccountsProcessor<Directory> {
    let offerings = sandbox.ids().offerings;
    AccountsProcessor::new(client, [offerings.slurm, offerings.bulk], directory.clone())
        .backoff(Duration::ZERO, Duration::ZERO)
}

/// A user of each of these names, with an account in this state and of this name, at two offerings in turn.
async fn sandbox_with(users: &'static [(&'static str, State, &'static str)]) -> Sandbox {
    sandbox_of(Release::Schema, users).await
}

async fn sandbox_of(release: Release, users: &'static [(&'static str, State, &'static str)]) -> Sandbox {
    let builder = Sandbox::builder().release(release).orders(0).seed(move |seed| {
        let offerings = seed.ids().offerings;
        for (at, (user, state, username)) in users.iter().enumerate() {
            let offering = if at % 2 == 0 { offerings.slurm } else { offerings.bulk };
            let user = seed.user(user, "Test", user);
            seed.offering_user(offering, user, username, *state);
        }
    });
    builder.start().await.unwrap()
}

/// One of each state that the provider has to do something about, and two that are done.
const OF_EACH: &[(&str, State, &str)] = &[
    ("new", State::Requested, ""),
    ("begun", State::Creating, ""),
    ("named", State::Creating, "hpc_named"),
    ("linker", State::PendingAccountLinking, ""),
    ("checker", State::PendingAdditionalValidation, "hpc_checker"),
    ("erred", State::ErrorCreating, ""),
    ("gone", State::RequestedDeletion, "hpc_gone"),
    ("going", State::Deleting, "hpc_going"),
    ("stays", State::ErrorDeleting, "hpc_stays"),
    ("unnamed", State::RequestedDeletion, ""),
    ("ready", State::Ok, "other"),
    ("deleted", State::Deleted, "former"),
];

const NEW: &[(&str, State, &str)] = &[("new", State::Requested, "")];

/// The state and the name of each account, by their place in the seed. Alice's, which all sandboxes have, is
/// left out.
fn there(sandbox: &Sandbox) -> Vec<(State, String)> {
    let alice = sandbox.ids().users.alice;
    let rows = sandbox.offering_users().into_iter().filter(|row| row.user != alice);
    rows.map(|row| (row.state, row.username)).collect()
}

fn states(sandbox: &Sandbox) -> Vec<State> {
    there(sandbox).into_iter().map(|(state, _)| state).collect()
}

/// The uuid of the account in this place of the seed.
fn uuid_at(sandbox: &Sandbox, place: usize) -> Uuid {
    let alice = sandbox.ids().users.alice;
    sandbox.offering_users().into_iter().filter(|row| row.user != alice).nth(place).unwrap().uuid
}

/// The comment for the user of an account, and its address.
async fn comment(client: &Client, account: Uuid) -> (String, String) {
    let path = format!("/api/{ACCOUNTS}/{}/", account.simple());
    let response = client.request(Method::GET, path).send().await.unwrap();
    let row: Value = response.json().unwrap();
    let text = |field: &str| row[field].as_str().unwrap().to_owned();
    (text("service_provider_comment"), text("service_provider_comment_url"))
}

fn kinds(report: &Report<ProcessedAccount>) -> Vec<Kind> {
    report.items.iter().map(|item| item.target.result.kind()).collect()
}
