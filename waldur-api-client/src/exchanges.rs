//! Every operation with the types of its body and its answer as functions, for programs that handle traffic
//! which others recorded. Behind the feature `exchanges`, since it makes every model part of a program.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::call::Operation;
use crate::wire::{DecodeError, Decoded, TypeMismatch, Wire, decode_noting_unknown};

pub use crate::generated::exchanges::{ALL, LISTS, MODELS, PATHS};

/// An answer that was read through its type.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// What the type holds of it, written again.
    pub value: Value,
    /// The values that didn't fit, which the type doesn't hold.
    pub misfits: Vec<TypeMismatch>,
    /// The paths of the fields that the type doesn't have.
    pub unknown: Vec<String>,
}

/// A body that was written through its type.
#[derive(Clone, Debug, Default)]
pub struct Writing {
    /// What would be sent.
    pub value: Value,
    /// The paths of the fields that the type doesn't have, which are left out.
    pub unknown: Vec<String>,
}

/// Reads an answer.
pub type ReadAnswer = fn(&[u8]) -> Result<Reading, DecodeError>;

/// Writes a body that was recorded as JSON.
pub type WriteBody = fn(&Value) -> Result<Writing, serde_path_to_error::Error<serde_json::Error>>;

/// How the answer of an operation is read.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// It has no body that matters.
    Empty,
    /// It is handed over as it comes.
    Raw,
    /// It is read; a body that can't be read is an error.
    Json(ReadAnswer),
    /// It is read; a body that can't be read, or none, is no error, since the call has happened.
    Optional(ReadAnswer),
}

/// What a parameter of a path takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// A UUID, with dashes or without.
    Uuid,
    /// An integer.
    Integer,
    /// Any text that isn't empty.
    Text,
}

impl Parameter {
    /// Whether it takes `text`.
    #[must_use]
    pub fn takes(self, text: &str) -> bool {
        match self {
            Self::Uuid => uuid::Uuid::try_parse(text).is_ok(),
            Self::Integer => text.parse::<i64>().is_ok(),
            Self::Text => !text.is_empty(),
        }
    }
}

/// An operation and its types.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// The operation.
    pub operation: &'static Operation,
    /// The parameters of its path.
    pub parameters: &'static [(&'static str, Parameter)],
    /// How its body is written, where it has one.
    pub body: Option<WriteBody>,
    /// How its answer is read.
    pub answer: Answer,
}

/// A model that is received.
#[derive(Clone, Copy, Debug)]
pub struct ReceivedModel {
    /// Its name in the schema.
    pub name: &'static str,
    /// The names of its fields on the wire.
    pub fields: &'static [&'static str],
    /// Whether it keeps other fields as well.
    pub keeps_additional: bool,
    /// Reads one.
    pub read: ReadAnswer,
    /// Reads a list of them, which is a page.
    pub read_page: ReadAnswer,
}

/// An operation that is a list.
#[derive(Clone, Copy, Debug)]
pub struct List {
    /// The operation.
    pub operation: &'static Operation,
    /// The facts of the list.
    pub facts: crate::list::ListFacts,
}

/// Reads an answer of the type `T`.
///
/// # Errors
/// Those of [`decode`](crate::wire::decode).
pub fn read_answer<T: Wire + Serialize>(bytes: &[u8]) -> Result<Reading, DecodeError> {
    let (Decoded { value, misfits }, unknown) = decode_noting_unknown::<T>(bytes)?;
    let value = serde_json::to_value(&value).map_err(DecodeError::Json)?;
    Ok(Reading { value, misfits, unknown })
}

/// Writes a body of the type `T`.
///
/// # Errors
/// What the type can't say, with the path.
pub fn write_body<T: DeserializeOwned + Serialize>(
    body: &Value,
) -> Result<Writing, serde_path_to_error::Error<serde_json::Error>> {
    let mut unknown = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(body, &mut track);
    let body: T = match serde_ignored::deserialize(tracked, |path| unknown.push(json_path(&path))) {
        Ok(body) => body,
        Err(error) => return Err(serde_path_to_error::Error::new(track.path(), error)),
    };
    let mut track = serde_path_to_error::Track::new();
    let serializer = serde_path_to_error::Serializer::new(serde_json::value::Serializer, &mut track);
    match body.serialize(serializer) {
        Ok(value) => Ok(Writing { value, unknown }),
        Err(error) => Err(serde_path_to_error::Error::new(track.path(), error)),
    }
}

fn json_path(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path;
    match path {
        Path::Root => "$".to_owned(),
        Path::Seq { parent, index } => format!("{}[{index}]", json_path(parent)),
        Path::Map { parent, key } => format!("{}.{key}", json_path(parent)),
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            json_path(parent)
        }
    }
}
