//! Times of lists with all fields and with a few.

use std::time::Duration;

use super::lists::{FirstPage, Outcome};
use super::most_read::MOST_READ;
use super::visitor::Visitor;

/// The fields of the short measurement, if the list has them.
const FEW: [&str; 3] = ["uuid", "state", "name"];

/// The times of one page of a list.
#[derive(Clone, Debug)]
pub struct Times {
    /// The operation.
    pub list: &'static str,
    /// The number of items of the page.
    pub rows: usize,
    /// With all fields.
    pub all: Measured,
    /// With a few fields.
    pub few: Measured,
}

/// The median time of some exchanges, and the length of the last body.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// The median.
    pub time: Duration,
    /// The length of the body.
    pub bytes: usize,
    /// How often it was measured.
    pub exchanges: usize,
}

/// Measures the most read lists that have items, alternating between all fields and a few.
pub(super) async fn measure(visitor: &Visitor, lists: &[FirstPage]) -> Vec<Times> {
    let mut measured = Vec::new();
    for (id, _) in MOST_READ {
        let Some(page) = lists.iter().find(|page| page.list.operation.id == id) else { continue };
        let (Outcome::Read(read), Some(names)) = (&page.outcome, page.list.facts.fields) else { continue };
        if read.rows == 0 {
            continue;
        }
        let few: Vec<&str> = FEW.into_iter().filter(|name| names.contains(name)).collect();
        if let Some(times) = of_list(visitor, page, &few).await {
            measured.push(times);
        }
    }
    measured
}

async fn of_list(visitor: &Visitor, page: &FirstPage, few: &[&str]) -> Option<Times> {
    let size = ("page_size", visitor.settings.timed_page_size.to_string());
    let whole = vec![size.clone()];
    let projected: Vec<_> = few.iter().map(|name| ("field", (*name).to_owned())).chain([size]).collect();
    let mut series = [(whole, Vec::new(), 0), (projected, Vec::new(), 0)];
    let mut rows = 0;
    for _ in 0..visitor.settings.repeat {
        for (query, times, bytes) in &mut series {
            let seen = visitor.get(&page.path, query).await.ok().filter(|seen| seen.status.is_success())?;
            rows = serde_json::from_slice::<Vec<serde_json::Value>>(&seen.body).ok()?.len();
            times.push(seen.elapsed);
            *bytes = seen.body.len();
        }
    }
    let [all, few] =
        series.map(|(_, times, bytes)| Measured { exchanges: times.len(), time: median(times), bytes });
    (all.exchanges > 0).then_some(Times { list: page.list.operation.id, rows, all, few })
}

/// Returns the median; zero if there is none.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
