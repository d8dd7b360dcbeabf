//! Request bodies with files.

use std::io;
use std::path::Path;

use reqwest::multipart::{Form, Part};
use serde::Serialize;
use serde_json::Value;

/// A body of `multipart/form-data`, for operations that accept files. Files are read while they are sent, so
/// that they need no memory. A request with a file is not retried.
///
/// ```no_run
/// # use waldur_api_client::{Client, Multipart};
/// # async fn f(client: &Client) -> Result<(), Box<dyn std::error::Error>> {
/// # #[cfg(feature = "provider")] {
/// let message = Multipart::new()
///     .text("provider_message", "signed")
///     .file("provider_message_attachment", "contract.pdf")
///     .await?;
/// client.marketplace_orders_set_provider_info().uuid(uuid::Uuid::nil()).upload(message).await?;
/// # }
/// # Ok(()) }
/// ```
#[derive(Debug, Default)]
pub struct Multipart(Form);

impl Multipart {
    /// Creates a body without fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field.
    #[must_use]
    pub fn text(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        Self(self.0.text(name.into(), value.into()))
    }

    /// Adds the fields of a model, or of any type that serializes as an object. An array repeats its field,
    /// null is sent as an empty text, and an object as JSON.
    ///
    /// # Errors
    /// If `model` can't be serialized, or is not an object.
    pub fn fields(mut self, model: &impl Serialize) -> Result<Self, serde_json::Error> {
        let Value::Object(fields) = serde_json::to_value(model)? else {
            return Err(serde::ser::Error::custom("the fields of a form must be an object"));
        };
        for (name, value) in fields {
            match value {
                Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
                    for item in items {
                        self = self.text(name.clone(), text(item));
                    }
                }
                value => self = self.text(name, text(value)),
            }
        }
        Ok(self)
    }

    /// Adds a file with its name and the media type of its extension. The file is opened at once, and read
    /// while it is sent.
    ///
    /// # Errors
    /// If the file can't be opened.
    pub async fn file(self, name: impl Into<String>, path: impl AsRef<Path>) -> io::Result<Self> {
        let part = Part::file(path).await?;
        Ok(self.part(name, part))
    }

    /// Adds a part of the HTTP client, such as one whose content is streamed.
    #[must_use]
    pub fn part(self, name: impl Into<String>, part: Part) -> Self {
        Self(self.0.part(name.into(), part))
    }

    /// Returns the form that the HTTP client sends.
    pub(crate) fn into_form(self) -> Form {
        self.0
    }
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
