//! What the user of a system chose, as far as its packets show it.

use crate::capture::{Lane, Lanes};
use crate::cli::output::quoted;
use crate::systems::{Options, greet};
use crate::wire::request_id;

/// The options that the packets of a capture show, each with its value if it has one.
pub(super) fn of(system: &str, seen: &Lanes) -> Vec<(&'static str, Option<String>)> {
    let Some([up, down]) = seen.flows.first() else { return Vec::new() };
    // A lane with holes shows nothing.
    let text = |lane: &Lane| {
        if lane.holes.is_empty() { String::from_utf8(lane.bytes.clone()).ok() } else { None }
    };
    match system {
        "udp-remote" => {
            let has_ids = up.datagrams.iter().all(|sent| request_id::decode(&sent.bytes).is_ok());
            if has_ids && !up.datagrams.is_empty() { vec![("ids", None)] } else { Vec::new() }
        }
        "greet" => match text(down).as_deref().and_then(|said| said.strip_suffix(greet::LINE_END)) {
            Some(said) if said != greet::TEXT => vec![("text", Some(said.to_owned()))],
            _ => Vec::new(),
        },
        "tcp-deadlock" => match up.bytes.len() as u64 {
            0 | Options::BYTES => Vec::new(),
            len => vec![("bytes", Some(len.to_string()))],
        },
        "http" => text(up).map_or_else(Vec::new, |head| request(&head)),
        _ => Vec::new(),
    }
}

/// What a request asks for, and of whom.
fn request(head: &str) -> Vec<(&'static str, Option<String>)> {
    let path = head.split(' ').nth(1).filter(|path| path.starts_with('/') && *path != "/");
    let host = head.lines().find_map(|line| line.strip_prefix("Host: "));
    let host = host.filter(|host| !host.is_empty() && *host != Options::default().host);
    let both = [("path", path), ("host", host)];
    both.into_iter().filter_map(|(name, value)| Some((name, Some(value?.to_owned())))).collect()
}

/// The words that were given, and those options that were not.
pub(super) fn added(mut words: Vec<String>, inputs: Vec<(&'static str, Option<String>)>) -> Vec<String> {
    for (name, value) in inputs {
        let option = format!("--{name}");
        if words.iter().any(|word| word.split(' ').next() == Some(&option)) {
            continue;
        }
        // With the equals sign a value may begin with a dash.
        words.push(value.map_or_else(|| option.clone(), |value| format!("{option}={}", quoted(&value))));
    }
    words
}
