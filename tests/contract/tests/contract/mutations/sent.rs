//! A request between client and server, and ways to change it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::Value;

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sent {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// How often it is sent.
    pub(crate) times: usize,
}

impl Sent {
    pub(crate) async fn read(request: http::Request<Incoming>) -> Result<Self, hyper::Error> {
        let (parts, body) = request.into_parts();
        let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        Ok(Self {
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: query.into_owned().collect(),
            headers: parts.headers,
            body: body.collect().await?.to_bytes(),
            times: 1,
        })
    }

    /// Returns the path with the query, encoded like the SDK's.
    pub(crate) fn target(&self) -> String {
        if self.query.is_empty() {
            return self.path.clone();
        }
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.query).finish();
        format!("{}?{query}", self.path)
    }

    /// Returns whether the request matches `place`: a method, and a path after `/api/` with `*` for any
    /// segment.
    pub(crate) fn is_at(&self, place: &str) -> bool {
        let (method, path) = place.split_once(' ').unwrap();
        let mut segments = self.path.strip_prefix("/api/").unwrap_or_default().split('/');
        let mut pattern = path.split('/');
        self.method.as_str() == method
            && loop {
                match (pattern.next(), segments.next()) {
                    (None, None) => break true,
                    (Some("*"), Some(_)) => {}
                    (Some(one), Some(other)) if one == other => {}
                    _ => break false,
                }
            }
    }

    pub(crate) fn replace_path(&mut self, from: &str, to: &str) {
        self.path = self.path.replacen(from, to, 1);
    }

    /// Removes a digit from the uuid in the path.
    pub(crate) fn spoil_uuid(&mut self) {
        let uuid = self.path.split('/').find(|segment| segment.len() == 32).unwrap().to_owned();
        self.replace_path(&uuid, &uuid[..31]);
    }

    pub(crate) fn add_query(&mut self, name: &str, value: &str) {
        self.query.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn drop_query(&mut self, name: &str) {
        self.query.retain(|(other, _)| other != name);
    }

    pub(crate) fn rename_query(&mut self, from: &str, to: &str) {
        for (name, _) in self.query.iter_mut().filter(|(name, _)| name == from) {
            to.clone_into(name);
        }
    }

    /// Changes the values of the query parameter `name`.
    pub(crate) fn change_query(&mut self, name: &str, change: impl Fn(&str) -> String) {
        for (_, value) in self.query.iter_mut().filter(|(other, _)| other == name) {
            *value = change(value);
        }
    }

    /// Joins the values of a repeated parameter by commas.
    pub(crate) fn join_query(&mut self, name: &str) {
        let values: Vec<String> =
            self.query.iter().filter(|(other, _)| other == name).map(|(_, value)| value.clone()).collect();
        if values.len() > 1 {
            self.drop_query(name);
            self.add_query(name, &values.join(","));
        }
    }

    /// Splits a value at its commas into a repeated parameter.
    pub(crate) fn split_query(&mut self, name: &str) {
        let split = |(other, value): (String, String)| -> Vec<(String, String)> {
            if other == name {
                value.split(',').map(|value| (other.clone(), value.to_owned())).collect()
            } else {
                vec![(other, value)]
            }
        };
        self.query = std::mem::take(&mut self.query).into_iter().flat_map(split).collect();
    }

    pub(crate) fn set_header(&mut self, name: HeaderName, value: &str) {
        self.headers.insert(name, HeaderValue::from_str(value).unwrap());
    }

    pub(crate) fn drop_header(&mut self, name: &str) {
        self.headers.remove(name);
    }

    /// Replaces the scheme before the token.
    pub(crate) fn set_scheme(&mut self, scheme: &str) {
        let value = self.headers[header::AUTHORIZATION].to_str().unwrap();
        let token = value.split(' ').next_back().unwrap();
        let value = format!("{scheme}{token}");
        self.set_header(header::AUTHORIZATION, &value);
    }

    /// Changes the JSON at `place`, a JSON pointer.
    pub(crate) fn change(&mut self, place: &str, change: impl FnOnce(&mut Value)) {
        let mut body: Value = serde_json::from_slice(&self.body).unwrap();
        if let Some(value) = body.pointer_mut(place) {
            change(value);
            self.set_body(body.to_string());
        }
    }

    pub(crate) fn rename(&mut self, place: &str, from: &str, to: &str) {
        self.change(place, |object| {
            let object = object.as_object_mut().unwrap();
            let value = object.remove(from).unwrap();
            object.insert(to.to_owned(), value);
        });
    }

    pub(crate) fn drop_field(&mut self, place: &str, name: &str) {
        self.change(place, |object| drop(object.as_object_mut().unwrap().remove(name).unwrap()));
    }

    /// Shortens the URL at `place` to its last segment, a uuid.
    pub(crate) fn shorten_to_uuid(&mut self, place: &str) {
        self.change(place, |value| {
            let uuid = value.as_str().unwrap().trim_end_matches('/').rsplit('/').next().unwrap().to_owned();
            *value = uuid.into();
        });
    }

    /// Replaces a text in a body that isn't JSON. The body must have the text.
    pub(crate) fn replace_in_body(&mut self, from: &str, to: &str) {
        let body = String::from_utf8(self.body.to_vec()).unwrap();
        assert!(body.contains(from), "{body}");
        self.set_body(body.replacen(from, to, 1));
    }

    pub(crate) fn set_body(&mut self, body: impl Into<Bytes>) {
        self.body = body.into();
        // The length of the new body differs.
        self.drop_header("content-length");
    }
}
