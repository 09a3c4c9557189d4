//! Reads `src/` and holds the direction of dependence and the house rules: what may use what, how long a file and a
//! function may be, and that nothing is unsafe.

#[path = "architecture/portable.rs"]
mod portable;
#[path = "architecture/scan.rs"]
mod scan;
#[path = "architecture/tree.rs"]
mod tree;

use std::collections::BTreeMap;
use std::path::Path;

use scan::mentions;
use tree::{functions, sources, unsafe_lines};

/// Every module of the crate's root, with those that it may use, which all stand before it: so there is no circle.
/// A new module gets its line here, and with it a decision.
const MODULES: &[(&str, &[&str])] = &[
    ("time", &[]),
    ("seed", &[]),
    ("number", &[]),
    ("digest", &[]),
    ("escaped", &[]),
    ("steps", &[]),
    ("panics", &[]),
    ("wire", &[]),
    ("machine", &["time"]),
    ("host", &["machine"]),
    ("actor", &["time", "machine", "host"]),
    ("parts", &["time", "wire", "machine"]),
    ("tasks", &["time", "seed", "panics", "machine", "host"]),
    ("lawful", &["time", "seed", "digest", "machine", "host", "actor"]),
    // TLS around any machine of streams. It has no clock and, with a seed, no randomness of its own.
    ("tls", &["time", "machine", "parts", "lawful"]),
    ("fault", &["time", "seed", "host"]),
    ("nat", &["time", "machine", "host"]),
    ("network", &["time", "seed", "steps", "machine", "host", "fault", "nat"]),
    ("segments", &["time", "seed", "machine", "host"]),
    ("transcript", &["time", "escaped", "machine", "host", "lawful", "fault", "nat"]),
    ("scenario", &["time", "machine", "host", "actor", "tasks", "lawful", "fault", "nat"]),
    (
        "engine",
        &[
            "time",
            "seed",
            "machine",
            "host",
            "actor",
            "tasks",
            "lawful",
            "fault",
            "nat",
            "network",
            "segments",
            "transcript",
            "scenario",
        ],
    ),
    (
        "check",
        &[
            "time",
            "seed",
            "number",
            "digest",
            "panics",
            "machine",
            "host",
            "fault",
            "transcript",
            "scenario",
            "engine",
        ],
    ),
    ("capture", &["time", "steps", "machine", "host", "fault", "transcript", "scenario", "engine"]),
    ("parallel", &["check"]),
    (
        "harness",
        &[
            "time",
            "seed",
            "number",
            "fault",
            "transcript",
            "capture",
            "scenario",
            "engine",
            "check",
            "parallel",
        ],
    ),
    // A system knows nothing of the bugs that are planted into it.
    ("systems", &["time", "escaped", "wire", "machine", "host", "parts", "lawful", "fault", "scenario"]),
    ("specimens", &["time", "wire", "machine", "host", "parts", "fault", "scenario", "systems"]),
    (
        "drive",
        &[
            "time",
            "seed",
            "machine",
            "host",
            "actor",
            "lawful",
            "fault",
            "network",
            "transcript",
            "scenario",
            "engine",
        ],
    ),
    // A proxy stands between programs: it has the network model and real sockets, and knows no machine.
    ("proxy", &["time", "seed", "machine", "host", "fault", "network", "transcript", "drive"]),
    (
        "cli",
        &[
            "time",
            "seed",
            "number",
            "escaped",
            "wire",
            "machine",
            "host",
            "actor",
            "lawful",
            "fault",
            "network",
            "transcript",
            "scenario",
            "engine",
            "check",
            "parallel",
            "capture",
            "harness",
            "systems",
            "specimens",
            "drive",
            "proxy",
            "tls",
        ],
    ),
    ("main", &["cli"]),
];

/// What of other crates every module may use.
const CORE_CRATES: &[&str] = &[
    "hmac",
    "httparse",
    "memchr",
    "proptest",
    "rand_core",
    "rand_pcg",
    "serde",
    "serde_json",
    "sha2",
    "siphasher",
    "thiserror",
    "twox_hash",
    "unicode_width",
];
/// What streams of segments may use beside them.
const SEGMENT_CRATES: &[&str] = &["smoltcp"];
/// What captures may use beside them.
const CAPTURE_CRATES: &[&str] = &["etherparse", "pcap_parser"];
/// What hosts of asynchronous code may use beside them: the runtime that they share, and what their code is written for.
const TASK_CRATES: &[&str] = &["tokio"];
/// What TLS may use beside them.
const TLS_CRATES: &[&str] = &["rustls", "x25519_dalek"];
/// What the driver may use beside them. The command line may use all.
const DRIVE_CRATES: &[&str] = &["nix", "rustix", "socket2", "tokio", "tracing", "turmoil"];

/// What would bring the world in: a machine and its engine have no sockets, files, threads, clocks or process.
const WORLD: &[&str] = &[
    "std::env",
    "std::fs",
    "std::io",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::ToSocketAddrs",
    "std::net::UdpSocket",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
];
/// What the process's own randomness decides. No module may use it, but for what is an exception by name.
const RANDOM_ORDER: &[&str] = &[
    "std::collections::HashMap",
    "std::collections::HashSet",
    "std::collections::hash_map",
    "std::collections::hash_set",
    "std::hash::RandomState",
];
/// A module, what it and those within it may use all the same, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("tasks", "std::io", "simulated sockets have the errors of the system's"),
    ("tls::link", "std::io", "rustls takes and gives bytes by these traits; all of them are in memory"),
    ("tasks::net", "std::net::TcpListener", "it refuses one of the system's by name"),
    ("tasks::net", "std::net::TcpStream", "it refuses one of the system's by name"),
    ("tasks::net", "std::net::UdpSocket", "it refuses one of the system's by name"),
    ("tasks::net", "std::os", "the paths of Unix sockets are bytes"),
    (
        "cli::real",
        "std::hash::RandomState",
        "its keys are the system's randomness, which machines on sockets begin with; no order comes from it",
    ),
    (
        "parallel",
        "std::thread",
        "it is what spreads a search over threads; its result does not depend on them",
    ),
    ("harness", "std::env", "it takes what the user of a test says, and finds the target directory"),
    ("harness", "std::io", "it tells what became of a file"),
    ("harness", "std::thread", "it asks what test this thread runs, and how many threads there can be"),
    ("harness", "std::fs", "it reads plans and writes what is to be kept of a failure; no run sees a file"),
    (
        "harness::corpus",
        "std::process",
        "it names a file that is not whole yet after the process that writes it",
    ),
    (
        "harness",
        "std::time::Instant",
        "it says how long a check took, and bounds how long a failure is made small; no run sees a clock",
    ),
    (
        "parts::clocks",
        "std::time::Instant",
        "it turns moments into those of a clock that somebody else has read; it reads none",
    ),
    ("specimens::udp_local", "std::time::SystemTime", "a machine that reads a clock is one of the bugs"),
    (
        "specimens::udp_remote",
        "std::collections::HashSet",
        "a machine that goes by a hash's order is another",
    ),
    ("main", "std::process", "it gives the exit status"),
    ("main", "std::env", "it takes the arguments"),
];

const MAX_FILE_LINES: usize = 400;
const MAX_FUNCTION_LINES: usize = 70;
/// Files that may be longer, and why.
const LONG_FILES: &[(&str, &str)] = &[];

/// What is wrong with a file's imports: a line for each.
fn judge(module: &[String], syntax: &syn::File, names: &Names) -> Vec<String> {
    let owner = module.first().map_or("", String::as_str);
    let known = MODULES.iter().find(|(name, _)| *name == owner);
    if !owner.is_empty() && known.is_none() {
        return vec![format!("the module {owner} is new: add it to MODULES in tests/architecture.rs")];
    }
    let mut wrong = Vec::new();
    for mention in mentions(syntax, module) {
        let mut report = |what: String| wrong.push(format!("line {}: {what}", mention.line));
        let text = mention.path.join("::");
        let rest = &mention.path[1..];
        match mention.path[0].as_str() {
            "crate" | "lossproof" if !owner.is_empty() => {
                let Some(target) = rest.first() else {
                    if mention.glob {
                        report("a glob of the whole crate".to_owned());
                    }
                    continue;
                };
                let target = names.reexports.get(target).unwrap_or(target);
                if target == owner {
                    continue;
                }
                if mention.glob {
                    report(format!("a glob of another module, {text}: name what is used"));
                }
                match known {
                    Some((_, may)) if may.contains(&target.as_str()) => {}
                    _ => report(format!("{owner} may not use {target} ({text})")),
                }
            }
            "std" | "core" | "alloc" => {
                let path = [&["std".to_owned()], rest].concat().join("::");
                if let Some(what) = forbidden(module, &path, mention.glob) {
                    report(format!("{} may not use {what}", if owner.is_empty() { "lib" } else { owner }));
                }
            }
            name if names.dependencies.iter().any(|known| known == name) => {
                let allowed = CORE_CRATES.contains(&name)
                    || owner == "cli"
                    || (owner == "segments" && SEGMENT_CRATES.contains(&name))
                    || (owner == "capture" && CAPTURE_CRATES.contains(&name))
                    || (owner == "tasks" && TASK_CRATES.contains(&name))
                    || (owner == "tls" && TLS_CRATES.contains(&name))
                    || (matches!(owner, "drive" | "proxy") && DRIVE_CRATES.contains(&name));
                if !allowed {
                    report(format!("{owner} may not use the crate {name} ({text})"));
                }
            }
            _ => {}
        }
    }
    wrong.sort();
    wrong.dedup();
    wrong
}

/// What a path of the standard library leads to that the module may not use. A glob is guilty of all that is in it.
fn forbidden<'a>(module: &[String], path: &str, glob: bool) -> Option<&'a str> {
    let within = |inner: &str, outer: &str| {
        inner == outer || inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with("::"))
    };
    let meant = |what: &&&str| within(path, what) || (glob && within(what, path));
    let may_all = matches!(module.first().map(String::as_str), Some("drive" | "proxy" | "cli"));
    let module = module.join("::");
    let is_exception =
        |what: &&str| EXCEPTIONS.iter().any(|(inside, but, _)| within(&module, inside) && but == what);
    let world = WORLD.iter().filter(|_| !may_all);
    world.chain(RANDOM_ORDER).filter(|what| !is_exception(what)).find(meant).copied()
}

/// Names whose meaning stands in other files.
struct Names {
    /// What `lib.rs` re-exports, with the module where it is.
    reexports: BTreeMap<String, String>,
    /// The crates that `Cargo.toml` names, as code writes them.
    dependencies: Vec<String>,
}

impl Names {
    fn read(root: &Path) -> Self {
        let lib = std::fs::read_to_string(root.join("src/lib.rs")).expect("src/lib.rs can be read");
        let lib = syn::parse_file(&lib).expect("src/lib.rs can be parsed");
        let reexports = mentions(&lib, &[])
            .into_iter()
            .filter(|mention| {
                mention.path.len() > 1 && MODULES.iter().any(|(name, _)| *name == mention.path[0])
            })
            .map(|mention| (mention.path[mention.path.len() - 1].clone(), mention.path[0].clone()))
            .collect();
        let manifest = std::fs::read_to_string(root.join("Cargo.toml")).expect("Cargo.toml can be read");
        let dependencies = manifest
            .lines()
            .skip_while(|line| *line != "[dependencies]")
            .skip(1)
            .take_while(|line| !line.starts_with('['))
            .filter_map(|line| line.split_once('='))
            .map(|(name, _)| name.trim().replace('-', "_"))
            .collect();
        Self { reexports, dependencies }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn report(wrong: &[String], rule: &str) {
    assert!(wrong.is_empty(), "{rule}:\n  {}", wrong.join("\n  "));
}

#[test]
fn dependence_has_one_direction() {
    let names = Names::read(root());
    let (sources, orphans) = sources(root());
    let mut wrong: Vec<String> =
        orphans.iter().map(|path| format!("{}: no module leads to this file", path.display())).collect();
    for source in sources.iter().filter(|source| !source.test_only) {
        let found = judge(&source.module, &source.syntax, &names);
        wrong.extend(found.into_iter().map(|line| format!("{}: {line}", source.path.display())));
    }
    report(&wrong, "a module uses what it may not");
}

#[test]
fn the_table_has_no_circle_and_no_stranger() {
    for (index, (module, may)) in MODULES.iter().enumerate() {
        for used in *may {
            let before = MODULES[..index].iter().any(|(name, _)| name == used);
            assert!(before, "{module} may use {used}, which does not stand before it");
        }
    }
    let names = Names::read(root());
    let all =
        CORE_CRATES.iter().chain(DRIVE_CRATES).chain(CAPTURE_CRATES).chain(TLS_CRATES).chain(SEGMENT_CRATES);
    for name in all {
        assert!(names.dependencies.iter().any(|known| known == name), "{name} is no dependency");
    }
    assert_eq!(names.reexports.get("Instant").map(String::as_str), Some("time"));
}

#[test]
fn files_and_functions_are_short_and_safe() {
    let (sources, _) = sources(root());
    let mut wrong = Vec::new();
    for source in &sources {
        let path = source.path.display().to_string();
        let lines = source.text.lines().count();
        let may_be_long = LONG_FILES.iter().any(|(long, _)| *long == path);
        if lines > MAX_FILE_LINES && !may_be_long {
            wrong.push(format!("{path}: {lines} lines, at most {MAX_FILE_LINES}"));
        } else if lines <= MAX_FILE_LINES && may_be_long {
            wrong.push(format!("{path}: {lines} lines; take it out of LONG_FILES"));
        }
        for (name, line, lines) in functions(&source.syntax) {
            if lines > MAX_FUNCTION_LINES {
                wrong.push(format!("{path}:{line}: {name} has {lines} lines, at most {MAX_FUNCTION_LINES}"));
            }
        }
        wrong.extend(unsafe_lines(&source.text).iter().map(|line| format!("{path}:{line}: unsafe")));
    }
    report(&wrong, "a house rule is broken");
}

/// Sources with one thing wrong each: the module where it would stand, the text, and a part of what must be said.
const PLANTED: &[(&str, &str, &str)] = &[
    ("engine", "use tokio::time::sleep;", "crate tokio"),
    ("engine", "use {std::fmt, tokio as runtime};", "crate tokio"),
    ("engine", "fn f() { ::tokio::spawn(async {}); }", "crate tokio"),
    ("engine", "extern crate turmoil as t;", "crate turmoil"),
    ("engine", "#[tokio::main] async fn f() {}", "crate tokio"),
    ("check", "fn f() { let socket: socket2::Socket; }", "crate socket2"),
    ("systems", "use rustls::ServerConfig;", "crate rustls"),
    ("tls::session", "use std::io::Read as _;", "std::io"),
    ("drive", "use clap::Parser;", "crate clap"),
    ("machine", "use serde_yaml::Value; use etherparse::Ipv4Header;", "crate etherparse"),
    ("time", "use crate::machine::Peer;", "time may not use machine"),
    ("machine", "use crate::host::Boot;", "machine may not use host"),
    ("systems", "use crate::specimens::find;", "systems may not use specimens"),
    ("machine", "use std::net::{IpAddr, SocketAddr, UdpSocket};", "std::net::UdpSocket"),
    ("machine", "use std::net; fn f() { net::TcpStream::connect(\"\"); }", "std::net::TcpStream"),
    ("machine", "use std::{net::{self as n}}; type L = n::TcpListener;", "std::net::TcpListener"),
    ("machine", "use std::net::*;", "std::net::TcpListener"),
    ("machine", "fn f() { use std::time::Instant as Clock; }", "std::time::Instant"),
    ("lawful", "use std as s; fn f() -> s::time::SystemTime { loop {} }", "std::time::SystemTime"),
    ("network", "fn f() { std::thread::yield_now(); }", "std::thread"),
    ("network", "use core::time::Duration; use std::{mem, collections::{BTreeMap, HashMap}};", "HashMap"),
    ("drive", "use std::collections::hash_map::Entry;", "hash_map"),
    ("cli", "struct S { set: std::collections::HashSet<u8> }", "HashSet"),
    ("transcript", "impl From<std::io::Error> for E { fn from(_: u8) {} }", "std::io"),
    ("transcript", "fn f() { println!(\"{:?}\", std::env::args()); }", "std::env"),
    ("fault", "macro_rules! m { () => { use std::{fs, mem}; } }", "std::fs"),
    ("fault", "thread_local! { static S: std::process::Command = f(); }", "std::process"),
    ("wire", "trait T { fn f() where u8: std::os::fd::AsFd; }", "std::os"),
    ("wire", "use crate::Instant;", "wire may not use time"),
    ("wire", "use super::machine::Machine;", "wire may not use machine"),
    ("time", "mod inner { use super::super::seed::mix; }", "time may not use seed"),
    (
        "parts",
        "use crate::{self as house}; fn f() { house::engine::Engine::run(); }",
        "parts may not use engine",
    ),
    ("parts", "use crate::machine::*;", "a glob of another module"),
    ("machine", "fn f() -> crate::Scenario { loop {} }", "machine may not use scenario"),
    ("engine", "fn f() { vec![<crate::systems::udp_local::Server>::default()]; }", "may not use systems"),
    ("engine", "fn f() { vec![1, crate::check::limit()]; }", "engine may not use check"),
    ("drive", "use crate::systems::About as Anything;", "drive may not use systems"),
    ("drive", "#[cfg(not(test))] use crate::check::Search;", "drive may not use check"),
    ("drive", "#[cfg(any(test, unix))] use crate::cli::run;", "drive may not use cli"),
    ("main", "fn main() { lossproof::engine::run(); }", "main may not use engine"),
    ("systems", "use std::time::SystemTime;", "std::time::SystemTime"),
    ("systems::bugs", "use std::time::Instant;", "std::time::Instant"),
    ("systems::bugs_too", "use std::collections::HashSet;", "HashSet"),
    ("gossip", "", "gossip is new"),
];

/// Sources with nothing wrong.
const SOUND: &[(&str, &str)] = &[
    ("machine", "use std::net::{IpAddr, Ipv4Addr, SocketAddr}; use std::time::Duration;"),
    ("machine", "use super::time::Instant; use self::inner::Deep; mod inner { use super::Peer; }"),
    ("machine", "/// Uses `tokio::net::UdpSocket`.\n fn f() { let text = \"std::fs\"; }"),
    ("wire", "#[cfg(test)] mod tests { use std::collections::HashMap; use crate::engine::Engine; }"),
    ("wire", "#[cfg(all(test, unix))] use std::fs;"),
    ("parallel", "use std::thread; fn f() { thread::scope(|scope| {}); }"),
    ("drive", "use std::io; use tokio::net::UdpSocket; use crate::network::Network;"),
    ("systems", "use crate::HostId; use crate::{Machine, Scenario, Status};"),
    ("specimens::udp_local", "use std::time::SystemTime;"),
];

fn path(module: &str) -> Vec<String> {
    module.split("::").map(str::to_owned).collect()
}

#[test]
fn what_is_planted_is_found() {
    let names = Names::read(root());
    for (module, text, expected) in PLANTED {
        let syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let wrong = judge(&path(module), &syntax, &names);
        assert!(wrong.iter().any(|line| line.contains(expected)), "{text}\n  gives {wrong:?}");
    }
    for (module, text) in SOUND {
        let syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(judge(&path(module), &syntax, &names), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn long_functions_and_unsafe_code_are_found() {
    let body = "    f();\n".repeat(MAX_FUNCTION_LINES - 2);
    let text = format!("impl S {{\nfn short() {{\n{body}}}\nfn long() {{\n\n{body}}}\n}}");
    let lines: Vec<_> =
        functions(&syn::parse_file(&text).expect("it parses")).into_iter().map(|f| f.2).collect();
    assert_eq!(lines, [MAX_FUNCTION_LINES, MAX_FUNCTION_LINES + 1]);
    assert_eq!(unsafe_lines("// unsafe\nfn f() {\n    m!(unsafe { g() });\n}"), [3]);
}
