//! What types have beyond their declaration: inherent items, and the traits that they implement.

use std::collections::BTreeSet;

use syn::visit_mut::VisitMut as _;
use syn::{GenericParam, Generics, ImplItem, ItemImpl, Type};

use super::attributes::{self, Conditions};
use super::names::{Index, Target, is_public};
use super::paths::{Surface, What, ending};
use super::render::{Line, add, bounds, function, literal};
use super::rewrite::Rewriter;
use super::source::Item;
use super::tokens::{self, text};

/// Traits of the standard library that can be derived and, other than the rest, are not in its prelude.
const OUTSIDE_OF_PRELUDE: [(&str, &str); 2] = [("Debug", "std::fmt::Debug"), ("Hash", "std::hash::Hash")];

/// Traits of the standard library that can be derived and are in its prelude.
const IN_PRELUDE: [&str; 7] = ["Clone", "Copy", "Default", "Eq", "Ord", "PartialEq", "PartialOrd"];

/// Adds what impl blocks and `derive` give to what users can name.
pub(super) fn lines(index: &Index<'_>, surface: &Surface, lines: &mut BTreeSet<Line>) {
    let context = Context { index, surface };
    for (module, found) in index.source.modules.iter().enumerate() {
        for item in found.items.iter().filter(|item| !item.hidden) {
            if let syn::Item::Impl(node) = &item.node {
                context.block(module, item, node, lines);
            }
        }
    }
    for one in &surface.all {
        if let What::Definition(id) = one.what {
            context.derived(id, &one.path, &one.conditions, lines);
        }
    }
}

/// An item that is listed under the path, where it is one of the crate's own, and when it is there.
type Home = (Option<usize>, Vec<String>, Conditions);

struct Context<'a> {
    index: &'a Index<'a>,
    surface: &'a Surface,
}

impl Context<'_> {
    /// Returns the item of the crate, or of its generated code, that a type is or refers to.
    fn head(&self, module: usize, of: &Type, generics: &Generics) -> Option<Target> {
        match of {
            Type::Path(path) if path.qself.is_none() => {
                let names: Vec<String> =
                    path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
                let is_parameter = generics.params.iter().any(|parameter| {
                    matches!(parameter, GenericParam::Type(one) if path.path.is_ident(&one.ident))
                });
                if is_parameter {
                    return None;
                }
                self.definition(module, &names, path.path.leading_colon.is_some())
            }
            Type::Reference(reference) => self.head(module, &reference.elem, generics),
            Type::Group(group) => self.head(module, &group.elem, generics),
            Type::Paren(paren) => self.head(module, &paren.elem, generics),
            _ => None,
        }
    }

    fn definition(&self, module: usize, path: &[String], absolute: bool) -> Option<Target> {
        match self.index.resolve(module, path, absolute).into_iter().next() {
            Some((target @ (Target::Definition(_) | Target::Generated(_)), used)) if used == path.len() => {
                Some(target)
            }
            _ => None,
        }
    }

    /// Returns the paths of what a block is listed with, with their conditions.
    fn homes(&self, head: Option<Target>, is_of_trait: bool) -> Vec<Home> {
        match head {
            Some(Target::Definition(id)) => {
                let all = self.surface.all.iter().filter(|one| one.what == What::Definition(id));
                all.map(|one| (Some(id), one.path.clone(), one.conditions.clone())).collect()
            }
            Some(Target::Generated(inner)) => {
                let public = self.surface.of_generated(&inner);
                public.into_iter().map(|path| (None, path, Conditions::new())).collect()
            }
            // It is listed with what its head names.
            _ if is_of_trait => vec![(None, Vec::new(), Conditions::new())],
            _ => Vec::new(),
        }
    }

    fn block(&self, module: usize, item: &Item, node: &ItemImpl, lines: &mut BTreeSet<Line>) {
        let of_type = self.head(module, &node.self_ty, &node.generics);
        let of_trait = node.trait_.as_ref().and_then(|(path, _)| {
            let names: Vec<String> = path.segments.iter().map(|one| one.ident.to_string()).collect();
            self.definition(module, &names, path.leading_colon.is_some())
        });
        // A type of another crate is listed with the trait that it implements.
        for (id, path, conditions) in self.homes(of_type.or(of_trait), node.trait_.is_some()) {
            let path = path.as_slice();
            let mut node = node.clone();
            let mut rewriter = Rewriter::new(self.index, self.surface, module, id.map(|id| (id, path)));
            rewriter.know(&node.generics);
            rewriter.visit_type_mut(&mut node.self_ty);
            if let Some((path, _)) = &mut node.trait_ {
                rewriter.visit_path_mut(path);
            }
            let named = rewriter.named.first().copied();
            if !rewriter.is_all_public() {
                continue;
            }
            rewriter.visit_generics_mut(&mut node.generics);
            let conditions = &conditions | &item.conditions;
            if node.trait_.is_none() {
                self.inherent(module, &node, (id, path), &conditions, lines);
                continue;
            }
            let home = if path.is_empty() {
                named.and_then(|id| self.surface.shortest.get(&id).cloned())
            } else {
                Some(path.to_owned())
            };
            if let Some(home) = home {
                let text = self.of_trait(module, &node, id.map(|id| (id, path)), &item.conditions);
                let text = text + &ending(&conditions);
                lines.insert(Line { path: home, is_implementation: true, text });
            }
        }
    }

    /// Writes an implementation of a trait, with the types that it chooses. `node` has full paths.
    fn of_trait(
        &self,
        module: usize,
        node: &ItemImpl,
        listed: Option<(usize, &[String])>,
        outer: &Conditions,
    ) -> String {
        let mut types = Vec::new();
        for item in &node.items {
            let ImplItem::Type(one) = item else { continue };
            let Some(gate) = attributes::gate(&one.attrs) else { continue };
            let mut one = one.clone();
            let mut rewriter = Rewriter::new(self.index, self.surface, module, listed);
            rewriter.know(&node.generics);
            rewriter.know(&one.generics);
            rewriter.visit_type_mut(&mut one.ty);
            let own: Conditions = &gate.conditions - outer;
            types.push(format!(
                "type {}{} = {}{};",
                one.ident,
                text(&one.generics),
                text(&one.ty),
                ending(&own)
            ));
        }
        let types = if types.is_empty() { String::new() } else { format!(" {{ {} }}", types.join(" ")) };
        let (not, of) = match &node.trait_ {
            Some((path, _)) => (if node.modifiers.polarity.is_some() { "!" } else { "" }, text(path)),
            None => ("", String::new()),
        };
        format!(
            "{}impl{} {not}{of} for {}{}{types}",
            if node.unsafety.is_some() { "unsafe " } else { "" },
            text(&node.generics),
            text(&node.self_ty),
            bounds(None, &node.generics),
        )
    }

    /// Adds the public items of an inherent impl block. `node` has full paths in its head.
    fn inherent(
        &self,
        module: usize,
        node: &ItemImpl,
        (id, path): (Option<usize>, &[String]),
        conditions: &Conditions,
        lines: &mut BTreeSet<Line>,
    ) {
        let of = text(&node.self_ty);
        for item in &node.items {
            let mut rewriter = Rewriter::new(self.index, self.surface, module, id.map(|id| (id, path)));
            rewriter.know(&node.generics);
            let (attributes, vis, name, line) = match item.clone() {
                ImplItem::Const(mut one) => {
                    rewriter.visit_type_mut(&mut one.ty);
                    let bounds = bounds(Some(&node.generics), &one.generics);
                    let value = literal(&one.expr);
                    let line = format!("const {of}::{}: {}{value}{bounds}", one.ident, text(&one.ty));
                    (one.attrs, one.vis, one.ident, line)
                }
                ImplItem::Fn(mut one) => {
                    rewriter.visit_signature_mut(&mut one.sig);
                    let line = function(&one.sig, &format!("{of}::{}", one.sig.ident), Some(&node.generics));
                    (one.attrs, one.vis, one.sig.ident, line)
                }
                ImplItem::Type(mut one) => {
                    rewriter.know(&one.generics);
                    rewriter.visit_type_mut(&mut one.ty);
                    let line = format!("type {of}::{} = {}", one.ident, text(&one.ty));
                    (one.attrs, one.vis, one.ident, line)
                }
                _ => continue,
            };
            if !is_public(&vis) {
                continue;
            }
            if let Some(gate) = attributes::gate(&attributes).filter(|gate| !gate.hidden) {
                let path = [path, &[name.to_string()]].concat();
                let line = attributes::noticed(&attributes) + &line;
                add(lines, &path, line, &(conditions | &gate.conditions));
            }
        }
    }

    /// Adds what an item derives.
    fn derived(&self, id: usize, path: &[String], conditions: &Conditions, lines: &mut BTreeSet<Line>) {
        let definition = &self.index.definitions[id];
        let item = &self.index.source.modules[definition.module].items[definition.item];
        let (attrs, generics) = match &item.node {
            syn::Item::Struct(node) => (&node.attrs, &node.generics),
            syn::Item::Enum(node) => (&node.attrs, &node.generics),
            syn::Item::Union(node) => (&node.attrs, &node.generics),
            _ => return,
        };
        for (mut derived, own) in attributes::derives(attrs) {
            let mut rewriter = Rewriter::new(self.index, self.surface, definition.module, Some((id, path)));
            let written = derived.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
            rewriter.visit_path_mut(&mut derived);
            let outside = OUTSIDE_OF_PRELUDE.iter().find(|(name, _)| *name == written);
            // An import of the trait brings the macro with it.
            let full = tokens::path(&derived);
            let is_standard = full == written || full.starts_with("std::") || full.starts_with("core::");
            let name = match outside {
                Some((_, full)) if is_standard => (*full).to_owned(),
                None if is_standard && IN_PRELUDE.contains(&written.as_str()) => written,
                _ => full,
            };
            let is_standard = is_standard && (outside.is_some() || IN_PRELUDE.contains(&name.as_str()));
            let mut generics = generics.clone();
            rewriter.know(&generics);
            rewriter.visit_generics_mut(&mut generics);
            let text = format!(
                "impl{} {name} for {}{}{}",
                derived_parameters(&generics, if is_standard { &name } else { "" }),
                path.join("::"),
                arguments(&generics),
                bounds(None, &generics),
            );
            let text = text + &ending(&(conditions | &own));
            lines.insert(Line { path: path.to_owned(), is_implementation: true, text });
        }
    }
}

/// Writes the parameters of a type as those of an impl block that binds each type to `of_trait`.
fn derived_parameters(generics: &Generics, of_trait: &str) -> String {
    let said: Vec<String> = generics
        .params
        .iter()
        .map(|parameter| match parameter {
            GenericParam::Type(one) => {
                let mut bounds: Vec<String> = one.bounds.iter().map(text).collect();
                bounds.extend((!of_trait.is_empty()).then(|| of_trait.to_owned()));
                let colon = if bounds.is_empty() { "" } else { ": " };
                format!("{}{colon}{}", one.ident, bounds.join(" + "))
            }
            GenericParam::Const(one) => format!("const {}: {}", one.ident, text(&one.ty)),
            GenericParam::Lifetime(one) => text(one),
        })
        .collect();
    if said.is_empty() { String::new() } else { format!("<{}>", said.join(", ")) }
}

/// Writes the parameters of a type as its arguments.
fn arguments(generics: &Generics) -> String {
    let said: Vec<String> = generics
        .params
        .iter()
        .map(|parameter| match parameter {
            GenericParam::Type(one) => one.ident.to_string(),
            GenericParam::Const(one) => one.ident.to_string(),
            GenericParam::Lifetime(one) => one.lifetime.to_string(),
        })
        .collect();
    if said.is_empty() { String::new() } else { format!("<{}>", said.join(", ")) }
}
