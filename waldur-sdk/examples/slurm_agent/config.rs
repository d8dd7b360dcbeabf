//! The configuration file.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use waldur_sdk::{Decimal, Uuid};

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
    /// The components of the offering, by their type.
    pub(crate) components: BTreeMap<String, Component>,
}

/// How often each loop does a round, in seconds.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Intervals {
    pub(crate) orders: u64,
    pub(crate) membership: u64,
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
    pub(crate) sacctmgr: PathBuf,
    pub(crate) sreport: PathBuf,
    /// How long a command may take, in seconds.
    pub(crate) timeout: u64,
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
        let Intervals { orders, membership, usage } = self.intervals;
        if !self.health.ip().is_loopback() {
            return Err(format!("health: {} is not on the loopback interface", self.health));
        }
        if [orders, membership, usage, self.slurm.timeout].contains(&0) {
            return Err("intervals and the timeout must not be 0".to_owned());
        }
        // Arguments of the commands are lists at commas, and keys at equals signs.
        let tres = self.components.values().map(|component| ("tres", component.tres.as_str()));
        let names = [
            ("cluster", self.slurm.cluster.as_str()),
            ("parent_account", &self.slurm.parent_account),
            ("account_prefix", &self.slurm.account_prefix),
        ];
        for (key, name) in names.into_iter().chain(tres) {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
            if name.is_empty() || !name.chars().all(is_plain) {
                return Err(format!("{key}: {name:?} must consist of letters, digits and any of -_./:"));
            }
        }
        match self.components.iter().find(|(_, component)| component.factor <= Decimal::ZERO) {
            Some((type_, _)) => Err(format!("components.{type_}: the factor must be greater than 0")),
            None => Ok(()),
        }
    }
}
