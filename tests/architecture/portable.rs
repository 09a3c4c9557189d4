//! What only Unix has stands behind `cfg(unix)`, and the features for every system have none of it.

use std::collections::BTreeSet;

use super::scan::mentions;
use super::tree::{Source, sources};
use super::{report, root};

/// What Windows lacks: the standard library's ways to the system, and crates that are made for Unix.
const UNIX: &[&str] =
    &["std::os", "libc", "nix", "rustix", "signal_hook", "socket2", "tokio::net", "tokio::signal"];
/// The modules of the crate's root that are for Unix alone: those of the features `net`, `proxy` and `cli`. The others, and
/// so `parts`, `sim`, `proptest`, `capture`, `tasks`, `systems` and `specimens`, are for every system.
const UNIX_MODULES: [&str; 3] = ["cli", "drive", "proxy"];
/// A file below the others that is for Unix alone: tokio has no such sockets elsewhere either.
const UNIX_FILES: [&str; 2] = ["tasks::net::unix_addr", "tasks::net::unix_sockets"];

/// The mentions of what only Unix has: a line for each.
fn unix_mentions(syntax: &syn::File, module: &[String]) -> Vec<String> {
    let within = |inner: &str, outer: &str| {
        inner == outer || inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with("::"))
    };
    let mut found = Vec::new();
    for mention in mentions(syntax, module) {
        let path = mention.path.join("::");
        let is_meant = |what: &&&str| within(&path, what) || (mention.glob && within(what, &path));
        found.extend(UNIX.iter().find(is_meant).map(|what| format!("line {}: {what}", mention.line)));
    }
    found
}

fn wrong(source: &Source) -> Vec<String> {
    let path = source.path.display();
    unix_mentions(&source.syntax, &source.module).iter().map(|line| format!("{path}: {line}")).collect()
}

#[test]
fn what_is_for_unix_alone_stands_behind_cfg() {
    let (sources, _) = sources(root());
    let for_all = sources.iter().filter(|source| !source.unix_only && !source.test_only);
    let wrong: Vec<String> = for_all.flat_map(wrong).collect();
    report(&wrong, "a module that is not behind cfg(unix) uses what other systems lack");
}

#[test]
fn the_modules_for_unix_alone_are_the_real_side() {
    let (sources, _) = sources(root());
    let unix_only = sources.iter().filter(|source| source.unix_only && !source.test_only);
    let mut found: BTreeSet<String> = unix_only.map(|source| source.module.join("::")).collect();
    let is_of = |name: &str, root: &str| name.split("::").next() == Some(root);
    for module in UNIX_MODULES {
        let before = found.len();
        found.retain(|name| !is_of(name, module));
        assert!(found.len() < before, "{module} is not behind cfg(unix)");
    }
    assert_eq!(found, UNIX_FILES.map(str::to_owned).into());
}

#[test]
fn what_is_planted_for_unix_is_found() {
    for (text, expected) in [
        ("use std::os::unix::ffi::OsStrExt;", "std::os"),
        ("use std::{ffi::OsStr, os::fd};", "std::os"),
        ("use std::*;", "std::os"),
        ("fn f() { nix::unistd::getpid(); }", "nix"),
        ("fn f() { m!(rustix::net::recvmsg()); }", "rustix"),
        ("extern crate libc as c;", "libc"),
        ("#[cfg(windows)] use tokio::net::UnixStream;", "tokio::net"),
    ] {
        let syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let found = unix_mentions(&syntax, &["engine".to_owned()]);
        assert!(found.iter().any(|line| line.ends_with(expected)), "{text}\n  gives {found:?}");
    }
    for text in ["#[cfg(test)] use std::os::fd;", "use std::{io, net}; use tokio::time;", "use super::nix;"] {
        let syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(unix_mentions(&syntax, &["engine".to_owned()]), Vec::<String>::new(), "{text}");
    }
}
