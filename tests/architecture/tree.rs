//! The files of `src/` as the compiler sees them: each with its module, found by following `mod` from the roots.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use super::scan::{is_test_only, is_unix_only};

pub(crate) struct Source {
    /// Below the crate's directory.
    pub(crate) path: PathBuf,
    /// From the root of the crate: empty for `lib.rs`.
    pub(crate) module: Vec<String>,
    /// Whether the file is in no build but a test's.
    pub(crate) test_only: bool,
    /// Whether the file is built for Unix alone.
    pub(crate) unix_only: bool,
    pub(crate) text: String,
    pub(crate) syntax: syn::File,
}

impl Source {
    fn read(root: &Path, path: &Path, module: Vec<String>) -> Self {
        let text = fs::read_to_string(root.join(path)).expect("a source file can be read");
        let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path: path.to_owned(), module, test_only: false, unix_only: false, text, syntax }
    }
}

/// All sources, and the files below `src/` that no `mod` leads to.
pub(crate) fn sources(root: &Path) -> (Vec<Source>, BTreeSet<PathBuf>) {
    let mut open = vec![
        Source::read(root, Path::new("src/main.rs"), vec!["main".to_owned()]),
        Source::read(root, Path::new("src/lib.rs"), Vec::new()),
    ];
    let mut sources = Vec::new();
    while let Some(source) = open.pop() {
        for item in &source.syntax.items {
            let syn::Item::Mod(item) = item else { continue };
            assert!(
                !item.attrs.iter().any(|attribute| attribute.path().is_ident("path")),
                "{}: #[path] hides where a module is",
                source.path.display()
            );
            if item.content.is_none() {
                let module = [source.module.clone(), vec![item.ident.to_string()]].concat();
                let below = Path::new("src").join(module.iter().collect::<PathBuf>());
                let path = [below.with_extension("rs"), below.join("mod.rs")]
                    .into_iter()
                    .find(|path| root.join(path).exists())
                    .unwrap_or_else(|| panic!("there is no file for the module {}", module.join("::")));
                let test_only = source.test_only || item.attrs.iter().any(is_test_only);
                let unix_only = source.unix_only || item.attrs.iter().any(is_unix_only);
                open.push(Source { test_only, unix_only, ..Source::read(root, &path, module) });
            }
        }
        sources.push(source);
    }
    let mut orphans = files(root, Path::new("src"));
    orphans.retain(|path| !sources.iter().any(|source| source.path == *path));
    (sources, orphans)
}

fn files(root: &Path, below: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(root.join(below)).expect("a directory of sources can be read") {
        let entry = entry.expect("an entry of a directory can be read");
        let path = below.join(entry.file_name());
        if root.join(&path).is_dir() {
            found.extend(files(root, &path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.insert(path);
        }
    }
    found
}

/// The functions of a file with the line where each begins and how many lines it has.
pub(crate) fn functions(file: &syn::File) -> Vec<(String, usize, usize)> {
    let mut found = Functions(Vec::new());
    found.visit_file(file);
    found.0
}

struct Functions(Vec<(String, usize, usize)>);

impl Functions {
    fn add(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let (begin, end) = (signature.fn_token.span.start().line, block.brace_token.span.close().end().line);
        self.0.push((signature.ident.to_string(), begin, end + 1 - begin));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.add(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

/// The lines of a text with the word `unsafe` in code.
pub(crate) fn unsafe_lines(text: &str) -> Vec<usize> {
    fn search(tokens: TokenStream, found: &mut Vec<usize>) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => search(group.stream(), found),
                TokenTree::Ident(ident) if ident == "unsafe" => found.push(ident.span().start().line),
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    search(text.parse().expect("a source file has tokens"), &mut found);
    found
}
