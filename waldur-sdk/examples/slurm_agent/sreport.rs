//! Usage, by `sreport`.

use waldur_sdk::{Decimal, Month};

use crate::command::{CommandError, Program};

/// How many accounts are passed to one command: the length of a command line is limited.
const ACCOUNTS: usize = 1000;

/// The usage of a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Sreport {
    pub(crate) program: Program,
    pub(crate) cluster: String,
}

/// A line of the report.
#[derive(Debug)]
pub(crate) struct Used {
    pub(crate) account: String,
    /// Empty in the line of the account itself.
    pub(crate) user: String,
    pub(crate) tres: String,
    pub(crate) minutes: Decimal,
}

impl Sreport {
    /// Returns the TRES-minutes of these accounts and their users in a month.
    pub(crate) async fn usage(
        &self,
        accounts: &[&str],
        tres: &[&str],
        month: Month,
    ) -> Result<Vec<Used>, CommandError> {
        let mut used = Vec::new();
        for accounts in accounts.chunks(ACCOUNTS) {
            let arguments = [
                "--noheader".to_owned(),
                "--parsable2".to_owned(),
                "-t".to_owned(),
                "minutes".to_owned(),
                format!("--tres={}", tres.join(",")),
                "cluster".to_owned(),
                "AccountUtilizationByUser".to_owned(),
                format!("cluster={}", self.cluster),
                format!("accounts={}", accounts.join(",")),
                format!("start={}", month.first_day()),
                format!("end={}", month.next().first_day()),
                "format=Account,Login,TresName,Used".to_owned(),
            ];
            let printed = self.program.run(&arguments).await?;
            used.extend(printed.read('|', |[account, user, tres, minutes]| {
                let minutes = minutes.parse().map_err(|_| "the amount is not a number")?;
                let (account, user, tres) = (account.to_owned(), user.to_owned(), tres.to_owned());
                Ok(Used { account, user, tres, minutes })
            })?);
        }
        Ok(used)
    }
}
