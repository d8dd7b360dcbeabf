//! Rows in the order of their creation, found by uuid.

use std::collections::HashMap;

use uuid::Uuid;

use super::journal::Before;

/// A row of a [`Table`].
pub(crate) trait Row: Clone {
    fn uuid(&self) -> Uuid;
}

/// Rows in the order of their creation, found by uuid.
#[derive(Debug)]
pub(crate) struct Table<T> {
    rows: Vec<T>,
    index: HashMap<Uuid, usize>,
    /// The rows before their first change, while changes are recorded.
    before: Option<Before<T>>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), index: HashMap::new(), before: None }
    }
}

impl<T: Row> Table<T> {
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.rows.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.rows.iter_mut()
    }

    pub(crate) fn get(&self, uuid: Uuid) -> Option<&T> {
        self.index.get(&uuid).and_then(|&at| self.rows.get(at))
    }

    pub(crate) fn get_mut(&mut self, uuid: Uuid) -> Option<&mut T> {
        let row = self.index.get(&uuid).and_then(|&at| self.rows.get_mut(at));
        if let (Some(before), Some(row)) = (&mut self.before, &row) {
            note(before, uuid, || Some(T::clone(row)));
        }
        row
    }

    pub(crate) fn push(&mut self, row: T) {
        if let Some(before) = &mut self.before {
            note(before, row.uuid(), || None);
        }
        self.index.insert(row.uuid(), self.rows.len());
        self.rows.push(row);
    }

    pub(crate) fn remove(&mut self, uuid: Uuid) -> Option<T> {
        let removed = self.rows.remove(*self.index.get(&uuid)?);
        self.index = self.rows.iter().enumerate().map(|(at, row)| (row.uuid(), at)).collect();
        if let Some(before) = &mut self.before {
            note(before, uuid, || Some(removed.clone()));
        }
        Some(removed)
    }

    /// Begins to record changes, or stops.
    pub(super) fn record(&mut self, records: bool) {
        self.before = records.then(Vec::new);
    }

    /// Stops to record, and returns the rows that have changed as they were before.
    pub(super) fn take_changes(&mut self) -> Before<T> {
        self.before.take().unwrap_or_default()
    }

    /// Replaces rows by others, and the others by them. A row that comes back is the last.
    pub(super) fn exchange(&mut self, others: &mut Before<T>) {
        for (uuid, other) in others {
            *other = match (self.index.get(uuid).copied(), other.take()) {
                (Some(at), Some(row)) => self.rows.get_mut(at).map(|known| std::mem::replace(known, row)),
                (Some(_), None) => self.remove(*uuid),
                (None, row) => {
                    row.into_iter().for_each(|row| self.push(row));
                    None
                }
            };
        }
    }
}

/// Notes how a row was before its first change.
fn note<T>(before: &mut Before<T>, uuid: Uuid, row: impl FnOnce() -> Option<T>) {
    if !before.iter().any(|(known, _)| *known == uuid) {
        before.push((uuid, row()));
    }
}
