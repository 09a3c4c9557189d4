//! Finds every path that a source file mentions: in `use` trees, types, expressions, attributes, and inside macros.

use std::collections::BTreeMap;

use proc_macro2::{Delimiter, Spacing, Span, TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// A path from the root of its crate, as in `crate::machine::Peer` or `std::net::UdpSocket`.
pub(crate) type Path = Vec<String>;

/// One mention of a path.
#[derive(Clone, Debug)]
pub(crate) struct Mention {
    /// What is mentioned, from the root where that can be told; otherwise as it is written.
    pub(crate) path: Path,
    /// Whether everything in it is imported.
    pub(crate) glob: bool,
    pub(crate) line: usize,
}

/// What a file mentions outside `#[cfg(test)]`. `module` is the file's own path, without `crate`.
pub(crate) fn mentions(file: &syn::File, module: &[String]) -> Vec<Mention> {
    let mut scan = Scan { module: module.to_vec(), ..Scan::default() };
    scan.visit_file(file);
    let Scan { found, aliases, .. } = scan;
    found.into_iter().flat_map(|mention| expand(mention, &aliases)).collect()
}

/// Replaces a first segment that was imported by what it was imported as, again and again.
fn expand(mention: Mention, aliases: &BTreeMap<String, Vec<Path>>) -> Vec<Mention> {
    let mut whole = Vec::new();
    let mut open = vec![(mention, 0)];
    while let Some((mention, depth)) = open.pop() {
        let targets = mention.path.first().and_then(|first| aliases.get(first));
        for target in targets.into_iter().flatten().filter(|target| target[0] != mention.path[0]) {
            if depth < 8 {
                let path = target.iter().chain(&mention.path[1..]).cloned().collect();
                open.push((Mention { path, ..mention.clone() }, depth + 1));
            }
        }
        whole.push(mention);
    }
    whole
}

#[derive(Default)]
struct Scan {
    module: Path,
    found: Vec<Mention>,
    /// What each imported name stands for; by name alone, for two scopes may import one name.
    aliases: BTreeMap<String, Vec<Path>>,
}

impl Scan {
    /// The path from the root of the crate, for one that begins with `crate`, `self` or `super`.
    fn rooted(&self, path: &[String]) -> Path {
        let mut base = self.module.clone();
        let mut rest = path;
        match path.first().map(String::as_str) {
            Some("self") => rest = &rest[1..],
            Some("super") => {
                while rest.first().is_some_and(|segment| segment == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            _ => return path.to_vec(),
        }
        [vec!["crate".to_owned()], base, rest.to_vec()].concat()
    }

    fn mention(&mut self, path: &[String], glob: bool, span: Span) {
        let path = self.rooted(path);
        if !path.is_empty() {
            self.found.push(Mention { path, glob, line: span.start().line });
        }
    }

    fn import(&mut self, name: String, path: &[String], span: Span) {
        self.mention(path, false, span);
        let path = self.rooted(path);
        self.aliases.entry(name).or_default().push(path);
    }

    fn use_tree(&mut self, prefix: &[String], tree: &syn::UseTree) {
        let with = |ident: &syn::Ident| [prefix, &[ident.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.use_tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) if name.ident == "self" => {
                if let Some(last) = prefix.last() {
                    self.import(last.clone(), prefix, name.ident.span());
                }
            }
            syn::UseTree::Name(name) => {
                self.import(name.ident.to_string(), &with(&name.ident), name.ident.span());
            }
            syn::UseTree::Rename(rename) if rename.ident == "self" && !prefix.is_empty() => {
                self.import(rename.rename.to_string(), prefix, rename.ident.span());
            }
            syn::UseTree::Rename(rename) => {
                self.import(rename.rename.to_string(), &with(&rename.ident), rename.ident.span());
            }
            syn::UseTree::Glob(glob) => self.mention(prefix, true, glob.star_token.spans[0]),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.use_tree(prefix, tree)),
        }
    }

    /// Paths in what a macro is given, which is not parsed: names joined by `::`, and groups behind `::`.
    fn tokens(&mut self, tokens: TokenStream, prefix: &[String]) {
        let mut path = prefix.to_vec();
        let mut joined = !prefix.is_empty();
        let mut span = Span::call_site();
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(ident) => {
                    if !joined {
                        self.flush(&mut path, prefix, span);
                        path.clear();
                    }
                    (span, joined) = (ident.span(), false);
                    path.push(ident.to_string());
                }
                TokenTree::Punct(colon)
                    if colon.as_char() == ':'
                        && colon.spacing() == Spacing::Joint
                        && tokens
                            .next_if(|next| matches!(next, TokenTree::Punct(next) if next.as_char() == ':'))
                            .is_some() =>
                {
                    joined = true;
                }
                TokenTree::Punct(star) if star.as_char() == '*' && joined => {
                    self.mention(&path, true, star.span());
                    (path, joined) = (prefix.to_vec(), !prefix.is_empty());
                }
                TokenTree::Group(group) => {
                    let inner =
                        if joined && group.delimiter() == Delimiter::Brace { path.clone() } else { vec![] };
                    self.flush(&mut path, prefix, span);
                    self.tokens(group.stream(), &inner);
                    joined = !prefix.is_empty();
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.flush(&mut path, prefix, span);
                    joined = !prefix.is_empty();
                }
            }
        }
        self.flush(&mut path, prefix, span);
    }

    fn flush(&mut self, path: &mut Path, prefix: &[String], span: Span) {
        if path.len() > 1 && path.len() > prefix.len() {
            self.mention(path, false, span);
        }
        *path = prefix.to_vec();
    }
}

impl<'ast> Visit<'ast> for Scan {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !attributes(item).iter().any(is_test_only) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !item.attrs.iter().any(is_test_only) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.use_tree(&[], &item.tree);
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        let name = item.rename.as_ref().map_or(&item.ident, |(_, name)| name).to_string();
        self.import(name, &[item.ident.to_string()], item.ident.span());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Path = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.mention(&names, false, path.segments[0].ident.span());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        visit::visit_macro(self, mac);
        self.tokens(mac.tokens.clone(), &[]);
    }

    fn visit_meta_list(&mut self, list: &'ast syn::MetaList) {
        visit::visit_meta_list(self, list);
        self.tokens(list.tokens.clone(), &[]);
    }
}

/// The attributes of an item that can stand under `#[cfg(test)]`.
fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether what stands under this attribute is in no build but a test's: `cfg(test)`, or `cfg(all(…))` with `test`.
pub(crate) fn is_test_only(attribute: &syn::Attribute) -> bool {
    needs(attribute, "test")
}

/// Whether what stands under this attribute is built for Unix alone: `cfg(unix)`, or `cfg(all(…))` with `unix`.
pub(crate) fn is_unix_only(attribute: &syn::Attribute) -> bool {
    needs(attribute, "unix")
}

fn needs(attribute: &syn::Attribute, condition: &str) -> bool {
    let syn::Meta::List(list) = &attribute.meta else { return false };
    let words: Vec<String> = list.tokens.clone().into_iter().map(|token| token.to_string()).collect();
    let is_needed = match words.first().map(String::as_str) {
        Some("all") => list.tokens.clone().into_iter().nth(1).is_some_and(|token| match token {
            TokenTree::Group(group) => {
                let words: Vec<String> = group.stream().into_iter().map(|token| token.to_string()).collect();
                words.split(|word| word == ",").any(|part| part == [condition])
            }
            _ => false,
        }),
        _ => words == [condition],
    };
    list.path.is_ident("cfg") && is_needed
}
