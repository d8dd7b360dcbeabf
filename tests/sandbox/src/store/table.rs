//! Rows in the order of their creation, found by uuid.

use std::collections::HashMap;

use uuid::Uuid;

/// A row of a [`Table`].
pub(crate) trait Row {
    fn uuid(&self) -> Uuid;
}

/// Rows in the order of their creation, found by uuid.
#[derive(Debug)]
pub(crate) struct Table<T> {
    rows: Vec<T>,
    index: HashMap<Uuid, usize>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), index: HashMap::new() }
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
        self.index.get(&uuid).and_then(|&at| self.rows.get_mut(at))
    }

    pub(crate) fn push(&mut self, row: T) {
        self.index.insert(row.uuid(), self.rows.len());
        self.rows.push(row);
    }

    pub(crate) fn remove(&mut self, uuid: Uuid) {
        self.rows.retain(|row| row.uuid() != uuid);
        self.index = self.rows.iter().enumerate().map(|(at, row)| (row.uuid(), at)).collect();
    }
}
