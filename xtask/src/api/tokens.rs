//! Writes tokens as rustfmt would on a single line.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::ToTokens;

/// Writes `syntax` on one line.
pub(super) fn text(syntax: &impl ToTokens) -> String {
    let mut pieces = Vec::new();
    flatten(syntax.to_token_stream(), &mut pieces);
    let mut out = String::new();
    let mut before = String::new();
    for (index, piece) in pieces.iter().enumerate() {
        let next = pieces.get(index + 1).map_or("", String::as_str);
        if piece == "," && matches!(next, ")" | "]" | ">") && !is_tuple_of_one(&pieces, index) {
            continue;
        }
        if is_apart(&before, piece) {
            out.push(' ');
        }
        out.push_str(piece);
        before.clone_from(piece);
    }
    out
}

/// Writes a path without its generic arguments.
pub(super) fn path(path: &syn::Path) -> String {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect::<Vec<_>>().join("::")
}

/// Puts tokens into pieces that have no space inside.
fn flatten(tokens: TokenStream, pieces: &mut Vec<String>) {
    let mut joined = String::new();
    for tree in tokens {
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::None => ("", ""),
                };
                pieces.extend((!open.is_empty()).then(|| open.to_owned()));
                flatten(group.stream(), pieces);
                pieces.extend((!close.is_empty()).then(|| close.to_owned()));
            }
            TokenTree::Punct(punct) => {
                joined.push(punct.as_char());
                let may_grow = matches!(joined.as_str(), ":" | "-" | "=" | "." | ".." | "'");
                if punct.spacing() == Spacing::Joint && may_grow {
                    continue;
                }
                match joined.as_str() {
                    "::" | "->" | "=>" | ".." | "..=" | "..." => pieces.push(std::mem::take(&mut joined)),
                    _ => pieces.extend(std::mem::take(&mut joined).chars().map(String::from)),
                }
            }
            TokenTree::Ident(ident) => pieces.push(std::mem::take(&mut joined) + &ident.to_string()),
            TokenTree::Literal(literal) => pieces.push(std::mem::take(&mut joined) + &literal.to_string()),
        }
    }
    pieces.extend((!joined.is_empty()).then_some(joined));
}

fn is_word(piece: &str) -> bool {
    piece.starts_with(|first: char| first.is_alphanumeric() || matches!(first, '_' | '\'' | '"'))
}

/// Whether the comma at `index` makes a tuple of what is in parentheses.
fn is_tuple_of_one(pieces: &[String], index: usize) -> bool {
    if pieces.get(index + 1).is_none_or(|next| next != ")") {
        return false;
    }
    let mut depth = 0_usize;
    for at in (0..index).rev() {
        match pieces[at].as_str() {
            ")" | "]" | "}" | ">" => depth += 1,
            "(" if depth == 0 => {
                return at == 0 || !(is_word(&pieces[at - 1]) || pieces[at - 1] == ">");
            }
            "(" | "[" | "{" | "<" => depth = depth.saturating_sub(1),
            "," if depth == 0 => return false,
            _ => {}
        }
    }
    false
}

/// Whether a space stands between two pieces.
fn is_apart(before: &str, next: &str) -> bool {
    const LEADING: [&str; 10] = ["dyn", "impl", "as", "for", "where", "in", "mut", "const", "ref", "move"];
    if matches!(before, "" | "(" | "[" | "<" | "&" | "::" | "!" | "?" | "." | "*" | "#" | "$" | "@" | "-") {
        return false;
    }
    match next {
        "," | ";" | ")" | "]" | ">" | "." | ":" => false,
        // After anything else it begins a path of other crates.
        "::" => !(is_word(before) || before == ">") || LEADING.contains(&before),
        "!" => !is_word(before),
        "<" => !is_word(before),
        "(" => !(is_word(before) || matches!(before, ">" | ")" | "]")) || LEADING.contains(&before),
        "}" => before != "{",
        "*" => before != ")",
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;

    #[test]
    fn signatures_are_spaced_as_in_sources() {
        for line in [
            "fn x<'a, T: ?Sized + 'a>(&'a mut self, f: impl Fn(&str) -> Vec<T>) -> Result<(), Box<dyn Error>>",
            "fn y(self: Arc<Self>, [u8; 4], &'static [&'static str], (A, B), (A,)) -> !",
            "where F: for<'de> FnOnce(<T as Deserialize<'de>>::Error) -> u8, T: Send",
            "impl<const N: usize> From<[u8; N]> for a::B<N>",
            "const X: i32 = -1",
            "Item<Output = *const u8>",
            "(::serde::Serialize)",
            "fn() -> ::std::io::Result<()>",
        ] {
            let tokens: TokenStream = line.parse().unwrap();
            assert_eq!(super::text(&tokens), line);
        }
        for (written, line) in
            [("fn x ( a : T , )", "fn x(a: T)"), ("Map < A , B , >", "Map<A, B>"), ("{ }", "{}")]
        {
            assert_eq!(super::text(&written.parse::<TokenStream>().unwrap()), line);
        }
    }
}
