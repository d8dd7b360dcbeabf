//! What is written anew anyway, taken out of the generated code before it is parsed: that is most of it.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// Returns `code` without the builders of the models, and without the functions of the operations' builders,
/// but for the signature of `send`, which has the type of the answer.
pub(crate) fn trim(code: TokenStream) -> TokenStream {
    let code = within(code, "types", |types| within(types, "builder", |_| TokenStream::new()));
    within(code, "builder", builders)
}

/// `code` with the inside of its module `name` changed.
fn within(code: TokenStream, name: &str, change: impl Fn(TokenStream) -> TokenStream) -> TokenStream {
    let mut before = [None, None];
    code.into_iter()
        .map(|token| {
            let inside = matches!(&before, [Some(word), Some(of)] if word == "mod" && of == name);
            let word = if let TokenTree::Ident(word) = &token { Some(word.to_string()) } else { None };
            before = [before[1].take(), word];
            match token {
                TokenTree::Group(group) if inside => regroup(&group, change(group.stream())),
                token => token,
            }
        })
        .collect()
}

fn regroup(group: &Group, inside: TokenStream) -> TokenTree {
    TokenTree::Group(Group::new(group.delimiter(), inside))
}

/// The module of the operations' builders: of functions, it keeps only `send`, without its body.
fn builders(code: TokenStream) -> TokenStream {
    code.into_iter()
        .map(|token| match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                let mut kept = TokenStream::new();
                let mut item = Vec::new();
                for token in group.stream() {
                    let body = match &token {
                        TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => Some(body.clone()),
                        _ => None,
                    };
                    let function = body.as_ref().and_then(|_| function(&item));
                    match (body, function) {
                        (Some(body), Some(name)) if name == "send" => {
                            kept.extend(item.drain(..));
                            kept.extend([regroup(&body, TokenStream::new())]);
                        }
                        (Some(_), Some(_)) => item.clear(),
                        _ => item.push(token),
                    }
                }
                kept.extend(item);
                regroup(&group, kept)
            }
            token => token,
        })
        .collect()
}

/// Returns the name of the function that `item` declares.
fn function(item: &[TokenTree]) -> Option<String> {
    let mut words = item.iter().skip_while(|token| !matches!(token, TokenTree::Ident(word) if word == "fn"));
    words.nth(1).map(ToString::to_string)
}

#[cfg(test)]
mod tests {
    #[test]
    fn of_the_builders_only_fields_and_what_is_sent_stay() {
        let code: proc_macro2::TokenStream = syn::parse_quote! {
            pub mod types {
                pub struct A { pub a: u8 }
                impl A { pub fn builder() -> builder::A { Default::default() } }
                pub mod builder { pub struct A { a: Result<u8, String> } }
            }
            pub mod builder {
                pub struct List<'a> { client: &'a super::Client, state: Result<u8, String> }
                impl<'a> List<'a> {
                    pub fn new(client: &'a super::Client) -> Self { Self { client } }
                    pub fn state<V>(mut self, value: V) -> Self where V: TryInto<u8> { self }
                    #[doc = "d"]
                    pub async fn send(self) -> Result<ResponseValue<u8>, Error<()>> { let Self { client } = self; }
                }
            }
        };
        let expected: proc_macro2::TokenStream = syn::parse_quote! {
            pub mod types {
                pub struct A { pub a: u8 }
                impl A { pub fn builder() -> builder::A { Default::default() } }
                pub mod builder {}
            }
            pub mod builder {
                pub struct List<'a> { client: &'a super::Client, state: Result<u8, String> }
                impl<'a> List<'a> {
                    #[doc = "d"]
                    pub async fn send(self) -> Result<ResponseValue<u8>, Error<()>> {}
                }
            }
        };
        assert_eq!(super::trim(code).to_string(), expected.to_string());
    }
}
