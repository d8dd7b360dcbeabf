//! The names of each module, and what a path from a module leads to.

use std::cell::RefCell;
use std::collections::BTreeSet;

use syn::{ItemUse, UseTree, Visibility};

use super::attributes::Conditions;
use super::source::Crate;

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// An item that other items can name, by its index.
    Definition(usize),
    /// A macro of the crate, by its index.
    Macro(usize),
    /// A module, by its index.
    Module(usize),
    /// Something of another crate, or of the language.
    External(Vec<String>),
    /// Something in generated code.
    Generated(Vec<String>),
    /// Something that may be defined by a macro that was not expanded.
    Unseen(Vec<String>),
}

/// An item that others can name.
#[derive(Debug)]
pub(super) struct Definition {
    pub(super) name: String,
    pub(super) module: usize,
    /// Its index in the module's items.
    pub(super) item: usize,
    pub(super) is_public: bool,
    is_type: bool,
}

/// An import of one name, or of all.
#[derive(Debug)]
pub(super) struct Import {
    /// The name that it gives; none for a glob.
    pub(super) name: Option<String>,
    pub(super) path: Vec<String>,
    /// Whether the path begins with the name of another crate.
    absolute: bool,
    pub(super) is_public: bool,
    pub(super) hidden: bool,
    pub(super) conditions: Conditions,
    /// Its index in the module's items.
    pub(super) item: usize,
}

/// The names of a module.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) own: Vec<(String, Target)>,
    pub(super) imports: Vec<Import>,
}

/// The names of all modules of a crate.
pub(super) struct Index<'a> {
    pub(super) source: &'a Crate,
    pub(super) definitions: Vec<Definition>,
    pub(super) names: Vec<Names>,
    /// The imports that are being followed: one that leads to itself names another crate.
    following: RefCell<BTreeSet<(usize, usize)>>,
    /// The lookups in globs that are under way.
    searching: RefCell<BTreeSet<(usize, String)>>,
}

impl<'a> Index<'a> {
    pub(super) fn of(source: &'a Crate) -> Self {
        let mut definitions = Vec::new();
        let mut names: Vec<Names> = source.modules.iter().map(|_| Names::default()).collect();
        for (index, module) in source.modules.iter().enumerate() {
            if let (Some(parent), Some(name), false) = (module.parent, module.path.last(), module.is_block) {
                names[parent].own.push((name.clone(), Target::Module(index)));
            }
            for (at, item) in module.items.iter().enumerate() {
                match &item.node {
                    syn::Item::Use(node) => {
                        imports(node, at, item.hidden, &item.conditions, &mut names[index])
                    }
                    syn::Item::ExternCrate(node) => {
                        let (crate_name, absolute) = match node.ident.to_string() {
                            own if own == "self" => ("crate".to_owned(), false),
                            other => (other, true),
                        };
                        names[index].imports.push(Import {
                            name: Some(
                                node.rename.as_ref().map_or(&node.ident, |(_, name)| name).to_string(),
                            ),
                            path: vec![crate_name],
                            absolute,
                            is_public: is_public(&node.vis),
                            hidden: item.hidden,
                            conditions: item.conditions.clone(),
                            item: at,
                        });
                    }
                    node => {
                        if let Some((name, vis, is_type)) = defined(node) {
                            names[index].own.push((name.clone(), Target::Definition(definitions.len())));
                            definitions.push(Definition {
                                name,
                                module: index,
                                item: at,
                                is_public: is_public(vis),
                                is_type,
                            });
                        }
                    }
                }
            }
        }
        for (index, one) in source.macros.iter().enumerate() {
            names[one.module].own.push((one.name.clone(), Target::Macro(index)));
            if one.is_exported && one.module != 0 {
                names[0].own.push((one.name.clone(), Target::Macro(index)));
            }
        }
        Self { source, definitions, names, following: RefCell::default(), searching: RefCell::default() }
    }

    /// Returns what the import at `at` in a module leads to. More than one, where a type and a function share
    /// a name; none, where it is being followed.
    pub(super) fn imported(&self, module: usize, at: usize) -> Vec<Target> {
        let import = &self.names[module].imports[at];
        if !self.following.borrow_mut().insert((module, at)) {
            return Vec::new();
        }
        let found = self.resolve(module, &import.path, import.absolute);
        self.following.borrow_mut().remove(&(module, at));
        found.into_iter().filter_map(|(target, used)| (used == import.path.len()).then_some(target)).collect()
    }

    /// Returns what `path`, of types where it can be told, leads to, and how many segments led there.
    pub(super) fn resolve(&self, module: usize, path: &[String], absolute: bool) -> Vec<(Target, usize)> {
        let Some((first, _)) = path.split_first() else { return Vec::new() };
        if absolute {
            return vec![(Target::External(path.to_owned()), path.len())];
        }
        let mut at = 1;
        let mut found = match first.as_str() {
            "crate" => vec![Target::Module(0)],
            "self" => vec![Target::Module(self.outside_of_blocks(module))],
            "super" => match self.source.modules[self.outside_of_blocks(module)].parent {
                Some(parent) => vec![Target::Module(parent)],
                None => return Vec::new(),
            },
            _ => self.visible(module, first),
        };
        if found.is_empty() {
            return vec![(Target::External(path.to_owned()), path.len())];
        }
        while at < path.len() {
            let Some(around) = found.iter().find(|one| self.is_of_types(one)).cloned() else {
                return Vec::new();
            };
            found = match around {
                Target::Module(inner) if path[at] == "super" => match self.source.modules[inner].parent {
                    Some(parent) => vec![Target::Module(parent)],
                    None => return Vec::new(),
                },
                Target::Module(inner) if path[at] == "self" => vec![Target::Module(inner)],
                Target::Module(inner) => self.inside(inner, &path[at]),
                Target::External(mut outer) => {
                    outer.extend_from_slice(&path[at..]);
                    return vec![(Target::External(outer), path.len())];
                }
                Target::Generated(mut outer) | Target::Unseen(mut outer) => {
                    outer.extend_from_slice(&path[at..]);
                    return vec![(Target::Generated(outer), path.len())];
                }
                of_item @ (Target::Definition(_) | Target::Macro(_)) => return vec![(of_item, at)],
            };
            at += 1;
        }
        found.sort_by_key(|one| !self.is_of_types(one));
        found.into_iter().map(|target| (target, path.len())).collect()
    }

    fn is_of_types(&self, target: &Target) -> bool {
        match target {
            Target::Definition(id) => self.definitions[*id].is_type,
            Target::Macro(_) => false,
            Target::Module(_) | Target::External(_) | Target::Generated(_) | Target::Unseen(_) => true,
        }
    }

    fn outside_of_blocks(&self, mut module: usize) -> usize {
        while let (true, Some(parent)) =
            (self.source.modules[module].is_block, self.source.modules[module].parent)
        {
            module = parent;
        }
        module
    }

    /// Returns what `name` stands for in a module, or in the blocks around.
    fn visible(&self, mut module: usize, name: &str) -> Vec<Target> {
        loop {
            let found = self.known(module, name);
            let around = &self.source.modules[module];
            match around.parent {
                Some(parent) if found.is_empty() && around.is_block => module = parent,
                _ => return found,
            }
        }
    }

    /// Returns what `name` stands for inside a module. It may be in code that can't be seen.
    fn inside(&self, module: usize, name: &str) -> Vec<Target> {
        let found = self.known(module, name);
        if !found.is_empty() {
            return found;
        }
        let around = &self.source.modules[module];
        let mut path = vec!["crate".to_owned()];
        path.extend(around.path.iter().cloned());
        path.push(name.to_owned());
        match (around.is_generated, around.is_partial) {
            (true, _) => vec![Target::Generated(path)],
            (_, true) => vec![Target::Unseen(path)],
            _ => Vec::new(),
        }
    }

    fn known(&self, module: usize, name: &str) -> Vec<Target> {
        let names = &self.names[module];
        let mut found: BTreeSet<Target> =
            names.own.iter().filter(|(own, _)| own == name).map(|(_, target)| target.clone()).collect();
        let named = |name: Option<&str>| {
            let imports = names.imports.iter().enumerate();
            let found = imports.filter(|(_, import)| import.name.as_deref() == name).map(|(at, _)| at);
            found.collect::<Vec<_>>()
        };
        for at in named(Some(name)) {
            found.extend(self.imported(module, at));
        }
        if found.is_empty() && self.searching.borrow_mut().insert((module, name.to_owned())) {
            for at in named(None) {
                for target in self.imported(module, at) {
                    if let Target::Module(inner) = target {
                        found.extend(self.known(inner, name));
                    }
                }
            }
            self.searching.borrow_mut().remove(&(module, name.to_owned()));
        }
        found.into_iter().collect()
    }
}

pub(super) fn is_public(vis: &Visibility) -> bool {
    matches!(vis, Visibility::Public(_))
}

/// Returns the name and visibility of what others can name, and whether it is a type or a trait.
fn defined(node: &syn::Item) -> Option<(String, &Visibility, bool)> {
    let (ident, vis, is_type) = match node {
        syn::Item::Const(node) => (&node.ident, &node.vis, false),
        syn::Item::Enum(node) => (&node.ident, &node.vis, true),
        syn::Item::Fn(node) => (&node.sig.ident, &node.vis, false),
        syn::Item::Static(node) => (&node.ident, &node.vis, false),
        syn::Item::Struct(node) => (&node.ident, &node.vis, true),
        syn::Item::Trait(node) => (&node.ident, &node.vis, true),
        syn::Item::Type(node) => (&node.ident, &node.vis, true),
        syn::Item::Union(node) => (&node.ident, &node.vis, true),
        _ => return None,
    };
    Some((ident.to_string(), vis, is_type))
}

fn imports(node: &ItemUse, item: usize, hidden: bool, conditions: &Conditions, names: &mut Names) {
    let mut add = |path: Vec<String>, name: Option<String>| {
        names.imports.push(Import {
            name,
            path,
            absolute: node.leading_colon.is_some(),
            is_public: is_public(&node.vis),
            hidden,
            conditions: conditions.clone(),
            item,
        });
    };
    leaves(&node.tree, &mut Vec::new(), &mut add);
}

fn leaves(tree: &UseTree, path: &mut Vec<String>, add: &mut impl FnMut(Vec<String>, Option<String>)) {
    let with = |path: &Vec<String>, ident: &syn::Ident| {
        let mut path = path.clone();
        // `a::{self}` is `a`.
        if ident != "self" || path.is_empty() {
            path.push(ident.to_string());
        }
        path
    };
    match tree {
        UseTree::Path(inner) => {
            path.push(inner.ident.to_string());
            leaves(&inner.tree, path, add);
            path.pop();
        }
        UseTree::Name(one) => {
            let path = with(path, &one.ident);
            let name = path.last().cloned();
            add(path, name);
        }
        UseTree::Rename(one) if one.rename == "_" => {}
        UseTree::Rename(one) => add(with(path, &one.ident), Some(one.rename.to_string())),
        UseTree::Glob(_) => add(path.clone(), None),
        UseTree::Group(group) => group.items.iter().for_each(|one| leaves(one, path, add)),
    }
}
