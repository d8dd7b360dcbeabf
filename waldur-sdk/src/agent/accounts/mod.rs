//! The accounts of an offering's users: named, created and removed by the provider's back end.

mod account;
mod account_run;
mod backend;
mod policy;
mod processor;
mod report;
mod round;

pub use account::AgentAccount;
pub use backend::{UsernameAnswer, Usernames};
pub use processor::AccountsProcessor;
pub use report::{AccountResult, AccountResultKind, ProcessedAccount};
