//! Reading and writing Rust code as `syn` has it.

use proc_macro2::TokenStream;
use syn::{Item, ItemImpl, ItemMod, Type};

use crate::Result;

/// Returns what is in the module `name` of `file`.
pub(crate) fn module<'a>(file: &'a mut syn::File, name: &str) -> Result<&'a mut Vec<Item>> {
    file.items
        .iter_mut()
        .find_map(|item| match item {
            Item::Mod(ItemMod { ident, content: Some((_, items)), .. }) if ident == name => Some(items),
            _ => None,
        })
        .ok_or_else(|| format!("the generated code has no module `{name}`").into())
}

/// Returns `tokens` as items.
pub(crate) fn items(tokens: TokenStream) -> Result<Vec<Item>> {
    Ok(syn::parse2::<syn::File>(tokens)?.items)
}

/// Tells whether `item` implements the trait `name`.
pub(crate) fn is_of_trait(item: &ItemImpl, name: &str) -> bool {
    item.trait_.as_ref().is_some_and(|of| of.0.segments.last().is_some_and(|last| last.ident == name))
}

/// Returns the function `name` of `item`.
pub(crate) fn function<'a>(item: &'a ItemImpl, name: &str) -> Option<&'a syn::ImplItemFn> {
    item.items.iter().find_map(|inner| match inner {
        syn::ImplItem::Fn(function) if function.sig.ident == name => Some(function),
        _ => None,
    })
}

/// Returns the last segment of the path that `ty` is.
fn last(ty: &Type) -> Option<&syn::PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

/// Returns the first type argument of `ty`.
pub(crate) fn argument(ty: &Type) -> Option<&Type> {
    match &last(ty)?.arguments {
        syn::PathArguments::AngleBracketed(arguments) => arguments.args.iter().find_map(|one| match one {
            syn::GenericArgument::Type(ty) => Some(ty),
            _ => None,
        }),
        _ => None,
    }
}

/// Returns the first type argument of `ty`, where `ty` is the generic type `name`.
pub(crate) fn argument_of<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    argument(ty).filter(|_| last(ty).is_some_and(|last| last.ident == name))
}

#[cfg(test)]
mod tests {
    use quote::ToTokens as _;

    #[test]
    fn arguments_are_those_of_the_last_segment() {
        let ty: syn::Type = syn::parse_quote!(::std::collections::Map<'a, types::B<u8>, C>);
        let text = |ty: Option<&syn::Type>| ty.map(|ty| ty.to_token_stream().to_string());
        assert_eq!(text(super::argument(&ty)).as_deref(), Some("types :: B < u8 >"));
        assert_eq!(text(super::argument_of(&ty, "Map")), text(super::argument(&ty)));
        assert_eq!(text(super::argument_of(&ty, "Vec")), None);
        assert_eq!(text(super::argument(&syn::parse_quote!(A))), None);
        assert_eq!(text(super::argument(&syn::parse_quote!((A, B)))), None);
    }
}
