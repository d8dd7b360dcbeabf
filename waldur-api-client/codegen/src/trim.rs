//! What is written anew anyway, taken out of the generated code before it is parsed: that is most of it.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// The functions of an operation's builder that tell what it is.
const TELLING: [&str; 2] = ["body", "send"];

/// `code` without the builders of the models, and without the functions of the operations' builders but the telling.
pub(super) fn trim(code: TokenStream) -> TokenStream {
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

fn is_braces(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

/// The module of the operations' builders: what has functions keeps the telling ones.
fn builders(code: TokenStream) -> TokenStream {
    code.into_iter()
        .map(|token| match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                let mut kept = TokenStream::new();
                let mut item = Vec::new();
                for token in group.stream() {
                    let ends = is_braces(&token);
                    item.push(token);
                    if ends && is_dropped(&item) {
                        item.clear();
                    } else if ends {
                        kept.extend(item.drain(..));
                    }
                }
                kept.extend(item);
                regroup(&group, kept)
            }
            token => token,
        })
        .collect()
}

/// Whether the item of these tokens is a function that tells nothing.
fn is_dropped(item: &[TokenTree]) -> bool {
    let mut words = item.iter().skip_while(|token| !matches!(token, TokenTree::Ident(word) if word == "fn"));
    words.nth(1).is_some_and(|name| !TELLING.contains(&name.to_string().as_str()))
}
