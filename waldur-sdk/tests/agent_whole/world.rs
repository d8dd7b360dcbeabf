//! A provider's back end in memory, for all loops, which logs what it really does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use waldur_sdk::agent::{
    AgentAccount, AgentResource, AppliedLimits, Backend, BackendError, Importable, ImportableResource,
    Limits, Measurements, Meter, MeteredResource, PeriodicLimits, PeriodicSettings, Provisioned,
    PulledResource, ResourceBackend, Task, UsernameAnswer, Usernames,
};
use waldur_sdk::membership::{ListedMember, Member, MembershipBackend, MembershipResource};
use waldur_sdk::{AccountName, BackendId, Decimal, Month, Uuid};

/// What the back end has.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The limits of each account.
    pub(crate) accounts: BTreeMap<String, Limits>,
    /// The members of each account.
    pub(crate) members: BTreeMap<String, BTreeSet<String>>,
    /// The name of each user's account.
    pub(crate) usernames: BTreeMap<Uuid, String>,
    /// The usage of each account.
    pub(crate) used: BTreeMap<String, Decimal>,
    /// What was changed, in this order.
    pub(crate) log: Vec<String>,
}

/// The back end. Nothing in it is idempotent: what is done twice shows in the log.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) state: Mutex<State>,
    /// An order says that it is inside, and waits until it may go on.
    pub(crate) hold: Mutex<Option<(Arc<Notify>, Arc<Notify>)>>,
    /// The calls that still panic.
    pub(crate) panics: Mutex<usize>,
}

impl World {
    /// A back end that has these accounts.
    pub(crate) fn with_accounts(names: impl IntoIterator<Item = String>) -> Self {
        let accounts = names.into_iter().map(|name| (name, Limits::new())).collect();
        Self { state: Mutex::new(State { accounts, ..State::default() }), ..Self::default() }
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.state.lock().unwrap().log.clone()
    }

    fn change(&self, entry: String, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap();
        change(&mut state);
        state.log.push(entry);
    }

    async fn enter(&self) {
        let hold = self.hold.lock().unwrap().take();
        if let Some((inside, go)) = hold {
            inside.notify_one();
            go.notified().await;
        }
    }
}

/// The id of a resource's account.
pub(crate) fn account_of(resource: Uuid) -> String {
    format!("hpc_{}", resource.simple())
}

impl Backend for World {
    async fn create(&self, task: &Task) -> Result<Provisioned, BackendError> {
        self.enter().await;
        let order = task.order();
        let account = account_of(order.resource_uuid);
        let is_there = self.state.lock().unwrap().accounts.contains_key(&account);
        if !is_there {
            self.change(format!("create {account}"), |state| {
                state.accounts.insert(account.clone(), order.limits.clone());
            });
        }
        Ok(Provisioned::new(account)?.limits(order.limits.clone()))
    }

    async fn update(&self, task: &Task, id: &BackendId) -> Result<(), BackendError> {
        let (account, limits) = (id.to_string(), task.order().limits.clone());
        if self.state.lock().unwrap().accounts.get(&account) != Some(&limits) {
            self.change(format!("update {account}"), |state| drop(state.accounts.insert(account, limits)));
        }
        Ok(())
    }

    async fn terminate(&self, _: &Task, id: &BackendId) -> Result<(), BackendError> {
        let account = id.to_string();
        let is_there = self.state.lock().unwrap().accounts.contains_key(&account);
        if is_there {
            self.change(format!("terminate {account}"), |state| {
                state.accounts.remove(&account);
                state.members.remove(&account);
            });
        }
        Ok(())
    }
}

impl MembershipBackend for World {
    type Error = String;

    async fn list(&self, resource: &MembershipResource) -> Result<Vec<ListedMember>, String> {
        let state = self.state.lock().unwrap();
        let members = state.members.get(resource.backend_id.as_str());
        Ok(members.into_iter().flatten().cloned().map(ListedMember::from).collect())
    }

    async fn add(&self, resource: &MembershipResource, member: &Member) -> Result<(), String> {
        let (account, user) = (resource.backend_id.to_string(), member.username.to_string());
        if !self.state.lock().unwrap().accounts.contains_key(&account) {
            return Err(format!("there is no account {account}"));
        }
        self.change(format!("add {user} to {account}"), |state| {
            state.members.entry(account).or_default().insert(user);
        });
        Ok(())
    }

    async fn remove(&self, resource: &MembershipResource, member: &Member) -> Result<(), String> {
        let account = resource.backend_id.to_string();
        if !self.state.lock().unwrap().accounts.contains_key(&account) {
            // It went with its account.
            return Ok(());
        }
        let user = member.username.to_string();
        self.change(format!("remove {user} from {account}"), |state| {
            state.members.entry(account).or_default().remove(&user);
        });
        Ok(())
    }
}

impl Usernames for World {
    async fn find(&self, account: &AgentAccount) -> Result<Option<AccountName>, BackendError> {
        let state = self.state.lock().unwrap();
        Ok(state.usernames.get(&account.user_uuid).map(|name| AccountName::new(name.as_str()).unwrap()))
    }

    async fn generate(&self, account: &AgentAccount) -> Result<UsernameAnswer, BackendError> {
        let name = format!("hpc_{}", account.user_username);
        self.change(format!("user {name}"), |state| {
            state.usernames.insert(account.user_uuid, name.clone());
        });
        UsernameAnswer::username(name)
    }

    async fn remove(&self, account: &AgentAccount, username: &AccountName) -> Result<(), BackendError> {
        self.change(format!("no user {username}"), |state| drop(state.usernames.remove(&account.user_uuid)));
        Ok(())
    }
}

impl Meter for World {
    async fn measure(&self, resources: &[MeteredResource], _: Month) -> Result<Measurements, BackendError> {
        {
            let mut panics = self.panics.lock().unwrap();
            if *panics > 0 {
                *panics -= 1;
                drop(panics);
                panic!("the accounting is broken");
            }
        }
        let state = self.state.lock().unwrap();
        let mut measured = Measurements::new();
        for resource in resources {
            if let Some(used) = state.used.get(resource.backend_id.as_str()) {
                measured.add(resource.uuid, "cpu", *used);
            }
        }
        Ok(measured)
    }
}

impl ResourceBackend for World {
    async fn pull(&self, _: &AgentResource, id: &BackendId) -> Result<PulledResource, BackendError> {
        match self.state.lock().unwrap().accounts.contains_key(id.as_str()) {
            true => Ok(PulledResource::new()),
            false => Err(BackendError::permanent(format!("there is no account {id}"))),
        }
    }
}

impl Importable for World {
    async fn list(&self, _: Uuid) -> Result<Vec<ImportableResource>, BackendError> {
        Ok(Vec::new())
    }
}

impl PeriodicLimits for World {
    async fn apply(
        &self,
        settings: &PeriodicSettings,
        id: &BackendId,
    ) -> Result<AppliedLimits, BackendError> {
        self.change(format!("fairshare {} of {id}", settings.fairshare().unwrap()), |_| {});
        Ok(AppliedLimits::new())
    }
}
