//! A call in the making: what every operation's builder holds.

use std::fmt::Display;

use bytes::Bytes;
use progenitor_client::{
    ByteStream, ClientHooks, ClientInfo, Error, OperationInfo, ResponseValue, encode_path,
};
use reqwest::{Method, Request, Response, Url, header};
use serde::Serialize;

use crate::wire::Wire;
use crate::{Client, QueryValue};

/// The facts of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The operation's id.
    pub id: &'static str,
    /// The method, in capitals.
    pub method: &'static str,
    /// The path, with names in braces.
    pub path: &'static str,
    /// Whether a body must be sent.
    pub body_required: bool,
}

/// A call in the making.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    client: &'a Client,
    operation: &'static Operation,
    path: Vec<(&'static str, String)>,
    query: Vec<(&'static str, Vec<String>)>,
    body: Option<Result<Bytes, String>>,
}

impl<'a> Call<'a> {
    /// A call of `operation` without any parameter.
    pub fn new(client: &'a Client, operation: &'static Operation) -> Self {
        Self { client, operation, path: Vec::new(), query: Vec::new(), body: None }
    }

    /// Sets the parameter `name` of the path.
    pub fn path<T: QueryValue>(&mut self, name: &'static str, value: &T) {
        self.path.retain(|(other, _)| *other != name);
        self.path.push((name, value.texts().join(",")));
    }

    /// Sets the parameter `name` of the query; a value of several texts repeats the key.
    pub fn query<T: QueryValue>(&mut self, name: &'static str, value: &T) {
        self.query.retain(|(other, _)| *other != name);
        self.query.push((name, value.texts()));
    }

    /// Sets the body, as JSON.
    pub fn body<T: Serialize, E: Display>(&mut self, value: Result<T, E>) {
        let bytes = value
            .map_err(|error| error.to_string())
            .and_then(|value| serde_json::to_vec(&value).map_err(|error| error.to_string()));
        self.body = Some(bytes.map(Bytes::from));
    }

    /// The request that this call is.
    ///
    /// # Errors
    /// A parameter of the path or a body that is required and was not set, a body that can't be encoded.
    #[expect(clippy::result_large_err, reason = "the error that every operation gives, once a call")]
    pub fn into_request(self) -> Result<Request, Error<()>> {
        let invalid = |what: String| Error::InvalidRequest(format!("{}: {what}", self.operation.id));
        let mut path = String::new();
        let mut rest = self.operation.path;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            let (_, value) = self
                .path
                .iter()
                .find(|(other, _)| *other == name)
                .ok_or_else(|| invalid(format!("`{name}` is required and was not set")))?;
            // An empty segment would be another operation.
            if value.is_empty() {
                return Err(invalid(format!("`{name}` is empty")));
            }
            path.push_str(before);
            path.push_str(&encode_path(value));
            rest = after;
        }
        path.push_str(rest);
        let mut url = Url::parse(&format!("{}{path}", self.client.baseurl()))
            .map_err(|error| invalid(format!("the base URL can't be used: {error}")))?;
        if !self.query.is_empty() {
            let mut pairs = url.query_pairs_mut();
            for (name, texts) in &self.query {
                for text in texts {
                    pairs.append_pair(name, text);
                }
            }
        }
        // The query is there, but holds nothing, where all values are empty lists.
        if url.query() == Some("") {
            url.set_query(None);
        }
        let method = Method::from_bytes(self.operation.method.as_bytes())
            .map_err(|error| invalid(format!("the method can't be used: {error}")))?;
        let mut request = Request::new(method, url);
        request.headers_mut().insert(header::ACCEPT, header::HeaderValue::from_static("application/json"));
        match self.body {
            Some(body) => {
                let body = body.map_err(|reason| invalid(format!("the body is incomplete: {reason}")))?;
                request
                    .headers_mut()
                    .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
                *request.body_mut() = Some(body.into());
            }
            None if self.operation.body_required => {
                return Err(invalid("a body is required and was not set".to_owned()));
            }
            None => {}
        }
        Ok(request)
    }

    /// Sends, and hands over an answer of 2xx.
    async fn send(self) -> Result<Response, Error<()>> {
        let (client, id) = (self.client, self.operation.id);
        let mut request = self.into_request()?;
        let info = OperationInfo { operation_id: id };
        client.pre(&mut request, &info).await?;
        let result = client.exec(request, &info).await;
        client.post(&result, &info).await?;
        let response = result?;
        if response.status().is_success() { Ok(response) } else { Err(Error::UnexpectedResponse(response)) }
    }

    /// Sends; the answer has no body that matters.
    pub async fn empty(self) -> Result<ResponseValue<()>, Error<()>> {
        Ok(ResponseValue::empty(self.send().await?))
    }

    /// Sends; the answer is handed over as it comes.
    pub async fn stream(self) -> Result<ResponseValue<ByteStream>, Error<()>> {
        Ok(ResponseValue::stream(self.send().await?))
    }

    /// Sends; the answer is JSON.
    pub async fn json<T: Wire>(self) -> Result<ResponseValue<T>, Error<()>> {
        let id = self.operation.id;
        let (status, headers, bytes) = whole(self.send().await?).await?;
        match crate::wire::decode(&bytes) {
            Ok((value, misfits)) => {
                report(id, &misfits);
                Ok(ResponseValue::new(value, status, headers))
            }
            Err(error) => Err(Error::InvalidResponsePayload(bytes, error)),
        }
    }

    /// Sends; the answer may be JSON. The call has happened, whatever its body is: a body that is no such JSON is
    /// none, with a warning.
    pub async fn optional<T: Wire>(self) -> Result<ResponseValue<Option<T>>, Error<()>> {
        let id = self.operation.id;
        let response = self.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = match response.bytes().await {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::warn!(operation = id, %error, "the call happened, but its answer broke off");
                Bytes::new()
            }
        };
        let value = if bytes.trim_ascii().is_empty() {
            None
        } else {
            match crate::wire::decode::<Option<T>>(&bytes) {
                Ok((value, misfits)) => {
                    report(id, &misfits);
                    value
                }
                Err(error) => {
                    tracing::warn!(operation = id, %error, "the call happened, but its answer is not what it should be");
                    None
                }
            }
        };
        Ok(ResponseValue::new(value, status, headers))
    }
}

async fn whole(response: Response) -> Result<(reqwest::StatusCode, header::HeaderMap, Bytes), Error<()>> {
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = response.bytes().await.map_err(Error::ResponseBodyError)?;
    Ok((status, headers, bytes))
}

fn report(operation: &str, misfits: &[crate::wire::Misfit]) {
    for misfit in misfits {
        tracing::warn!(
            operation,
            path = misfit.path(),
            expected = misfit.expected,
            found = misfit.found,
            "a field was dropped"
        );
    }
}
