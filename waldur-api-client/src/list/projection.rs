//! Projections: requests for the fields of a struct of the caller.

use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;

use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

use super::facts::RetrieveCall;
use crate::call::Call;
use crate::error::{Error, ErrorKind};

/// Returns the names of the fields of `Row`, a struct with named fields, as its `Deserialize` declares them.
pub(crate) fn field_names<Row: DeserializeOwned>() -> Result<&'static [&'static str], String> {
    let row = std::any::type_name::<Row>();
    let mut names = None;
    let _ = Row::deserialize(Names(&mut names));
    match names {
        Some([]) => Err(format!("{row} has no fields, so that there is nothing to request")),
        Some(names) => Ok(names),
        None => Err(format!(
            "{row} doesn't say its fields: a row is a struct with named fields, none of which is flattened; \
             for other rows, name the fields with `select_fields`"
        )),
    }
}

/// Checks `names` against those that the parameter `field` of the operation accepts. A server ignores unknown
/// names, and sends all fields if it knows none of the names.
pub(crate) fn check(names: &[&str], known: Option<&[&str]>) -> Result<(), String> {
    let Some(known) = known else {
        return Err("the fields of this operation can't be chosen: it has no parameter `field`".to_owned());
    };
    let unknown: Vec<&str> = names.iter().copied().filter(|name| !known.contains(name)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let several = if unknown.len() == 1 { "is no field" } else { "are no fields" };
    Err(format!("{} {several} of this operation; it has {}", unknown.join(", "), known.join(", ")))
}

/// A deserializer that finds the names of the fields of a struct. It has no values.
struct Names<'a>(&'a mut Option<&'static [&'static str]>);

#[derive(Debug)]
struct Learned;

impl std::fmt::Display for Learned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the names of the fields are known")
    }
}

impl std::error::Error for Learned {}

impl serde::de::Error for Learned {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self
    }
}

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = Learned;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Learned> {
        *self.0 = Some(fields);
        Err(Learned)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Learned> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Learned> {
        Err(Learned::custom(""))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// A request for the fields of `Row` of one object. Nothing is sent until it is awaited.
#[must_use = "nothing is sent until it is awaited"]
pub struct Projection<Row> {
    call: Call,
    refusal: Option<String>,
    row: PhantomData<fn() -> Row>,
}

impl<Row> Clone for Projection<Row> {
    fn clone(&self) -> Self {
        Self { call: self.call.clone(), refusal: self.refusal.clone(), row: PhantomData }
    }
}

impl<Row> std::fmt::Debug for Projection<Row> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Projection").field("operation", &self.call.operation().id).finish_non_exhaustive()
    }
}

/// The functions of the builders of operations that return one object and accept the parameter `field`.
pub trait RetrieveExt: RetrieveCall {
    /// Requests only the fields of `Row`, and decodes the object into it.
    ///
    /// `Row` is a struct with named fields that derives `serde::Deserialize`. Its own rules apply: a missing
    /// field is an error, unless it is an `Option` or has a default.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use waldur_api_client::{Client, RetrieveExt as _};
    /// use uuid::Uuid;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Row {
    ///     uuid: Uuid,
    ///     #[serde(rename = "backend_id")]
    ///     account: String,
    /// }
    ///
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// # let resource = sandbox.ids().resources.ok;
    /// let row: Row =
    ///     client.marketplace_provider_resources_retrieve().uuid(resource).select::<Row>().await?;
    /// # assert_eq!(row.uuid, resource);
    /// # let _ = row.account;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Awaiting the request fails with [`Error::is_validation`], and nothing is sent, if `Row` has no named
    /// fields, has a flattened field, or has a field that the operation doesn't have.
    fn select<Row: DeserializeOwned + Send + 'static>(self) -> Projection<Row> {
        let mut call = self.into_call();
        let names = field_names::<Row>().and_then(|names| check(names, Some(Self::FIELDS)).map(|()| names));
        let refusal = match names {
            Ok(names) => {
                call.query("field", &texts(names));
                None
            }
            Err(refusal) => Some(refusal),
        };
        Projection { call, refusal, row: PhantomData }
    }
}

impl<C: RetrieveCall> RetrieveExt for C {}

/// Returns `call` with a request for the fields `names`.
///
/// # Errors
/// If the operation doesn't have one of them.
#[doc(hidden)]
pub fn project<C: RetrieveCall>(call: C, names: &[&str]) -> Result<Call, Error> {
    let mut call = call.into_call();
    check(names, Some(C::FIELDS)).map_err(|problem| refused(&call, &problem))?;
    call.query("field", &texts(names));
    Ok(call)
}

pub(crate) fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Returns the error of a request that isn't sent because of `problem`.
pub(crate) fn refused(call: &Call, problem: &str) -> Error {
    Error::new(ErrorKind::Validation, problem).with_operation(call.operation())
}

impl<Row: DeserializeOwned + Send + 'static> IntoFuture for Projection<Row> {
    type Output = Result<Row, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            if let Some(problem) = &self.refusal {
                return Err(refused(&self.call, problem));
            }
            self.call.prepare().buffer().await?.read_into()
        })
    }
}

#[cfg(test)]
#[allow(dead_code, reason = "rows that are never read")]
mod tests {
    use std::collections::HashMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    #[derive(Default)]
    struct Plain {
        first_name: String,
        #[serde(rename = "x")]
        y: Option<u8>,
        #[serde(skip)]
        z: u8,
    }

    #[derive(Deserialize)]
    struct Wrapper(Box<Plain>);

    #[derive(Deserialize)]
    #[serde(from = "Plain")]
    struct From(u8);
    impl std::convert::From<Plain> for From {
        fn from(plain: Plain) -> Self {
            Self(plain.z)
        }
    }

    #[derive(Deserialize)]
    struct Flat {
        a: u8,
        #[serde(flatten)]
        rest: Plain,
    }

    #[derive(Deserialize)]
    struct Empty {}

    #[derive(Deserialize)]
    enum Choice {
        A,
    }

    #[test]
    fn names_of_fields_are_found() {
        for names in [field_names::<Plain>(), field_names::<Wrapper>(), field_names::<From>()] {
            assert_eq!(names.unwrap(), ["firstName", "x"]);
        }
    }

    #[test]
    fn types_without_named_fields_are_refused() {
        for (names, row) in [
            (field_names::<Flat>(), "Flat"),
            (field_names::<Empty>(), "Empty"),
            (field_names::<Choice>(), "Choice"),
            (field_names::<HashMap<String, String>>(), "HashMap"),
            (field_names::<(u8, u8)>(), "(u8, u8)"),
            (field_names::<serde_json::Value>(), "Value"),
            (field_names::<Option<Plain>>(), "Option"),
        ] {
            assert!(names.as_ref().is_err_and(|problem| problem.contains(row)), "{row}: {names:?}");
        }
    }

    #[test]
    fn names_are_checked_against_the_operation() {
        assert!(check(&["a"], Some(&["a", "b"])).is_ok());
        let problem = check(&["a", "c", "d"], Some(&["a", "b"])).unwrap_err();
        assert_eq!(problem, "c, d are no fields of this operation; it has a, b");
        assert!(check(&["a"], None).is_err());
    }
}
