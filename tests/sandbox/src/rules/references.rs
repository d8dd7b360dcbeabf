//! References to other objects in bodies: addresses, with or without the host, but no bare uuids.

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::judge;
use crate::protocol::form::{Form, NOT_NULL, REQUIRED};
use crate::wire::{parse_uuid, python_type};

/// Returns the object of `collection` that a required field refers to; refuses the field otherwise.
pub(crate) fn required(
    form: &mut Form,
    data: &Map<String, Value>,
    name: &str,
    collection: &str,
    find: impl Fn(Uuid) -> Option<Uuid>,
) -> Option<Uuid> {
    let message = match data.get(name) {
        None => REQUIRED.to_owned(),
        Some(Value::Null) => NOT_NULL.to_owned(),
        Some(Value::String(address)) => match resolve(address) {
            Some((found, uuid)) if found == collection => match uuid.and_then(find) {
                Some(uuid) => return Some(uuid),
                None => "Invalid hyperlink - Object does not exist.".to_owned(),
            },
            Some(_) => "Invalid hyperlink - Incorrect URL match.".to_owned(),
            None => "Invalid hyperlink - No URL match.".to_owned(),
        },
        Some(other) => format!("Incorrect type. Expected URL string, received {}.", python_type(other)),
    };
    form.refuse(name, message);
    None
}

/// Returns collection and uuid of an address, if the schema has such a path.
fn resolve(address: &str) -> Option<(&str, Option<Uuid>)> {
    let path = match address.split_once("://") {
        Some((_, rest)) => &rest[rest.find('/')?..],
        None => address,
    };
    let (collection, rest) = path.strip_prefix("/api/")?.split_once('/')?;
    let segment = rest.strip_suffix('/').filter(|segment| !segment.contains('/'))?;
    if judge::has_objects(collection) { Some((collection, parse_uuid(segment))) } else { None }
}
