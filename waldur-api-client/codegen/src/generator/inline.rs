//! `#[inline]` on what is generated, so that a build compiles of it what it uses.

use syn::visit_mut::{VisitMut, visit_impl_item_fn_mut};

/// Marks the functions of `file` with `#[inline]`. Without it, rustc compiles each function in the client's crate,
/// whether the program calls it or not; with it, in the crates that call it. Generic functions are compiled there
/// anyway. Returns how many it marked.
pub(crate) fn mark(file: &mut syn::File) -> usize {
    struct Mark(usize);
    impl VisitMut for Mark {
        fn visit_impl_item_fn_mut(&mut self, function: &mut syn::ImplItemFn) {
            if function.sig.generics.params.is_empty() {
                function.attrs.push(syn::parse_quote!(#[inline]));
                self.0 += 1;
            }
            visit_impl_item_fn_mut(self, function);
        }
    }
    let mut mark = Mark(0);
    mark.visit_file_mut(file);
    mark.0
}

#[cfg(test)]
mod tests {
    #[test]
    fn functions_are_marked_unless_they_are_generic() {
        let mut file: syn::File = syn::parse_quote! {
            mod builder {
                impl List {
                    pub fn send(self) {}
                    pub fn body<V>(self, value: V) {}
                    pub fn state(self, value: impl Into<State>) {}
                }
            }
            impl Read for List { fn read(&mut self) {} }
            impl Client { pub fn list(&self) {} }
        };
        assert_eq!(super::mark(&mut file), 4);
        let code = crate::generator::tests::code(&file);
        assert_eq!(code.matches("#[inline]").count(), 4);
        assert!(code.contains("#[inline] pub fn send(self)") && code.contains("#[inline] fn read"), "{code}");
        assert!(!code.contains("#[inline] pub fn body"), "{code}");
    }
}
