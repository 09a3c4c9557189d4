//! Captures of others, by hand: those with which tcpdump tests itself, say, in a copy of its repository.
//!
//! `LOSSPROOF_CAPTURES=…/tcpdump/tests cargo test --test capture -- --ignored --nocapture wild` counts what is read.

use std::collections::BTreeMap;
use std::{env, fs};

use lossproof::capture;

#[test]
#[ignore = "it needs captures: LOSSPROOF_CAPTURES names their directory"]
fn captures_in_the_wild_are_read() {
    let Some(directory) = env::var_os("LOSSPROOF_CAPTURES") else {
        eprintln!("skipped: LOSSPROOF_CAPTURES names no directory");
        return;
    };
    let paths =
        fs::read_dir(directory).expect("the directory can be read").map(|entry| entry.unwrap().path());
    let is_capture =
        |extension: &std::ffi::OsStr| extension.to_str().is_some_and(|text| text.starts_with("pcap"));
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let (mut files, mut frames, mut cut, mut others) = (0, 0, 0, 0);
    for path in paths.filter(|path| path.extension().is_some_and(is_capture)) {
        files += 1;
        let outcome = match capture::read(&fs::read(&path).unwrap()) {
            Ok(read) => {
                frames += read.frames.len();
                cut += read.frames.iter().filter(|frame| frame.missing_len > 0).count();
                others += read.others;
                for note in &read.notes {
                    let text: String = note.to_string().chars().filter(|c| !c.is_ascii_digit()).collect();
                    *counts.entry(format!("note: {text}")).or_default() += 1;
                }
                if read.frames.is_empty() { "read, without UDP and TCP" } else { "read, with UDP or TCP" }
                    .to_owned()
            }
            Err(error) => format!("refused: {error}"),
        };
        *counts.entry(outcome).or_default() += 1;
    }
    println!("{files} files: {frames} packets of UDP and TCP, {cut} of them cut, and {others} others");
    for (outcome, count) in counts {
        println!("{count:5} {outcome}");
    }
}
