//! The words of documentation: what `CONTRIBUTING.md` says about them, checked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ImplItemFn, ItemFn, ItemMod, Lit, Meta, TraitItemFn, Visibility};

use crate::count::counted;
use crate::layout::Layout;
use crate::output;

/// The longest line of documentation, in characters, as in `rustfmt.toml`.
const WIDTH: usize = 110;
/// The heading of the word list in `CONTRIBUTING.md`.
const HEADING: &str = "## Words";
/// What is checked.
const FOLDERS: [&str; 4] =
    ["waldur-api-client/src", "waldur-sdk/src", "waldur-sdk/examples", "tests/sandbox/src"];
/// How many problems are shown.
const SHOWN: usize = 60;

/// Checks the documentation of the crates.
pub(crate) fn run(layout: &Layout) -> Result<()> {
    let path = layout.file("CONTRIBUTING.md");
    let text = std::fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
    let words = word_list(&text).with_context(|| format!("{} can't be used", path.display()))?;
    let mut problems = Vec::new();
    let mut files = 0;
    for folder in FOLDERS {
        for path in rust_files(&layout.file(folder))? {
            let text =
                std::fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
            let name = path.strip_prefix(layout.file("")).unwrap_or(&path).display().to_string();
            let found = problems_of(&text, &words).with_context(|| format!("{name} can't be parsed"))?;
            problems.extend(found.into_iter().map(|(line, problem)| format!("{name}:{line}: {problem}")));
            files += 1;
        }
    }
    if problems.is_empty() {
        return output::line(format_args!(
            "{}: every first line begins with a verb, no line is too long",
            counted(files, "file", "files")
        ));
    }
    for problem in problems.iter().take(SHOWN) {
        output::line(problem)?;
    }
    let problems = counted(problems.len(), "problem", "problems");
    bail!("{problems} with the words of documentation (see \"Words\" in CONTRIBUTING.md)")
}

/// Reads the table below the heading: what isn't written, and what is written instead.
fn word_list(text: &str) -> Result<BTreeMap<String, String>> {
    let (_, section) = text.split_once(HEADING).with_context(|| format!("it has no heading {HEADING:?}"))?;
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter_map(|line| {
        let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
        Some((cells.next()?.to_lowercase(), cells.next()?.to_owned()))
    });
    // Without the head of the table.
    let words: BTreeMap<_, _> = rows.skip(2).collect();
    ensure!(!words.is_empty(), "the section {HEADING:?} has no table of words");
    Ok(words)
}

/// Returns the Rust files in `folder` and in the folders within, sorted.
pub(crate) fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries = std::fs::read_dir(folder).with_context(|| format!("can't read {}", folder.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("can't read {}", folder.display()))?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Returns what is wrong with the documentation in `text`, by line.
fn problems_of(text: &str, words: &BTreeMap<String, String>) -> Result<BTreeMap<usize, String>> {
    let mut problems = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let documentation = line.trim_start();
        if !documentation.starts_with("//") {
            continue;
        }
        let width = line.chars().count();
        if width > WIDTH && !documentation.contains("http") && !documentation.contains('|') {
            problems.insert(index + 1, format!("the line has {width} characters, the limit is {WIDTH}"));
        }
        let lower = documentation.to_lowercase();
        for (word, instead) in words {
            if has_word(&lower, word) {
                problems.insert(index + 1, format!("\"{word}\" is not written: {instead}"));
            }
        }
    }
    let mut functions = Functions::default();
    functions.visit_file(&syn::parse_file(text)?);
    for (line, first) in functions.first_lines {
        if !begins_with_a_verb(&first) {
            problems.insert(
                line,
                format!("the first line does not begin with a verb in the third person: {first}"),
            );
        }
    }
    Ok(problems)
}

/// Tells whether `text` holds `word` and not only as a part of a longer one.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '`';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part))
}

/// Tells whether a line begins like "Returns", and not like "This" or "Whether".
fn begins_with_a_verb(line: &str) -> bool {
    let word = line.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    let is_capital = word.starts_with(|c: char| c.is_ascii_uppercase());
    is_capital
        && word.len() > 3
        && word.ends_with('s')
        && !["This", "Whose", "Always", "Others"].contains(&word)
}

/// The first lines of the documentation of public functions, with their places.
#[derive(Default)]
struct Functions {
    first_lines: Vec<(usize, String)>,
}

impl Functions {
    fn note(&mut self, attributes: &[Attribute]) {
        if attributes.iter().any(is_hidden) {
            return;
        }
        let mut lines = attributes.iter().filter_map(|attribute| {
            let Meta::NameValue(value) = &attribute.meta else { return None };
            let Expr::Lit(literal) = &value.value else { return None };
            let Lit::Str(text) = &literal.lit else { return None };
            (attribute.path().is_ident("doc")).then(|| (text.span().start().line, text.value()))
        });
        if let Some((line, text)) = lines.find(|(_, text)| !text.trim().is_empty()) {
            self.first_lines.push((line, text.trim().to_owned()));
        }
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        let is_test = |attribute: &Attribute| {
            attribute.path().is_ident("cfg")
                && quote::ToTokens::to_token_stream(attribute).to_string().contains("test")
        };
        if !module.attrs.iter().any(is_test) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        if matches!(function.vis, Visibility::Public(_)) {
            self.note(&function.attrs);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        if matches!(function.vis, Visibility::Public(_)) {
            self.note(&function.attrs);
        }
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        self.note(&function.attrs);
    }
}

fn is_hidden(attribute: &Attribute) -> bool {
    attribute.path().is_ident("doc")
        && matches!(&attribute.meta, Meta::List(list) if list.tokens.to_string().contains("hidden"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "# C\n\n## Words\n\nText.\n\n| not | but |\n|---|---|\n| whoever | name the person |\n| told | set, returned |\n\n## More\n\n| x | y |\n";

    #[test]
    fn the_word_list_is_read_from_its_table() {
        let words = word_list(LIST).unwrap();
        assert_eq!(words.keys().collect::<Vec<_>>(), ["told", "whoever"]);
        assert!(word_list("# C\n").is_err() && word_list("## Words\n").is_err());
    }

    #[test]
    fn problems_are_found_where_they_are() {
        let words = word_list(LIST).unwrap();
        let long = format!("/// Returns {}\nfn a() {{}}\n", "x".repeat(WIDTH));
        for (text, line, expected) in [
            ("/// The name.\npub fn name() {}\n", 1, "does not begin with a verb"),
            (
                "impl A {\n    /// Whether it is.\n    pub fn is(&self) {}\n}\n",
                2,
                "does not begin with a verb",
            ),
            (
                "trait A {\n    /// Reads.\n    fn a();\n    /// It reads.\n    fn b();\n}\n",
                4,
                "begin with a verb",
            ),
            ("// What it was told.\nfn a() {}\n", 1, "\"told\" is not written: set, returned"),
            (long.as_str(), 1, "characters"),
        ] {
            let problems = problems_of(text, &words).unwrap();
            assert_eq!(problems.len(), 1, "{text}: {problems:?}");
            assert!(problems[&line].contains(expected), "{text}: {problems:?}");
        }
    }

    #[test]
    fn what_is_well_or_not_public_is_no_problem() {
        let words = word_list(LIST).unwrap();
        let text = "/// Returns the name. See `told` and untold.\npub fn name() {}\n/// The rest.\nfn rest() {}\n\
                    #[doc(hidden)]\n/// A part.\npub fn part() {}\n\
                    #[cfg(test)]\nmod tests {\n    /// A test.\n    pub fn test() {}\n}\n";
        assert!(problems_of(text, &words).unwrap().is_empty());
    }
}
