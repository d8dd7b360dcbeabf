//! The names in the sources of the workspace.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, anyhow};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use waldur_api_codegen::names;

use crate::layout::Layout;
use crate::words::rust_files;

/// The folders of the code that is compiled with the client. The sandbox, which stands in for a server, does
/// without.
const SOURCES: [&str; 5] = [
    "waldur-api-client/src",
    "waldur-api-client/tests",
    "waldur-api-client/benches",
    "waldur-sdk",
    "tests/contract",
];

/// Every name in the sources. Code can use an operation, a parameter, a model, a field or a variant only by
/// its name, so what isn't among them isn't used.
#[derive(Debug, Default)]
pub(super) struct Names {
    all: BTreeSet<String>,
    /// Those that are called without arguments.
    called: BTreeSet<String>,
}

impl Names {
    /// Reads the sources of the repository. A folder that isn't there has none.
    pub(super) fn read(layout: &Layout) -> Result<Self> {
        let mut names = Self::default();
        for folder in SOURCES.map(|folder| layout.file(folder)).iter().filter(|folder| folder.exists()) {
            for path in rust_files(folder)? {
                let text = std::fs::read_to_string(&path)
                    .with_context(|| format!("can't read {}", layout.said(&path)))?;
                let tokens: TokenStream =
                    text.parse().map_err(|error| anyhow!("{} isn't Rust: {error}", layout.said(&path)))?;
                names.add(tokens);
            }
        }
        Ok(names)
    }

    /// Adds the names in `tokens`.
    pub(super) fn add(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Group(group) => self.add(group.stream()),
                TokenTree::Ident(name) => {
                    let name = name.to_string().trim_start_matches("r#").to_owned();
                    if matches!(tokens.peek(), Some(TokenTree::Group(group))
                        if group.delimiter() == Delimiter::Parenthesis && group.stream().is_empty())
                    {
                        self.called.insert(name.clone());
                    }
                    self.all.insert(name);
                }
                _ => {}
            }
        }
    }

    /// Tells whether the sources have `name`.
    pub(super) fn have(&self, name: &str) -> bool {
        self.all.contains(name)
    }

    /// Tells whether the sources may use the operation `id`. A name of one word is too common to tell, unless
    /// it is called as the functions of the client are.
    pub(super) fn have_operation(&self, id: &str) -> bool {
        let function = names::function(id);
        let function_is_there =
            if function.contains('_') { self.have(&function) } else { self.called.contains(&function) };
        function_is_there || (function.contains('_') && self.have(&names::builder(id)))
    }
}
