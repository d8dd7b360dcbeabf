//! What the rounds of processors have in common: what each offering has is listed, and processed.

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use uuid::Uuid;
use waldur_api_client::{Client, Error};

use super::backend::BackendError;
use super::ledger::Ledger;
use crate::bulk::{Item, ListFailure, Report};
use crate::on_item::OnItem;
use crate::row::Rows;

/// Returns the report of a round that was skipped because the back end isn't ready.
pub(super) fn not_ready<P>(offerings: &[Uuid], error: BackendError) -> Report<P> {
    let error = error.into_error();
    let unlisted = |offering: &Uuid| ListFailure { offering_uuid: *offering, error: error.clone() };
    Report { unlisted: offerings.iter().map(unlisted).collect(), ..Report::default() }
}

/// Lists what each offering has, all offerings at once. Returns the rows, each with its offering; what can't
/// be listed or read is added to `report`. The ledger forgets what isn't listed any more.
pub(super) async fn list_each<T, P, F>(
    offerings: &[Uuid],
    ledger: &Ledger,
    report: &mut Report<P>,
    list: impl Fn(Uuid) -> F,
    uuid_of: impl Fn(&T) -> Uuid,
) -> Vec<(Uuid, T)>
where
    F: Future<Output = Result<Rows<T>, Error>>,
{
    let mut listed = Vec::new();
    let lists = join_all(offerings.iter().map(|offering| list(*offering))).await;
    for (offering, list) in offerings.iter().zip(lists) {
        match list {
            Ok(rows) => {
                let (rows, unreadable) = rows.into_parts();
                let readable = rows.iter().map(|row| Some(uuid_of(row)));
                // An unreadable row is still there. One without a uuid may be any.
                let there: Option<_> = readable.chain(unreadable.iter().map(|row| row.uuid)).collect();
                if let Some(there) = there {
                    ledger.keep(*offering, &there);
                }
                listed.extend(rows.into_iter().map(|row| (*offering, row)));
                report.unreadable.extend(unreadable);
            }
            Err(error) => report.unlisted.push(ListFailure { offering_uuid: *offering, error }),
        }
    }
    listed
}

/// Works on several of `listed` at a time. Calls `on_item` in the order in which they end, and returns the
/// items in the order of `listed`.
pub(super) async fn work_on_each<T, P, F>(
    client: &Client,
    listed: Vec<T>,
    on_item: &OnItem<P>,
    work: impl Fn(T) -> F,
) -> Vec<Item<P>>
where
    F: Future<Output = Item<P>>,
{
    let work = &work;
    let mut working = stream::iter(listed.into_iter().enumerate())
        .map(|(index, row)| async move { (index, work(row).await) })
        .buffer_unordered(client.bulk_concurrency());
    let mut items = Vec::new();
    while let Some((index, item)) = working.next().await {
        on_item.call(&item);
        items.push((index, item));
    }
    items.sort_unstable_by_key(|(index, _)| *index);
    items.into_iter().map(|(_, item)| item).collect()
}
