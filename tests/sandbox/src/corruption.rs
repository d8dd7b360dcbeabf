//! Rows that are odd on purpose.

use serde_json::Value;
use uuid::Uuid;

use crate::answer::{Answer, hex};
use crate::call::Call;

/// Which row of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Row {
    /// The one at this place of each answered page, from 0 on.
    At(usize),
    /// The one with this uuid, in lists and by itself.
    Uuid(Uuid),
    /// Each of them.
    Every,
}

impl From<usize> for Row {
    fn from(at: usize) -> Self {
        Self::At(at)
    }
}

impl From<Uuid> for Row {
    fn from(uuid: Uuid) -> Self {
        Self::Uuid(uuid)
    }
}

/// One field of one row with another value in the answers.
#[derive(Debug)]
pub(crate) struct Corruption {
    /// An operation or a collection.
    pub(crate) of: String,
    pub(crate) row: Row,
    pub(crate) field: String,
    /// None leaves the field out.
    pub(crate) value: Option<Value>,
}

impl Corruption {
    /// Changes the rows of an answer. `uuids` are those of the rows before any corruption changed them.
    fn strike(&self, call: &Call, uuids: &[Option<String>], answer: &mut Answer) {
        if !self.is_of(call) {
            return;
        }
        let asked: Vec<&str> =
            call.query.iter().filter(|(key, _)| key == "field").map(|(_, name)| name.as_str()).collect();
        if !asked.is_empty() && !asked.contains(&self.field.as_str()) {
            return;
        }
        let rows = match answer.body_mut() {
            Some(Value::Array(rows)) => rows.as_mut_slice(),
            Some(row) => std::slice::from_mut(row),
            None => return,
        };
        for ((at, row), uuid) in rows.iter_mut().enumerate().zip(uuids) {
            let struck = match self.row {
                Row::At(chosen) => at == chosen,
                Row::Uuid(chosen) => uuid.as_deref() == Some(hex(chosen).as_str()),
                Row::Every => true,
            };
            if let Some(row) = row.as_object_mut().filter(|_| struck) {
                match &self.value {
                    Some(value) => row.insert(self.field.clone(), value.clone()),
                    None => row.remove(&self.field),
                };
            }
        }
    }

    fn is_of(&self, call: &Call) -> bool {
        if call.operation.is_some_and(|operation| operation.id == self.of) {
            return true;
        }
        let path = call.path.trim_start_matches("/api/").trim_end_matches('/');
        path == self.of || path.rsplit_once('/').is_some_and(|(collection, _)| collection == self.of)
    }
}

/// Changes the rows of an answer.
pub(crate) fn strike(corruptions: &[Corruption], call: &Call, answer: &mut Answer) {
    if corruptions.is_empty() {
        return;
    }
    let uuids = uuids(call, answer);
    for corruption in corruptions {
        corruption.strike(call, &uuids, answer);
    }
}

/// The uuids of the rows of an answer before anything is changed.
fn uuids(call: &Call, answer: &Answer) -> Vec<Option<String>> {
    let text = |row: &Value| row.get("uuid").and_then(Value::as_str).map(str::to_owned);
    match answer.body() {
        Some(Value::Array(rows)) => rows.iter().map(text).collect(),
        // An object may be asked for without its uuid.
        Some(row) => vec![text(row).or_else(|| call.uuid().map(hex))],
        None => Vec::new(),
    }
}
