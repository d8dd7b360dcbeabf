//! Bodies of `multipart/form-data`: texts and files.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;

/// A file in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The name of the field.
    pub field: String,
    /// The name of the file.
    pub name: String,
    /// The media type that the client declares; empty if it declares none.
    pub media_type: String,
    /// The content.
    pub content: Bytes,
}

/// One part of such a body.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Text { field: String, text: String },
    File(Upload),
}

impl Part {
    pub(crate) fn field(&self) -> &str {
        match self {
            Self::Text { field, .. } | Self::File(Upload { field, .. }) => field,
        }
    }

    pub(crate) fn file(&self) -> Option<&Upload> {
        match self {
            Self::Text { .. } => None,
            Self::File(file) => Some(file),
        }
    }
}

/// Returns the parts of a body with this `Content-Type`.
pub(crate) async fn parts(content_type: &str, body: &Bytes) -> Result<Vec<Part>, multer::Error> {
    let boundary = multer::parse_boundary(content_type)?;
    let body = body.clone();
    let mut fields = multer::Multipart::new(stream::iter([Ok::<_, Infallible>(body)]), boundary);
    let mut parts = Vec::new();
    while let Some(part) = fields.next_field().await? {
        let field = part.name().unwrap_or_default().to_owned();
        let media_type = part.content_type().map(ToString::to_string).unwrap_or_default();
        let name = part.file_name().map(str::to_owned);
        let content = part.bytes().await?;
        parts.push(match name {
            Some(name) => Part::File(Upload { field, name, media_type, content }),
            None => Part::Text { field, text: String::from_utf8_lossy(&content).into_owned() },
        });
    }
    Ok(parts)
}
