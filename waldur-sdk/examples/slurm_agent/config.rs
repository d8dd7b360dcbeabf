//! The configuration file.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use waldur_sdk::{Decimal, Uuid};

use crate::sacctmgr::is_name;
use crate::tres::whole_minutes;

/// The settings of the agent. Unknown keys are refused, so that a misspelt one shows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The offering that is served.
    pub(crate) offering: Uuid,
    /// The name of the agent in Waldur.
    pub(crate) name: String,
    /// The address of the health endpoint, on the loopback interface.
    pub(crate) health: SocketAddr,
    /// Whether to go by events instead of intervals.
    #[serde(default)]
    pub(crate) events: bool,
    pub(crate) intervals: Intervals,
    pub(crate) slurm: Slurm,
    /// How the accounts of users are found. Without it, the agent leaves them alone.
    pub(crate) usernames: Option<Usernames>,
    /// The components of the offering, by their type.
    pub(crate) components: BTreeMap<String, Component>,
}

/// How often each loop does a round, in seconds.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Intervals {
    pub(crate) orders: u64,
    pub(crate) membership: u64,
    pub(crate) accounts: u64,
    pub(crate) resources: u64,
    pub(crate) usage: u64,
}

/// The cluster.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Slurm {
    /// The name of the cluster in SLURM's database.
    pub(crate) cluster: String,
    /// The account below which those of the resources are made.
    pub(crate) parent_account: String,
    /// What the names of the accounts begin with. The uuid of the resource follows.
    pub(crate) account_prefix: String,
    /// The only QOS of an account whose resource is downscaled.
    pub(crate) downscaled_qos: String,
    pub(crate) sacctmgr: PathBuf,
    pub(crate) sreport: PathBuf,
    pub(crate) scancel: PathBuf,
    /// How long a command may take, in seconds.
    pub(crate) timeout: u64,
}

/// The accounts of users.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Usernames {
    pub(crate) from: NameFrom,
    /// The lowest uid of a person.
    pub(crate) lowest_uid: u32,
    /// The page that says how people get an account.
    pub(crate) help: String,
    pub(crate) getent: PathBuf,
    /// How long a command may take, in seconds.
    pub(crate) timeout: u64,
}

/// What the name of a user's account is made from.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NameFrom {
    /// The part before the `@` of an e-mail address of this domain.
    Email(String),
    /// The first letter of the full name, and what follows its first space. The account must have the full
    /// name.
    FullName,
}

/// A component and what it is in SLURM.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Component {
    /// The trackable resource, such as `cpu` or `gres/gpu`.
    pub(crate) tres: String,
    /// How many TRES-minutes are one unit of the component.
    pub(crate) factor: Decimal,
}

impl Component {
    /// Returns the TRES-minutes of a limit; none if SLURM can't have that limit.
    pub(crate) fn minutes(&self, limit: Decimal) -> Option<Decimal> {
        whole_minutes(limit.checked_mul(self.factor)?)
    }
}

impl Config {
    /// Reads and checks a file.
    pub(crate) fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        let named = |problem: String| format!("{}: {problem}", path.display());
        let text = fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
        let config: Self = toml::from_str(&text).map_err(|error| named(error.to_string()))?;
        config.check().map_err(named)?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        let Intervals { orders, membership, accounts, resources, usage } = self.intervals;
        if !self.health.ip().is_loopback() {
            return Err(format!("health: {} is not on the loopback interface", self.health));
        }
        let timeouts = self.usernames.iter().map(|usernames| usernames.timeout).chain([self.slurm.timeout]);
        if timeouts.chain([orders, membership, accounts, resources, usage]).any(|time| time == 0) {
            return Err("intervals and timeouts must not be 0".to_owned());
        }
        let names = [
            ("cluster", &self.slurm.cluster),
            ("parent_account", &self.slurm.parent_account),
            ("account_prefix", &self.slurm.account_prefix),
            ("downscaled_qos", &self.slurm.downscaled_qos),
        ];
        if let Some((key, name)) = names.into_iter().find(|(_, name)| !is_name(name)) {
            // SLURM writes names in lower case, so it would not show the one that is configured.
            return Err(format!("slurm.{key}: {name:?} must consist of a-z, 0-9 and any of -_.@"));
        }
        for (type_, Component { tres, .. }) in &self.components {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
            if tres.is_empty() || !tres.chars().all(is_plain) {
                let problem = "must consist of letters, digits and any of -_./:";
                return Err(format!("components.{type_}: the tres {tres:?} {problem}"));
            }
        }
        let help = self.usernames.as_ref().map(|usernames| usernames.help.as_str());
        if help.is_some_and(|help| !help.starts_with("https://") && !help.starts_with("http://")) {
            return Err("usernames.help: it must be the address of a page".to_owned());
        }
        match self.components.iter().find(|(_, component)| component.factor <= Decimal::ZERO) {
            Some((type_, _)) => Err(format!("components.{type_}: the factor must be greater than 0")),
            None => Ok(()),
        }
    }
}
