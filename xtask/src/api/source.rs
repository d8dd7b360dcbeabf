//! The modules of a crate, read from its files.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use syn::spanned::Spanned;
use syn::{Attribute, ItemMacro, Stmt, UseTree, Visibility};

use super::attributes::{self, Conditions};
use super::expand::Rules;

/// More than any crate invokes: a macro that invokes itself for ever ends here.
const MOST_EXPANSIONS: usize = 20_000;

/// Reads a file by its path from the repository's root; none if there is no such file.
pub(super) type Read<'a> = &'a dyn Fn(&str) -> Result<Option<String>>;

/// The modules of a crate. The first is its root.
pub(super) struct Crate {
    /// Its name in paths.
    pub(super) name: String,
    pub(super) modules: Vec<Module>,
    pub(super) macros: Vec<MacroRules>,
    /// How many invocations in the place of items were not expanded, by the macro's name.
    pub(super) unexpanded: BTreeMap<String, usize>,
}

pub(super) struct Module {
    /// Its path within the crate.
    pub(super) path: Vec<String>,
    pub(super) parent: Option<usize>,
    /// Whether it is a block, in which the names of its parent are known.
    pub(super) is_block: bool,
    /// Whether it includes generated code.
    pub(super) is_generated: bool,
    /// Whether it has invocations that were not expanded.
    pub(super) is_partial: bool,
    pub(super) is_public: bool,
    pub(super) hidden: bool,
    pub(super) file: String,
    /// Those of the modules around it and its own.
    pub(super) conditions: Conditions,
    pub(super) items: Vec<Item>,
    /// Where the files of its modules are.
    folder: PathBuf,
}

impl Module {
    /// Says where `syntax` is: file and line.
    pub(super) fn place(&self, syntax: &impl Spanned) -> String {
        format!("{}:{}", self.file, syntax.span().start().line)
    }
}

/// An item that is neither a module nor of a macro.
pub(super) struct Item {
    pub(super) node: syn::Item,
    /// Those of the modules around it and its own.
    pub(super) conditions: Conditions,
    pub(super) hidden: bool,
}

#[derive(Debug)]
pub(super) struct MacroRules {
    pub(super) name: String,
    pub(super) module: usize,
    pub(super) is_exported: bool,
    pub(super) conditions: Conditions,
    pub(super) hidden: bool,
    pub(super) rules: Rules,
}

/// An invocation that may define items.
struct Invocation {
    module: usize,
    conditions: Conditions,
    node: ItemMacro,
}

struct Reader<'a> {
    read: Read<'a>,
    found: Crate,
    invocations: VecDeque<Invocation>,
}

/// Reads the crate `name` whose root is `src/lib.rs` in `folder`.
pub(super) fn read(name: &str, folder: &str, read: Read<'_>) -> Result<Crate> {
    let found =
        Crate { name: name.to_owned(), modules: Vec::new(), macros: Vec::new(), unexpanded: BTreeMap::new() };
    let mut reader = Reader { read, found, invocations: VecDeque::new() };
    let folder = Path::new(folder).join("src");
    let root = &slashed(&folder.join("lib.rs"));
    let text = read(root)?.with_context(|| format!("{root} isn't there"))?;
    let file = parse(root, &text)?;
    reader.found.modules.push(Module {
        path: Vec::new(),
        parent: None,
        is_block: false,
        is_generated: false,
        is_partial: false,
        is_public: true,
        hidden: false,
        file: root.to_owned(),
        conditions: Conditions::new(),
        items: Vec::new(),
        folder,
    });
    reader.items(0, &Conditions::new(), file.items)?;
    reader.expand()?;
    Ok(reader.found)
}

/// Writes a path as on any system.
fn slashed(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

fn parse(file: &str, text: &str) -> Result<syn::File> {
    syn::parse_file(text).map_err(|error| anyhow::anyhow!("{file}:{}: {error}", error.span().start().line))
}

impl Reader<'_> {
    /// Adds `items` to a module, each with `conditions` besides its own.
    fn items(&mut self, module: usize, conditions: &Conditions, items: Vec<syn::Item>) -> Result<()> {
        for node in items {
            let Some(gate) = attributes::gate(attributes_of(&node)) else { continue };
            let mut conditions: Conditions = conditions | &gate.conditions;
            conditions.extend(self.found.modules[module].conditions.iter().cloned());
            match node {
                syn::Item::Mod(node) => self.module(module, conditions, gate.hidden, node)?,
                syn::Item::Macro(node) => self.of_macro(module, conditions, gate.hidden, node)?,
                syn::Item::Const(node) if node.ident == "_" => {
                    if let syn::Expr::Block(block) = *node.expr {
                        self.block(module, conditions, block.block)?;
                    }
                }
                node => {
                    self.found.modules[module].items.push(Item { node, conditions, hidden: gate.hidden });
                }
            }
        }
        Ok(())
    }

    fn module(
        &mut self,
        parent: usize,
        conditions: Conditions,
        hidden: bool,
        node: syn::ItemMod,
    ) -> Result<()> {
        let name = node.ident.to_string();
        let around = &self.found.modules[parent];
        let mut path = around.path.clone();
        path.push(name.clone());
        let own_path = attributes::value(&node.attrs, "path");
        let (file, folder, items) = match node.content {
            Some((_, items)) => (around.file.clone(), around.folder.join(own_path.unwrap_or(name)), items),
            None => {
                let candidates = match own_path {
                    Some(own) => {
                        let beside = Path::new(&around.file).parent().unwrap_or(Path::new("")).join(own);
                        let folder = beside.parent().unwrap_or(Path::new("")).to_owned();
                        vec![(beside, folder)]
                    }
                    None => {
                        let folder = around.folder.join(&name);
                        vec![(folder.with_extension("rs"), folder.clone()), (folder.join("mod.rs"), folder)]
                    }
                };
                let mut found = None;
                for (file, folder) in &candidates {
                    let file = slashed(file);
                    if let Some(text) = (self.read)(&file)? {
                        found = Some((file, folder.clone(), text));
                        break;
                    }
                }
                let Some((file, folder, text)) = found else {
                    let files: Vec<String> = candidates.iter().map(|(file, _)| slashed(file)).collect();
                    bail!(
                        "{}: the module {name} has no file: there is no {}",
                        around.place(&node.ident),
                        files.join(" and no ")
                    );
                };
                let items = parse(&file, &text)?.items;
                (file, folder, items)
            }
        };
        let index = self.found.modules.len();
        self.found.modules.push(Module {
            path,
            parent: Some(parent),
            is_block: false,
            is_generated: false,
            is_partial: false,
            is_public: matches!(node.vis, Visibility::Public(_)),
            hidden,
            file,
            conditions: conditions.clone(),
            items: Vec::new(),
            folder,
        });
        self.items(index, &conditions, items)
    }

    /// Adds the items of a block such as that of `const _: () = { … };`.
    fn block(&mut self, parent: usize, conditions: Conditions, block: syn::Block) -> Result<()> {
        let around = &self.found.modules[parent];
        let index = self.found.modules.len();
        self.found.modules.push(Module {
            path: around.path.clone(),
            parent: Some(parent),
            is_block: true,
            is_generated: false,
            is_partial: false,
            is_public: false,
            hidden: false,
            file: around.file.clone(),
            conditions: conditions.clone(),
            items: Vec::new(),
            folder: around.folder.clone(),
        });
        let items = block.stmts.into_iter().filter_map(|statement| match statement {
            Stmt::Item(item) => Some(item),
            Stmt::Macro(call) => Some(syn::Item::Macro(ItemMacro {
                attrs: call.attrs,
                ident: None,
                mac: call.mac,
                semi_token: call.semi_token,
            })),
            Stmt::Local(_) | Stmt::Expr(..) => None,
        });
        self.items(index, &conditions, items.collect())
    }

    fn of_macro(
        &mut self,
        module: usize,
        conditions: Conditions,
        hidden: bool,
        node: ItemMacro,
    ) -> Result<()> {
        match &node.ident {
            Some(name) if node.mac.path.is_ident("macro_rules") => {
                let rules = Rules::read(node.mac.tokens.clone());
                self.found.macros.push(MacroRules {
                    name: name.to_string(),
                    module,
                    is_exported: attributes::has(&node.attrs, "macro_export"),
                    conditions,
                    hidden,
                    rules: rules.map_err(|error| self.at(module, &error))?,
                });
            }
            _ if node.mac.path.is_ident("include") => self.found.modules[module].is_generated = true,
            _ => self.invocations.push_back(Invocation { module, conditions, node }),
        }
        Ok(())
    }

    fn at(&self, module: usize, error: &syn::Error) -> anyhow::Error {
        anyhow::anyhow!("{}: {error}", self.found.modules[module].place(&error.span()))
    }

    /// Expands what the crate's own macros define; what they define may invoke macros in turn.
    fn expand(&mut self) -> Result<()> {
        let mut expansions = 0;
        while let Some(Invocation { module, conditions, node }) = self.invocations.pop_front() {
            let Some(rules) = self.rules(module, &node.mac.path) else {
                let name = node.mac.path.segments.last().map(|last| last.ident.to_string());
                *self.found.unexpanded.entry(name.unwrap_or_default()).or_default() += 1;
                self.found.modules[module].is_partial = true;
                continue;
            };
            expansions += 1;
            let place = self.found.modules[module].place(&node.mac.path);
            ensure!(expansions <= MOST_EXPANSIONS, "{place}: more than {MOST_EXPANSIONS} macro invocations");
            let items = rules.expand(&node.mac.tokens).and_then(syn::parse2::<syn::File>);
            let items = items.map_err(|error| anyhow::anyhow!("{place}: {error}"))?.items;
            self.items(module, &conditions, items)?;
        }
        Ok(())
    }

    /// Finds the rules of an own macro: in the modules around, or where it is imported from.
    fn rules(&self, module: usize, path: &syn::Path) -> Option<Rules> {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let name = segments.last()?;
        let named: Vec<&MacroRules> = self.found.macros.iter().filter(|one| one.name == *name).collect();
        let is_own = |first: &str| matches!(first, "crate" | "self" | "super");
        let mut around = Some(module);
        if segments.len() == 1 {
            while let Some(index) = around {
                if let Some(found) = named.iter().rev().find(|one| one.module == index) {
                    return Some(found.rules.clone());
                }
                around = self.found.modules[index].parent;
            }
            let imported = self.found.modules[module].items.iter().any(|item| match &item.node {
                syn::Item::Use(node) => match &node.tree {
                    UseTree::Path(path) => is_own(&path.ident.to_string()) && imports(&path.tree, name),
                    _ => false,
                },
                _ => false,
            });
            if !imported {
                return None;
            }
        } else if !is_own(&segments[0]) {
            return None;
        }
        match &named[..] {
            [one] => Some(one.rules.clone()),
            _ => None,
        }
    }
}

fn imports(tree: &UseTree, name: &str) -> bool {
    match tree {
        UseTree::Path(path) => imports(&path.tree, name),
        UseTree::Name(one) => one.ident == name,
        UseTree::Group(group) => group.items.iter().any(|one| imports(one, name)),
        UseTree::Rename(_) | UseTree::Glob(_) => false,
    }
}

fn attributes_of(node: &syn::Item) -> &[Attribute] {
    match node {
        syn::Item::Const(node) => &node.attrs,
        syn::Item::Enum(node) => &node.attrs,
        syn::Item::ExternCrate(node) => &node.attrs,
        syn::Item::Fn(node) => &node.attrs,
        syn::Item::ForeignMod(node) => &node.attrs,
        syn::Item::Impl(node) => &node.attrs,
        syn::Item::Macro(node) => &node.attrs,
        syn::Item::Mod(node) => &node.attrs,
        syn::Item::Static(node) => &node.attrs,
        syn::Item::Struct(node) => &node.attrs,
        syn::Item::Trait(node) => &node.attrs,
        syn::Item::TraitAlias(node) => &node.attrs,
        syn::Item::Type(node) => &node.attrs,
        syn::Item::Union(node) => &node.attrs,
        syn::Item::Use(node) => &node.attrs,
        _ => &[],
    }
}
