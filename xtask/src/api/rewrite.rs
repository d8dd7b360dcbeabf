//! Signatures with the full paths of what they name, so that an import that moves changes no line.

use std::collections::BTreeSet;

use quote::{ToTokens as _, quote};
use syn::punctuated::Punctuated;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, FnArg, GenericParam, Generics, Pat, PatType, Path, PathSegment, Signature, Type};

use super::names::{Index, Target};
use super::paths::Surface;

/// Puts full paths into the syntax of a module.
pub(super) struct Rewriter<'a> {
    index: &'a Index<'a>,
    surface: &'a Surface,
    module: usize,
    /// An item that is listed under this path, of several that it has.
    listed: Option<(usize, &'a [String])>,
    /// Parameters of types, which no path leads to.
    parameters: BTreeSet<String>,
    /// The items of the crate that were named.
    pub(super) named: BTreeSet<usize>,
}

impl<'a> Rewriter<'a> {
    pub(super) fn new(
        index: &'a Index<'a>,
        surface: &'a Surface,
        module: usize,
        listed: Option<(usize, &'a [String])>,
    ) -> Self {
        Self { index, surface, module, listed, parameters: BTreeSet::new(), named: BTreeSet::new() }
    }

    /// Takes the parameters of `generics` for what they are.
    pub(super) fn know(&mut self, generics: &Generics) {
        self.parameters.extend(generics.params.iter().filter_map(|parameter| match parameter {
            GenericParam::Type(one) => Some(one.ident.to_string()),
            GenericParam::Const(one) => Some(one.ident.to_string()),
            GenericParam::Lifetime(_) => None,
        }));
    }

    /// Whether users can name every item that was named.
    pub(super) fn is_all_public(&self) -> bool {
        self.named.iter().all(|id| self.surface.shortest.contains_key(id))
    }

    /// Puts a full path in place of the first `limit` segments, and returns how many there are now.
    fn rewrite(&mut self, path: &mut Path, limit: usize) -> usize {
        let names: Vec<String> = path.segments.iter().map(|one| one.ident.to_string()).collect();
        let is_known = names.first().is_none_or(|first| first == "Self" || self.parameters.contains(first));
        if limit == 0 || is_known && path.leading_colon.is_none() {
            return limit;
        }
        let found = self.index.resolve(self.module, &names[..limit], path.leading_colon.is_some());
        let Some((target, used)) = found.into_iter().next() else { return limit };
        let full = match target {
            Target::Definition(id) => {
                self.named.insert(id);
                self.path_of(id)
            }
            Target::Generated(inner) => self.surface.of_generated(&inner).unwrap_or(inner),
            Target::External(full) | Target::Unseen(full) => full,
            Target::Macro(_) | Target::Module(_) => return limit,
        };
        let mut full = full.into_iter().map(|name| {
            let name = if name == "crate" { self.index.source.name.clone() } else { name };
            PathSegment::from(syn::Ident::new(&name, proc_macro2::Span::call_site()))
        });
        let mut segments: Punctuated<PathSegment, syn::Token![::]> = full.by_ref().collect();
        // What isn't known leads nowhere else; the arguments stay with the last segment that did.
        let kept = if used > 0 { path.segments[used - 1].arguments.clone() } else { Default::default() };
        if let Some(last) = segments.last_mut() {
            last.arguments = kept;
        }
        let now = segments.len() + limit - used;
        segments.extend(path.segments.iter().skip(used).cloned());
        path.segments = segments;
        path.leading_colon = None;
        now
    }

    /// Returns what a type alias stands for that users can't name, with full paths.
    fn behind_alias(&mut self, of_type: &Type) -> Option<Type> {
        let Type::Path(path) = of_type else { return None };
        let names: Vec<String> = path.path.segments.iter().map(|one| one.ident.to_string()).collect();
        if path.qself.is_some() || self.parameters.contains(names.first()?) {
            return None;
        }
        let found = self.index.resolve(self.module, &names, path.path.leading_colon.is_some());
        let Some((Target::Definition(id), used)) = found.into_iter().next() else { return None };
        let definition = &self.index.definitions[id];
        let syn::Item::Type(alias) =
            &self.index.source.modules[definition.module].items[definition.item].node
        else {
            return None;
        };
        let is_private = !self.surface.shortest.contains_key(&id);
        if !is_private || used < names.len() || !alias.generics.params.is_empty() {
            return None;
        }
        let mut inner = (*alias.ty).clone();
        let mut rewriter = Rewriter::new(self.index, self.surface, definition.module, self.listed);
        rewriter.visit_type_mut(&mut inner);
        self.named.append(&mut rewriter.named);
        Some(inner)
    }

    fn path_of(&self, id: usize) -> Vec<String> {
        if let Some((listed, path)) = self.listed
            && listed == id
        {
            return path.to_owned();
        }
        self.surface.shortest.get(&id).cloned().unwrap_or_else(|| {
            let definition = &self.index.definitions[id];
            let mut path = vec!["crate".to_owned()];
            path.extend(self.index.source.modules[definition.module].path.iter().cloned());
            path.push(definition.name.clone());
            path
        })
    }
}

impl VisitMut for Rewriter<'_> {
    fn visit_attributes_mut(&mut self, attributes: &mut Vec<Attribute>) {
        attributes.clear();
    }

    fn visit_path_mut(&mut self, path: &mut Path) {
        self.rewrite(path, path.segments.len());
        visit_mut::visit_path_mut(self, path);
    }

    fn visit_type_mut(&mut self, of_type: &mut Type) {
        match self.behind_alias(of_type) {
            Some(inner) => *of_type = inner,
            None => visit_mut::visit_type_mut(self, of_type),
        }
    }

    fn visit_type_path_mut(&mut self, of_type: &mut syn::TypePath) {
        match &mut of_type.qself {
            None => self.visit_path_mut(&mut of_type.path),
            // `<T as Trait>::Name`: only the trait has a path.
            Some(qualified) => {
                self.visit_type_mut(&mut qualified.ty);
                qualified.position = self.rewrite(&mut of_type.path, qualified.position);
                visit_mut::visit_path_mut(self, &mut of_type.path);
            }
        }
    }

    fn visit_signature_mut(&mut self, signature: &mut Signature) {
        self.know(&signature.generics);
        for input in &mut signature.inputs {
            match input {
                FnArg::Receiver(receiver) => {
                    if !matches!(receiver.kind, syn::ReceiverKind::Reference(..)) {
                        receiver.mutability = None;
                    }
                }
                FnArg::Typed(argument) => without_pattern(argument),
            }
        }
        visit_mut::visit_signature_mut(self, signature);
    }
}

/// Leaves the name of an argument, or `_` where it is taken apart.
fn without_pattern(argument: &mut PatType) {
    *argument.pat = match &*argument.pat {
        Pat::Ident(pattern) => Pat::Verbatim(pattern.ident.to_token_stream()),
        _ => Pat::Verbatim(quote!(_)),
    };
}
