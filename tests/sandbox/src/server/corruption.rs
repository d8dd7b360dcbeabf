//! Rows of responses that are invalid on purpose.

use serde_json::Value;
use uuid::Uuid;

use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::wire::hex;

/// Selects rows of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Row {
    /// The row at this index of each page, from 0.
    At(usize),
    /// The row with this uuid, in lists and alone.
    Uuid(Uuid),
    /// Every row.
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

/// A replacement of one field in rows of responses.
#[derive(Debug)]
pub(crate) struct Corruption {
    /// An operation or a collection.
    pub(crate) of: String,
    pub(crate) row: Row,
    pub(crate) field: String,
    /// `None` removes the field.
    pub(crate) value: Option<Value>,
}

impl Corruption {
    /// Changes the rows of a response. `uuids` are the rows' uuids before any change.
    fn apply(&self, call: &Call, uuids: &[Option<String>], answer: &mut Answer) {
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
            let matches = match self.row {
                Row::At(chosen) => at == chosen,
                Row::Uuid(chosen) => uuid.as_deref() == Some(hex(chosen).as_str()),
                Row::Every => true,
            };
            if let Some(row) = row.as_object_mut().filter(|_| matches) {
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

/// Changes the rows of a response.
pub(crate) fn apply(corruptions: &[Corruption], call: &Call, answer: &mut Answer) {
    if corruptions.is_empty() {
        return;
    }
    let uuids = uuids(call, answer);
    for corruption in corruptions {
        corruption.apply(call, &uuids, answer);
    }
}

/// Returns the uuids of a response's rows before any change.
fn uuids(call: &Call, answer: &Answer) -> Vec<Option<String>> {
    let text = |row: &Value| row.get("uuid").and_then(Value::as_str).map(str::to_owned);
    match answer.body() {
        Some(Value::Array(rows)) => rows.iter().map(text).collect(),
        // A request may select an object's properties without its uuid.
        Some(row) => vec![text(row).or_else(|| call.uuid().map(hex))],
        None => Vec::new(),
    }
}
