//! What other code can name in generated code.

use std::collections::BTreeSet;

use proc_macro2::TokenTree;
use quote::ToTokens;
use syn::visit::Visit;
use syn::{ImplItem, Item, Type, Visibility};

/// Returns a line for each thing in `file` that other code can name, with its type.
pub(crate) fn of(file: &syn::File) -> BTreeSet<String> {
    let mut found = Found::default();
    found.visit_file(file);
    found.things
}

#[derive(Default)]
struct Found {
    within: String,
    things: BTreeSet<String>,
}

impl Found {
    fn add(&mut self, of: &str, what: &str) {
        self.things.insert(format!("{}::{of}::{what}", self.within));
    }
}

fn text(tokens: impl ToTokens) -> String {
    tokens.to_token_stream().to_string()
}

impl<'a> Visit<'a> for Found {
    fn visit_item(&mut self, item: &'a Item) {
        match item {
            Item::Mod(module) => {
                let outer = self.within.clone();
                self.within = format!("{outer}::{}", module.ident);
                syn::visit::visit_item_mod(self, module);
                self.within = outer;
            }
            Item::Struct(item) => {
                let name = item.ident.to_string();
                self.add(&name, "");
                for field in item.fields.iter().filter(|field| matches!(field.vis, Visibility::Public(_))) {
                    if let Some(ident) = &field.ident {
                        self.add(&name, &format!("{ident}: {}", text(&field.ty)));
                    }
                }
            }
            Item::Impl(item) => {
                let Type::Path(of) = &*item.self_ty else { return };
                let name = text(&of.path);
                let of_trait = item.trait_.as_ref().map(|(path, _)| text(path)).unwrap_or_default();
                for inner in &item.items {
                    match inner {
                        ImplItem::Fn(function) if of_trait.is_empty() => {
                            self.add(&name, &text(&function.sig))
                        }
                        ImplItem::Type(inner) => self.add(&name, &text(inner)),
                        _ => {}
                    }
                }
                if !of_trait.is_empty() {
                    self.things.insert(format!("{}::{of_trait} for {name}", self.within));
                }
            }
            // `open_enum! { #[doc = …] Name { Variant = "text", … } }`
            Item::Macro(item) => {
                let mut name = String::new();
                for token in item.mac.tokens.clone() {
                    match token {
                        TokenTree::Ident(ident) => name = ident.to_string(),
                        TokenTree::Group(group) if !name.is_empty() => {
                            self.add(&name, "");
                            for token in group.stream() {
                                if let TokenTree::Ident(variant) = token {
                                    self.add(&name, &variant.to_string());
                                }
                            }
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}
