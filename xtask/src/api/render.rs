//! The lines of a listing: one for each item that users can name, and for each of its parts.

use std::collections::BTreeSet;

use syn::visit_mut::VisitMut as _;
use syn::{Expr, ExprLit, ExprUnary, Field, Fields, Generics, Signature, TraitItem, UnOp};

use super::attributes::{self, Conditions};
use super::implementations;
use super::names::{Index, is_public};
use super::paths::{Surface, What, ending, macro_line};
use super::rewrite::Rewriter;
use super::tokens::text;

/// Stands for what isn't listed: private fields, or the default of a trait's item.
pub(super) const LEFT_OUT: &str = " { .. }";

/// A line, in the order of the listing: by path, an item before its implementations before its parts.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Line {
    pub(super) path: Vec<String>,
    pub(super) is_implementation: bool,
    pub(super) text: String,
}

/// Writes everything that users can name.
pub(super) fn lines(index: &Index<'_>, surface: &Surface) -> BTreeSet<Line> {
    let mut lines = BTreeSet::new();
    for one in &surface.all {
        let said = one.path.join("::");
        match &one.what {
            What::Definition(id) => {
                let writer = Writer { index, surface, id: *id, path: &one.path, conditions: &one.conditions };
                writer.item(&mut lines);
            }
            What::Macro(id) => {
                add(&mut lines, &one.path, macro_line(index, *id, &one.path), &one.conditions);
            }
            What::Module => add(&mut lines, &one.path, format!("mod {said}"), &one.conditions),
            What::Other(other) => {
                add(&mut lines, &one.path, format!("use {said} = {other}"), &one.conditions);
            }
        }
    }
    implementations::lines(index, surface, &mut lines);
    lines
}

pub(super) fn add(lines: &mut BTreeSet<Line>, path: &[String], text: String, conditions: &Conditions) {
    let text = text + &ending(conditions);
    lines.insert(Line { path: path.to_owned(), is_implementation: false, text });
}

/// Writes a `where` clause with the bounds of `outer`, of an impl block, before those of `own`.
pub(super) fn bounds(outer: Option<&Generics>, own: &Generics) -> String {
    let mut all: Vec<String> = Vec::new();
    for parameter in outer.iter().flat_map(|outer| &outer.params) {
        match parameter {
            syn::GenericParam::Type(one) if !one.bounds.is_empty() => {
                all.push(format!("{}: {}", one.ident, text(&one.bounds)));
            }
            syn::GenericParam::Lifetime(one) if !one.bounds.is_empty() => {
                all.push(format!("{}: {}", one.lifetime, text(&one.bounds)));
            }
            _ => {}
        }
    }
    for clause in outer.into_iter().chain([own]).filter_map(|generics| generics.where_clause.as_ref()) {
        all.extend(clause.predicates.iter().map(text));
    }
    if all.is_empty() { String::new() } else { format!(" where {}", all.join(", ")) }
}

/// Writes a function that is called `name`.
pub(super) fn function(signature: &Signature, name: &str, outer: Option<&Generics>) -> String {
    let mut words = String::new();
    for word in [
        signature.constness.as_ref().map(text),
        signature.asyncness.as_ref().map(text),
        matches!(signature.safety, syn::Safety::Unsafe(_)).then(|| "unsafe".to_owned()),
        signature.abi.as_ref().map(text),
    ]
    .into_iter()
    .flatten()
    {
        words.push_str(&word);
        words.push(' ');
    }
    let inputs: Vec<String> = signature.inputs.iter().map(text).collect();
    let output = match &signature.output {
        syn::ReturnType::Default => String::new(),
        syn::ReturnType::Type(_, output) => format!(" -> {}", text(output)),
    };
    format!(
        "{words}fn {name}{}({}){output}{}",
        text(&signature.generics),
        inputs.join(", "),
        bounds(outer, &signature.generics)
    )
}

/// Writes ` = value` where the value is plain to see.
pub(super) fn literal(value: &Expr) -> String {
    match value {
        Expr::Lit(ExprLit { lit, .. }) => format!(" = {}", text(lit)),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) if matches!(**expr, Expr::Lit(_)) => {
            format!(" = -{}", text(expr))
        }
        _ => String::new(),
    }
}

/// Writes an item under one of its paths.
struct Writer<'a> {
    index: &'a Index<'a>,
    surface: &'a Surface,
    id: usize,
    path: &'a [String],
    conditions: &'a Conditions,
}

impl Writer<'_> {
    fn rewriter(&self) -> Rewriter<'_> {
        let module = self.index.definitions[self.id].module;
        Rewriter::new(self.index, self.surface, module, Some((self.id, self.path)))
    }

    /// Adds the line of a part of the item.
    fn part(&self, lines: &mut BTreeSet<Line>, name: &str, text: String, conditions: &Conditions) {
        let path = [self.path, &[name.to_owned()]].concat();
        add(lines, &path, text, &(self.conditions | conditions));
    }

    fn item(&self, lines: &mut BTreeSet<Line>) {
        let definition = &self.index.definitions[self.id];
        let mut node = self.index.source.modules[definition.module].items[definition.item].node.clone();
        let at = self.path.join("::");
        let mut rewriter = self.rewriter();
        let line = match &mut node {
            syn::Item::Const(node) => {
                rewriter.visit_type_mut(&mut node.ty);
                let noticed = attributes::noticed(&node.attrs);
                format!("{noticed}const {at}: {}{}", text(&node.ty), literal(&node.expr))
            }
            syn::Item::Static(node) => {
                rewriter.visit_type_mut(&mut node.ty);
                format!("{}static {at}: {}", attributes::noticed(&node.attrs), text(&node.ty))
            }
            syn::Item::Fn(node) => {
                rewriter.visit_signature_mut(&mut node.sig);
                attributes::noticed(&node.attrs) + &function(&node.sig, &at, None)
            }
            syn::Item::Type(node) => {
                rewriter.know(&node.generics);
                rewriter.visit_generics_mut(&mut node.generics);
                rewriter.visit_type_mut(&mut node.ty);
                let noticed = attributes::noticed(&node.attrs);
                let bounds = bounds(None, &node.generics);
                format!("{noticed}type {at}{} = {}{bounds}", text(&node.generics), text(&node.ty))
            }
            syn::Item::Struct(node) => {
                rewriter.know(&node.generics);
                rewriter.visit_generics_mut(&mut node.generics);
                let fields = self.fields(&node.fields, &node.generics, lines);
                let noticed = attributes::noticed(&node.attrs);
                let bounds = bounds(None, &node.generics);
                format!("{noticed}struct {at}{}{fields}{bounds}", text(&node.generics))
            }
            syn::Item::Union(node) => {
                rewriter.know(&node.generics);
                rewriter.visit_generics_mut(&mut node.generics);
                let fields = self.fields(&Fields::Named(node.fields.clone()), &node.generics, lines);
                format!("{}union {at}{}{fields}", attributes::noticed(&node.attrs), text(&node.generics))
            }
            syn::Item::Enum(node) => {
                rewriter.know(&node.generics);
                rewriter.visit_generics_mut(&mut node.generics);
                for variant in &node.variants {
                    self.variant(variant, &node.generics, lines);
                }
                let noticed = attributes::noticed(&node.attrs);
                format!("{noticed}enum {at}{}{}", text(&node.generics), bounds(None, &node.generics))
            }
            syn::Item::Trait(node) => {
                rewriter.know(&node.generics);
                rewriter.visit_generics_mut(&mut node.generics);
                for bound in &mut node.supertraits {
                    rewriter.visit_type_param_bound_mut(bound);
                }
                for item in &node.items {
                    self.trait_item(item, &node.generics, lines);
                }
                let noticed = attributes::noticed(&node.attrs);
                let safety = if node.unsafety.is_some() { "unsafe " } else { "" };
                let above = if node.supertraits.is_empty() {
                    String::new()
                } else {
                    format!(": {}", text(&node.supertraits))
                };
                let bounds = bounds(None, &node.generics);
                format!("{noticed}{safety}trait {at}{}{above}{bounds}", text(&node.generics))
            }
            _ => return,
        };
        add(lines, self.path, line, self.conditions);
    }

    /// Adds the public fields that have names, and returns what the type's own line says of its fields.
    fn fields(&self, fields: &Fields, generics: &Generics, lines: &mut BTreeSet<Line>) -> String {
        match fields {
            Fields::Unit => ";".to_owned(),
            Fields::Unnamed(fields) => {
                let said: Vec<String> = fields
                    .unnamed
                    .iter()
                    .filter_map(|field| {
                        let gate = attributes::gate(&field.attrs)?;
                        let seen = is_public(&field.vis) && !gate.hidden;
                        Some(if seen { self.field_type(field, generics) } else { "_".to_owned() })
                    })
                    .collect();
                format!("({})", said.join(", "))
            }
            Fields::Named(fields) => {
                let mut private = false;
                for field in &fields.named {
                    let (Some(gate), Some(name)) = (attributes::gate(&field.attrs), &field.ident) else {
                        continue;
                    };
                    if !is_public(&field.vis) || gate.hidden {
                        private = true;
                        continue;
                    }
                    let noticed = attributes::noticed(&field.attrs);
                    let (at, of) = (self.path.join("::"), self.field_type(field, generics));
                    let line = format!("{noticed}field {at}::{name}: {of}");
                    self.part(lines, &name.to_string(), line, &gate.conditions);
                }
                if private { LEFT_OUT.to_owned() } else { String::new() }
            }
        }
    }

    fn field_type(&self, field: &Field, generics: &Generics) -> String {
        let mut of = field.ty.clone();
        let mut rewriter = self.rewriter();
        rewriter.know(generics);
        rewriter.visit_type_mut(&mut of);
        text(&of)
    }

    fn variant(&self, variant: &syn::Variant, generics: &Generics, lines: &mut BTreeSet<Line>) {
        let Some(gate) = attributes::gate(&variant.attrs).filter(|gate| !gate.hidden) else { return };
        let named = |field: &Field| match &field.ident {
            Some(name) => format!("{name}: {}", self.field_type(field, generics)),
            None => self.field_type(field, generics),
        };
        let inner: Vec<String> = variant
            .fields
            .iter()
            .filter(|field| attributes::gate(&field.attrs).is_some_and(|gate| !gate.hidden))
            .map(named)
            .collect();
        let fields = match &variant.fields {
            Fields::Unit => String::new(),
            Fields::Unnamed(_) => format!("({})", inner.join(", ")),
            Fields::Named(_) => format!(" {{ {} }}", inner.join(", ")),
        };
        let number = variant.discriminant.as_ref().map(|(_, value)| literal(value)).unwrap_or_default();
        let noticed = attributes::noticed(&variant.attrs);
        let line = format!("{noticed}variant {}::{}{fields}{number}", self.path.join("::"), variant.ident);
        self.part(lines, &variant.ident.to_string(), line, &gate.conditions);
    }

    fn trait_item(&self, item: &TraitItem, outer: &Generics, lines: &mut BTreeSet<Line>) {
        let mut rewriter = self.rewriter();
        rewriter.know(outer);
        let at = self.path.join("::");
        let (attributes, name, line) = match item.clone() {
            TraitItem::Const(mut node) => {
                rewriter.visit_type_mut(&mut node.ty);
                let default = if node.default.is_some() { LEFT_OUT } else { "" };
                let line = format!("const {at}::{}: {}{default}", node.ident, text(&node.ty));
                (node.attrs, node.ident, line)
            }
            TraitItem::Fn(mut node) => {
                rewriter.visit_signature_mut(&mut node.sig);
                let default = if node.default.is_some() { LEFT_OUT } else { "" };
                let line = function(&node.sig, &format!("{at}::{}", node.sig.ident), None) + default;
                (node.attrs, node.sig.ident, line)
            }
            TraitItem::Type(mut node) => {
                rewriter.know(&node.generics);
                rewriter.visit_generics_mut(&mut node.generics);
                node.bounds.iter_mut().for_each(|bound| rewriter.visit_type_param_bound_mut(bound));
                let above =
                    if node.bounds.is_empty() { String::new() } else { format!(": {}", text(&node.bounds)) };
                let line = format!(
                    "type {at}::{}{}{above}{}",
                    node.ident,
                    text(&node.generics),
                    bounds(None, &node.generics)
                );
                (node.attrs, node.ident, line)
            }
            _ => return,
        };
        if let Some(gate) = attributes::gate(&attributes).filter(|gate| !gate.hidden) {
            self.part(lines, &name.to_string(), attributes::noticed(&attributes) + &line, &gate.conditions);
        }
    }
}
