//! Tables of all operations, with functions that decode their responses and encode their bodies: for programs
//! that process recorded traffic. Requires the feature `exchanges`, since the tables make every model part of
//! a program.

use serde::Serialize;
use serde::de::{DeserializeOwned, Error as _};
use serde_json::Value;

use crate::call::Operation;
use crate::wire::{DecodeError, LenientDecode, Notes, TypeMismatch, decode_noting_all};

pub use crate::generated::exchanges::{ALL, LISTS, MODELS, PATHS};
pub use crate::list::ListFacts;

/// A response that was decoded with its type.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Reading {
    /// The decoded value, serialized again.
    pub value: Value,
    /// The values that don't fit their fields.
    pub mismatches: Vec<TypeMismatch>,
    /// The JSON paths of the fields that the type doesn't have.
    pub unknown: Vec<String>,
    /// The JSON paths of the values of enums that this version of the client knows.
    pub known_values: Vec<String>,
    /// The JSON paths of the values of enums that this version of the client doesn't know. They are kept.
    pub unknown_values: Vec<String>,
}

/// A request body that was encoded with its type.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Writing {
    /// The body that would be sent.
    pub value: Value,
    /// The JSON paths of the fields that the type doesn't have, which are left out.
    pub unknown: Vec<String>,
}

/// Decodes a response.
pub type ReadAnswer = fn(&[u8]) -> Result<Reading, DecodeError>;

/// Encodes a request body that was recorded as JSON.
pub type WriteBody = fn(&Value) -> Result<Writing, serde_path_to_error::Error<serde_json::Error>>;

/// How the response of an operation is decoded.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// The body is ignored.
    Empty,
    /// The body is returned unchanged.
    Raw,
    /// The body is decoded. A body that can't be decoded is an error.
    Json(ReadAnswer),
    /// The body is decoded if there is one. A body that can't be decoded is no error, since the call was
    /// applied.
    Optional(ReadAnswer),
}

/// The type of a path parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// A UUID, with dashes or without.
    Uuid,
    /// An integer.
    Integer,
    /// A text that isn't empty.
    Text,
}

impl Parameter {
    /// Returns whether `text` is a value of the type.
    #[must_use]
    pub fn takes(self, text: &str) -> bool {
        match self {
            Self::Uuid => uuid::Uuid::try_parse(text).is_ok(),
            Self::Integer => text.parse::<i64>().is_ok(),
            Self::Text => !text.is_empty(),
        }
    }
}

/// An operation with its types.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Exchange {
    /// The operation.
    pub operation: &'static Operation,
    /// The names and types of the path parameters.
    pub parameters: &'static [(&'static str, Parameter)],
    /// Encodes the request body, if the operation has one.
    pub body: Option<WriteBody>,
    /// How the response is decoded.
    pub answer: Answer,
}

/// A model of responses.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ReceivedModel {
    /// The name in the schema.
    pub name: &'static str,
    /// The names of the fields in JSON.
    pub fields: &'static [&'static str],
    /// Whether the model keeps other fields as well.
    pub keeps_additional: bool,
    /// Decodes one object.
    pub read: ReadAnswer,
    /// Decodes a page, which is a list of objects.
    pub read_page: ReadAnswer,
}

/// A list operation.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct List {
    /// The operation.
    pub operation: &'static Operation,
    /// The facts of the list.
    pub facts: ListFacts,
}

/// Decodes a response of the type `T`.
///
/// # Errors
/// If the response isn't JSON, or as a whole is of another kind than `T`.
pub fn read_answer<T: LenientDecode + Serialize>(bytes: &[u8]) -> Result<Reading, DecodeError> {
    let (value, notes) = decode_noting_all::<T>(bytes)?;
    serialized(&value, notes)
}

/// Serializes a value again. Values of all types share its code, which is much for each of them.
fn serialized(value: &dyn erased_serde::Serialize, notes: Notes) -> Result<Reading, DecodeError> {
    let Notes { mismatches, unknown_fields, known_values, unknown_values } = notes;
    let value = serde_json::to_value(value).map_err(DecodeError::Json)?;
    Ok(Reading { value, mismatches, unknown: unknown_fields, known_values, unknown_values })
}

/// Encodes a request body of the type `T`.
///
/// # Errors
/// If a value doesn't fit the type. The error has its path.
pub fn write_body<T: DeserializeOwned + Serialize + 'static>(
    body: &Value,
) -> Result<Writing, serde_path_to_error::Error<serde_json::Error>> {
    written(body, |deserializer| Ok(Box::new(erased_serde::deserialize::<T>(deserializer)?)))
}

/// Reads a value of some type.
type ReadAny =
    fn(&mut dyn erased_serde::Deserializer<'_>) -> erased_serde::Result<Box<dyn erased_serde::Serialize>>;

/// Reads a body as `read` does, and writes it again. Bodies of all types share its code, which is much for
/// each of them.
fn written(body: &Value, read: ReadAny) -> Result<Writing, serde_path_to_error::Error<serde_json::Error>> {
    let mut unknown = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(body, &mut track);
    let mut note = |path: serde_ignored::Path<'_>| unknown.push(json_path(&path));
    let ignored = serde_ignored::Deserializer::new(tracked, &mut note);
    let body = match read(&mut <dyn erased_serde::Deserializer<'_>>::erase(ignored)) {
        Ok(body) => body,
        Err(error) => {
            return Err(serde_path_to_error::Error::new(track.path(), serde_json::Error::custom(error)));
        }
    };
    let mut track = serde_path_to_error::Track::new();
    let serializer = serde_path_to_error::Serializer::new(serde_json::value::Serializer, &mut track);
    match erased_serde::serialize(&*body, serializer) {
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
