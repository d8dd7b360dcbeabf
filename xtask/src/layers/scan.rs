//! The paths in the sources of a crate that lead to its own modules.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, anyhow};
use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

/// Reads a file by its path from the repository's root; `None` if there is no such file.
pub(super) type Read<'a> = &'a dyn Fn(&str) -> Result<Option<String>>;

/// What the sources of a crate say about its modules.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The modules at the top level.
    pub(super) modules: BTreeSet<String>,
    pub(super) dependencies: Vec<Dependency>,
    /// Paths to what isn't a module of the root, each with its place.
    pub(super) problems: Vec<String>,
}

/// A path in one top-level module that leads to another, or to the same.
#[derive(Debug)]
pub(super) struct Dependency {
    pub(super) from: String,
    pub(super) to: String,
    /// File and line.
    pub(super) place: String,
}

/// Reads the crate whose root is the file `root`, and all of its modules.
pub(super) fn scan(root: &str, read: Read<'_>) -> Result<Found> {
    let tokens = tokens(root, &read(root)?.with_context(|| format!("there is no {root}"))?)?;
    let mut scanner = Scanner { read, found: Found::default(), raw: Vec::new() };
    let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
    scanner.module(&tokens, &Place { file: root, folder: folder.to_owned(), module: &[] })?;
    let Scanner { mut found, raw, .. } = scanner;
    for Raw { from, to, place } in raw {
        match to {
            Some(to) if found.modules.contains(&to) => {
                found.dependencies.push(Dependency { from, to, place });
            }
            to => found.problems.push(format!(
                "{place}: {from} names `crate::{}`, which is no module: name the module that defines it",
                to.unwrap_or_default()
            )),
        }
    }
    Ok(found)
}

fn tokens(file: &str, text: &str) -> Result<Vec<TokenTree>> {
    let stream: TokenStream = text
        .parse()
        .map_err(|error: proc_macro2::LexError| anyhow!("{file}:{}: {error}", error.span().start().line))?;
    Ok(stream.into_iter().collect())
}

/// A path before it is known whether it leads to a module.
struct Raw {
    from: String,
    /// The segment after the crate's root; `None` if it is the root itself.
    to: Option<String>,
    place: String,
}

struct Scanner<'a> {
    read: Read<'a>,
    found: Found,
    raw: Vec<Raw>,
}

/// Where tokens stand.
struct Place<'a> {
    file: &'a str,
    /// Where the files of the module's own modules are.
    folder: String,
    /// The path of the module.
    module: &'a [String],
}

impl Scanner<'_> {
    /// Reads a module, and the modules in it.
    fn module(&mut self, tokens: &[TokenTree], place: &Place<'_>) -> Result<()> {
        let mut index = 0;
        while let Some(token) = tokens.get(index) {
            let rest = &tokens[index..];
            if is_test(rest) {
                index += 2 + length_of_item(&rest[2..]);
            } else if let Some((name, content, length)) = module_of(rest) {
                index += length;
                self.inner(&name, content, place)?;
            } else if let Some(length) = self.path(rest, place) {
                index += length;
            } else {
                if let TokenTree::Group(group) = token {
                    self.module(&group.stream().into_iter().collect::<Vec<_>>(), place)?;
                }
                index += 1;
            }
        }
        Ok(())
    }

    /// Reads the module `name` in the module at `place`.
    fn inner(&mut self, name: &Ident, content: Option<TokenStream>, place: &Place<'_>) -> Result<()> {
        let line = name.span().start().line;
        let name = name.to_string();
        if place.module.is_empty() {
            self.found.modules.insert(name.clone());
        }
        let module: Vec<String> = place.module.iter().chain([&name]).cloned().collect();
        let folder = format!("{}/{name}", place.folder);
        if let Some(content) = content {
            let content: Vec<TokenTree> = content.into_iter().collect();
            return self.module(&content, &Place { file: place.file, folder, module: &module });
        }
        for file in [format!("{folder}.rs"), format!("{folder}/mod.rs")] {
            if let Some(text) = (self.read)(&file)? {
                return self.module(&tokens(&file, &text)?, &Place { file: &file, folder, module: &module });
            }
        }
        Err(anyhow!("{}:{line}: the module {name} has no file", place.file))
    }

    /// Notes the path that `tokens` begin with, if it begins with `crate` or `super`. Returns its length.
    fn path(&mut self, tokens: &[TokenTree], place: &Place<'_>) -> Option<usize> {
        let depth = match tokens.first()? {
            TokenTree::Ident(ident) if ident == "crate" => 0,
            TokenTree::Ident(ident) if ident == "super" => place.module.len().saturating_sub(1),
            _ => return None,
        };
        let separated = is_separator(tokens.get(1..)?);
        separated.then(|| 3 + self.segments(&tokens[3..], depth, place))
    }

    /// Notes where the segments of a path lead that stand after the first `depth` modules of the path of
    /// `place`. Returns how many tokens belong to the path.
    fn segments(&mut self, tokens: &[TokenTree], depth: usize, place: &Place<'_>) -> usize {
        match tokens.first() {
            Some(TokenTree::Ident(ident)) if ident == "super" && is_separator(&tokens[1..]) => {
                3 + self.segments(&tokens[3..], depth.saturating_sub(1), place)
            }
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                for tree in inner.split(|token| is_punct(token, ',')).filter(|tree| !tree.is_empty()) {
                    self.segments(tree, depth, place);
                }
                1
            }
            Some(token) => {
                let Some(from) = place.module.first() else { return 1 };
                let to = match token {
                    _ if depth > 0 => Some(from.clone()),
                    TokenTree::Ident(ident) if ident != "self" => Some(ident.to_string()),
                    _ => None,
                };
                let place = format!("{}:{}", place.file, token.span().start().line);
                self.raw.push(Raw { from: from.clone(), to, place });
                1
            }
            None => 0,
        }
    }
}

fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

fn is_separator(tokens: &[TokenTree]) -> bool {
    tokens.len() >= 2 && tokens[..2].iter().all(|token| is_punct(token, ':'))
}

/// Returns whether `tokens` begin with `#[cfg(test)]`, also together with further conditions.
fn is_test(tokens: &[TokenTree]) -> bool {
    let [pound, TokenTree::Group(attribute), ..] = tokens else { return false };
    let mut attribute = attribute.stream().into_iter();
    if !is_punct(pound, '#') || attribute.next().is_none_or(|name| name.to_string() != "cfg") {
        return false;
    }
    let condition: String = attribute.map(|token| token.to_string()).collect();
    let words: Vec<&str> = condition.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    words.contains(&"test") && !words.contains(&"not")
}

/// Returns how many tokens belong to what follows an attribute: an item, or else what a comma ends.
fn length_of_item(tokens: &[TokenTree]) -> usize {
    const ITEMS: [&str; 12] = [
        "mod",
        "fn",
        "impl",
        "use",
        "struct",
        "enum",
        "trait",
        "type",
        "static",
        "union",
        "macro_rules",
        "extern",
    ];
    let keyword = tokens.iter().take(12).find_map(|token| match token {
        TokenTree::Ident(ident) => ITEMS.into_iter().find(|keyword| ident == keyword),
        _ => None,
    });
    let end = tokens.iter().position(|token| match (keyword, token) {
        (Some("use" | "type" | "static"), token) => is_punct(token, ';'),
        (Some(_), TokenTree::Group(group)) => group.delimiter() == Delimiter::Brace,
        (Some(_), token) => is_punct(token, ';'),
        (None, token) => is_punct(token, ',') || is_punct(token, ';'),
    });
    end.map_or(tokens.len(), |end| end + 1)
}

/// Returns the module that `tokens` begin with: its name, its content if that stands there, and the length.
fn module_of(tokens: &[TokenTree]) -> Option<(Ident, Option<TokenStream>, usize)> {
    match tokens {
        [TokenTree::Ident(keyword), TokenTree::Ident(name), end, ..] if keyword == "mod" => match end {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                Some((name.clone(), Some(group.stream()), 3))
            }
            end if is_punct(end, ';') => Some((name.clone(), None, 3)),
            _ => None,
        },
        _ => None,
    }
}
