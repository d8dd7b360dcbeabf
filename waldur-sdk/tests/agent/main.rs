//! The loops of agents, each on the sandbox. Whole agents are in `agent_whole`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accounts;
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/hours.rs"]
mod hours;
mod imports;
#[path = "../events/line.rs"]
mod line;
mod membership;
mod orders;
mod periodic_limits;
mod resources;
mod usage;
