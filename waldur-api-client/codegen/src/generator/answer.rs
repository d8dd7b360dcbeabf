//! How the answer to an operation is read, as the schema says.

use proc_macro2::Ident;
use quote::format_ident;
use serde_json::Value;
use syn::Type;

use crate::Result;
use crate::generator::syntax::argument_of;

/// How an answer is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It holds nothing.
    Empty,
    /// It is a file.
    Stream,
    /// It is JSON, which servers may leave out.
    Optional,
    /// It is JSON.
    Json,
}

impl Answer {
    /// Returns how the answer to `operation` is read.
    pub(crate) fn of(operation: &Value) -> Self {
        match operation["responses"]["2XX"]["content"].as_object() {
            None => Self::Empty,
            Some(content) if content.is_empty() => Self::Empty,
            Some(_) => match schema(operation) {
                None => Self::Stream,
                Some(schema) if schema["x-rust-type"]["path"] == "std::option::Option" => Self::Optional,
                Some(_) => Self::Json,
            },
        }
    }

    /// Returns the function of `call::Prepared` that reads it.
    pub(crate) fn function(self) -> Ident {
        format_ident!(
            "{}",
            match self {
                Self::Empty => "empty",
                Self::Stream => "stream",
                Self::Optional => "optional",
                Self::Json => "json",
            }
        )
    }

    /// Checks that the generated code has such a type for it.
    pub(crate) fn check(self, ty: &Type) -> Result<()> {
        let fits = match self {
            Self::Empty => matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty()),
            Self::Stream => matches!(ty, Type::Path(path) if path.path.is_ident("ByteStream")),
            Self::Optional => argument_of(ty, "Option").is_some(),
            Self::Json => matches!(ty, Type::Path(_)) && argument_of(ty, "Option").is_none(),
        };
        if fits { Ok(()) } else { Err(format!("its answer is {self:?}, and has another type").into()) }
    }
}

/// Returns the schema of a JSON answer to `operation`.
pub(crate) fn schema(operation: &Value) -> Option<&Value> {
    operation["responses"]["2XX"]["content"].get("application/json")?.get("schema")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use syn::{Type, parse_quote};

    use super::Answer;

    #[test]
    fn the_schema_says_how_an_answer_is_read() {
        let optional = json!({"x-rust-type": {"path": "std::option::Option"}});
        let cases: [(Value, Answer, Type); 5] = [
            (json!({}), Answer::Empty, parse_quote!(())),
            (json!({"content": {}}), Answer::Empty, parse_quote!(())),
            (json!({"content": {"text/csv": {}}}), Answer::Stream, parse_quote!(ByteStream)),
            (
                json!({"content": {"application/json": {"schema": optional}}}),
                Answer::Optional,
                parse_quote!(::std::option::Option<types::A>),
            ),
            (
                json!({"content": {"application/json": {"schema": {}}}}),
                Answer::Json,
                parse_quote!(::std::vec::Vec<types::A>),
            ),
        ];
        for (response, expected, ty) in &cases {
            let answer = Answer::of(&json!({"responses": {"2XX": response}}));
            assert_eq!(answer, *expected);
            assert_eq!(answer.function().to_string(), format!("{expected:?}").to_lowercase());
            assert!(answer.check(ty).is_ok());
            let others = cases.iter().filter(|(_, other, _)| other != expected);
            // The type of an answer that is JSON can have any name.
            for (_, _, ty) in
                others.filter(|(_, other, _)| (answer, *other) != (Answer::Json, Answer::Stream))
            {
                assert!(answer.check(ty).is_err(), "{answer:?}");
            }
        }
    }
}
