//! Ending jobs, by `scancel`.

use crate::command::{CommandError, Program};
use crate::sacctmgr::named;

/// The jobs of a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Scancel {
    pub(crate) program: Program,
    pub(crate) cluster: String,
}

impl Scancel {
    /// Cancels the jobs of an account, or of one user of it. Those that run end some seconds later.
    pub(crate) async fn cancel(&self, account: &str, user: Option<&str>) -> Result<(), CommandError> {
        let mut arguments =
            vec![format!("--clusters={}", self.cluster), format!("--{}", named("account", account)?)];
        if let Some(user) = user {
            arguments.push(format!("--{}", named("user", user)?));
        }
        let printed = self.program.run(&arguments).await?;
        if printed.is_success() { Ok(()) } else { Err(printed.fail()) }
    }
}
