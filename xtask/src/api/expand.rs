//! Expands invocations of the crate's own `macro_rules!`.
//!
//! Hygiene doesn't matter here: names of items have none.

use std::collections::BTreeMap;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::ext::IdentExt as _;
use syn::parse::discouraged::Speculative as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Error, Result};

/// The rules of a macro, in the order in which they are tried.
#[derive(Debug, Clone)]
pub(super) struct Rules(Vec<Rule>);

#[derive(Debug, Clone)]
struct Rule {
    matcher: TokenStream,
    patterns: Vec<Pattern>,
    body: TokenStream,
}

#[derive(Debug, Clone)]
enum Pattern {
    Token(TokenTree),
    Group(Delimiter, Vec<Pattern>),
    Fragment { name: String, kind: String },
    Repeat { patterns: Vec<Pattern>, separator: TokenStream, operator: char },
}

/// What a name in `$` stands for.
#[derive(Debug, Clone)]
enum Binding {
    Tokens(TokenStream),
    List(Vec<Binding>),
}

type Bindings = BTreeMap<String, Binding>;

impl Rules {
    /// Reads the rules of `macro_rules! name { … }`.
    pub(super) fn read(tokens: TokenStream) -> Result<Self> {
        let parse = |input: ParseStream<'_>| {
            let mut rules = Vec::new();
            while !input.is_empty() {
                let matcher: Group = input.parse()?;
                input.parse::<syn::Token![=>]>()?;
                let body: Group = input.parse()?;
                let patterns = patterns(matcher.stream())?;
                rules.push(Rule { matcher: matcher.stream(), patterns, body: body.stream() });
                if !input.is_empty() {
                    input.parse::<syn::Token![;]>()?;
                }
            }
            Ok(Self(rules))
        };
        parse.parse2(tokens)
    }

    /// Returns what each rule takes.
    pub(super) fn matchers(&self) -> impl Iterator<Item = &TokenStream> {
        self.0.iter().map(|rule| &rule.matcher)
    }

    /// Returns what an invocation with `input` stands for, by the first rule that takes it.
    pub(super) fn expand(&self, input: &TokenStream) -> Result<TokenStream> {
        for rule in &self.0 {
            let mut bindings = Bindings::new();
            let parse = |stream: ParseStream<'_>| take(&rule.patterns, stream, &mut bindings);
            if parse.parse2(input.clone()).is_ok() {
                return transcribe(rule.body.clone(), &bindings);
            }
        }
        Err(Error::new_spanned(input, "no rule of the macro takes this"))
    }
}

fn is_punct(tree: Option<&TokenTree>, wanted: char) -> bool {
    matches!(tree, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

/// Reads the separator and the operator of a repetition, which end at the returned index.
fn repetition(trees: &[TokenTree], mut at: usize) -> Result<(TokenStream, char, usize)> {
    let mut separator = TokenStream::new();
    while let Some(tree) = trees.get(at) {
        at += 1;
        match tree {
            TokenTree::Punct(punct) if matches!(punct.as_char(), '*' | '+' | '?') => {
                return Ok((separator, punct.as_char(), at));
            }
            _ => separator.extend([tree.clone()]),
        }
    }
    Err(Error::new(Span::call_site(), "a repetition of a macro has no operator"))
}

fn patterns(tokens: TokenStream) -> Result<Vec<Pattern>> {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(tree) = trees.get(at) {
        at += 1;
        match (tree, trees.get(at)) {
            (TokenTree::Punct(punct), Some(TokenTree::Group(group))) if punct.as_char() == '$' => {
                let (separator, operator, end) = repetition(&trees, at + 1)?;
                found.push(Pattern::Repeat { patterns: patterns(group.stream())?, separator, operator });
                at = end;
            }
            (TokenTree::Punct(punct), Some(TokenTree::Ident(name)))
                if punct.as_char() == '$' && is_punct(trees.get(at + 1), ':') =>
            {
                let Some(TokenTree::Ident(kind)) = trees.get(at + 2) else {
                    return Err(Error::new(name.span(), "a parameter of a macro has no kind"));
                };
                found.push(Pattern::Fragment { name: name.to_string(), kind: kind.to_string() });
                at += 3;
            }
            (TokenTree::Group(group), _) => {
                found.push(Pattern::Group(group.delimiter(), patterns(group.stream())?));
            }
            _ => found.push(Pattern::Token(tree.clone())),
        }
    }
    Ok(found)
}

/// Takes from `input` what `patterns` stand for.
fn take(patterns: &[Pattern], input: ParseStream<'_>, bindings: &mut Bindings) -> Result<()> {
    for pattern in patterns {
        match pattern {
            Pattern::Token(wanted) => take_token(wanted, input)?,
            Pattern::Group(delimiter, inner) => {
                let group: Group = input.parse()?;
                if group.delimiter() != *delimiter {
                    return Err(Error::new(group.span(), "other brackets"));
                }
                let parse = |stream: ParseStream<'_>| take(inner, stream, bindings);
                parse.parse2(group.stream())?;
            }
            Pattern::Fragment { name, kind } => {
                bindings.insert(name.clone(), Binding::Tokens(fragment(kind, input)?));
            }
            Pattern::Repeat { patterns, separator, operator } => {
                repeat(patterns, separator, *operator, input, bindings)?;
            }
        }
    }
    Ok(())
}

fn take_token(wanted: &TokenTree, input: ParseStream<'_>) -> Result<()> {
    let found: TokenTree = input.parse()?;
    if found.to_string() == wanted.to_string() {
        Ok(())
    } else {
        Err(Error::new(found.span(), "another token"))
    }
}

fn repeat(
    patterns: &[Pattern],
    separator: &TokenStream,
    operator: char,
    input: ParseStream<'_>,
    bindings: &mut Bindings,
) -> Result<()> {
    let mut lists: BTreeMap<String, Vec<Binding>> = BTreeMap::new();
    let mut names = Vec::new();
    names_of(patterns, &mut names);
    let mut times = 0;
    let most = if operator == '?' { 1 } else { usize::MAX };
    while !input.is_empty() && times < most {
        let ahead = input.fork();
        let mut inner = Bindings::new();
        let separated =
            times == 0 || separator.clone().into_iter().all(|one| take_token(&one, &ahead).is_ok());
        if !separated || take(patterns, &ahead, &mut inner).is_err() || ahead.cursor() == input.cursor() {
            break;
        }
        input.advance_to(&ahead);
        for (name, binding) in inner {
            lists.entry(name).or_default().push(binding);
        }
        times += 1;
    }
    if operator == '+' && times == 0 {
        return Err(input.error("too few"));
    }
    for name in names {
        let list = lists.remove(&name).unwrap_or_default();
        bindings.insert(name, Binding::List(list));
    }
    Ok(())
}

fn names_of(patterns: &[Pattern], names: &mut Vec<String>) {
    for pattern in patterns {
        match pattern {
            Pattern::Token(_) => {}
            Pattern::Fragment { name, .. } => names.push(name.clone()),
            Pattern::Group(_, inner) | Pattern::Repeat { patterns: inner, .. } => names_of(inner, names),
        }
    }
}

fn fragment(kind: &str, input: ParseStream<'_>) -> Result<TokenStream> {
    Ok(match kind {
        "ident" => Ident::parse_any(input)?.into_token_stream(),
        "ty" => input.parse::<syn::Type>()?.into_token_stream(),
        "expr" | "expr_2021" => input.parse::<syn::Expr>()?.into_token_stream(),
        "vis" => input.parse::<syn::Visibility>()?.into_token_stream(),
        "lifetime" => input.parse::<syn::Lifetime>()?.into_token_stream(),
        "path" => input.parse::<syn::Path>()?.into_token_stream(),
        "pat" => syn::Pat::parse_multi_with_leading_vert(input)?.into_token_stream(),
        "pat_param" => syn::Pat::parse_single(input)?.into_token_stream(),
        "block" => input.parse::<syn::Block>()?.into_token_stream(),
        "item" => input.parse::<syn::Item>()?.into_token_stream(),
        "meta" => input.parse::<syn::Meta>()?.into_token_stream(),
        "literal" => {
            let minus: Option<syn::Token![-]> = input.parse()?;
            let literal: syn::Lit = input.parse()?;
            let mut tokens = minus.into_token_stream();
            literal.to_tokens(&mut tokens);
            tokens
        }
        "tt" if input.peek(syn::Lifetime) => input.parse::<syn::Lifetime>()?.into_token_stream(),
        "tt" => input.parse::<TokenTree>()?.into_token_stream(),
        _ => return Err(input.error(format!("macro parameters of the kind {kind} can't be read"))),
    })
}

/// Writes the body of a rule, with what was bound in place of the names.
fn transcribe(body: TokenStream, bindings: &Bindings) -> Result<TokenStream> {
    let trees: Vec<TokenTree> = body.into_iter().collect();
    let mut out = TokenStream::new();
    let mut at = 0;
    while let Some(tree) = trees.get(at) {
        at += 1;
        match (tree, trees.get(at)) {
            (TokenTree::Punct(punct), Some(TokenTree::Ident(name))) if punct.as_char() == '$' => {
                at += 1;
                match bindings.get(&name.to_string()) {
                    Some(Binding::Tokens(tokens)) => out.extend(tokens.clone()),
                    Some(Binding::List(_)) => {
                        return Err(Error::new(
                            name.span(),
                            "a repeated parameter stands outside of a repetition",
                        ));
                    }
                    None if name == "crate" => out.extend([TokenTree::Ident(name.clone())]),
                    // Of a macro that the macro defines.
                    None => out.extend([tree.clone(), TokenTree::Ident(name.clone())]),
                }
            }
            (TokenTree::Punct(punct), Some(TokenTree::Group(group))) if punct.as_char() == '$' => {
                let (separator, _, end) = repetition(&trees, at + 1)?;
                at = end;
                for (index, one) in each(group.stream(), bindings).iter().enumerate() {
                    if index > 0 {
                        out.extend(separator.clone());
                    }
                    out.extend(transcribe(group.stream(), one)?);
                }
            }
            (TokenTree::Group(group), _) => {
                let mut inner = Group::new(group.delimiter(), transcribe(group.stream(), bindings)?);
                inner.set_span(group.span());
                out.extend([TokenTree::Group(inner)]);
            }
            _ => out.extend([tree.clone()]),
        }
    }
    Ok(out)
}

/// Returns the bindings of each repetition of `body`.
fn each(body: TokenStream, bindings: &Bindings) -> Vec<Bindings> {
    let mut used = Vec::new();
    parameters(body, &mut used);
    let lists: Vec<(&String, &Vec<Binding>)> = bindings
        .iter()
        .filter_map(|(name, binding)| match binding {
            Binding::List(list) if used.contains(name) => Some((name, list)),
            _ => None,
        })
        .collect();
    let times = lists.iter().map(|(_, list)| list.len()).max().unwrap_or(0);
    (0..times)
        .map(|index| {
            let mut inner = bindings.clone();
            for (name, list) in &lists {
                if let Some(binding) = list.get(index) {
                    inner.insert((*name).clone(), binding.clone());
                }
            }
            inner
        })
        .collect()
}

fn parameters(body: TokenStream, used: &mut Vec<String>) {
    let mut after_dollar = false;
    for tree in body {
        match &tree {
            TokenTree::Group(group) => parameters(group.stream(), used),
            TokenTree::Ident(name) if after_dollar => used.push(name.to_string()),
            _ => {}
        }
        after_dollar = is_punct(Some(&tree), '$');
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;

    use super::Rules;

    fn expanded(rules: &str, input: &str) -> Result<String, String> {
        let tokens = |text: &str| text.parse::<TokenStream>().unwrap();
        Rules::read(tokens(rules))
            .and_then(|rules| rules.expand(&tokens(input)))
            .map(|tokens| crate::api::tokens::text(&tokens))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn rules_are_matched_and_written() {
        for (rules, input, expected) in [
            ("($name:ident) => { struct $name; }", "A", "struct A;"),
            (
                "($a:ident) => { one } ; ($a:ident $b:ty) => { $crate::$a::<$b> }",
                "x Vec<u8>",
                "crate::x::<Vec<u8>>",
            ),
            ("($($name:ident),* $(,)?) => { $(fn $name();)* }", "a, b,", "fn a(); fn b();"),
            (
                "($($name:ident($($arg:ident: $type:ty),*);)+) => { $(fn $name($($arg: $type),*);)+ }",
                "a(x: u8, y: A<B>); b();",
                "fn a(x: u8, y: A<B>); fn b();",
            ),
            (
                "($(#[$meta:meta])* $vis:vis $name:ident = $value:literal) => { $(#[$meta])* $vis const $name: u8 = $value; }",
                "#[a(b)] #[c] pub(crate) X = 3",
                "#[a(b)] #[c] pub(crate) const X: u8 = 3;",
            ),
            ("({ $($rest:tt)* }) => { $($rest)* }", "{ a + 'b [c] }", "a + 'b [c]"),
            (
                "($of:ty: $($with:ty),*) => { $(impl From<$with> for $of {})* }",
                "A: u8, u16",
                "impl From<u8> for A {} impl From<u16> for A {}",
            ),
        ] {
            assert_eq!(expanded(rules, input).as_deref(), Ok(expected), "{rules}");
        }
    }

    #[test]
    fn what_no_rule_takes_is_an_error() {
        assert_eq!(expanded("($a:ident) => {}", "1").unwrap_err(), "no rule of the macro takes this");
        assert_eq!(expanded("($a:ident) => {}", "a b").unwrap_err(), "no rule of the macro takes this");
    }
}
