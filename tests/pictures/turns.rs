//! When runs were lost: what `check --turn` and `sim --turn` show.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

fn lossproof(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lossproof"));
    command.args(args).output().expect("the binary was built for this test")
}

/// Standard output of a command that ends with this status.
fn said(args: &[&str], status: i32) -> String {
    let output = lossproof(args);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{args:?}: {complaint}");
    String::from_utf8(output.stdout).expect("standard output is UTF-8")
}

const CHECK: [&str; 5] = ["check", "udp-remote", "--bug", "accepts-any-reply", "--turn"];
const SIM: [&str; 7] =
    ["sim", "udp-remote", "--bug", "accepts-any-reply", "--faults", "server>client #1 duplicate", "--turn"];

#[test]
fn the_curve_of_the_guide_is_what_is_printed() {
    let page = include_str!("../../src/guide/debugging.md");
    let command = format!("$ lossproof {}\n", CHECK.join(" "));
    let (_, from) = page.split_once(&command).expect("the command is there");
    let (shown, _) = from.split_once("```").expect("the block ends");
    let curve = shown.trim_start_matches("…\n").trim_end_matches("…\n");
    assert!(curve.lines().count() > 2, "{shown}");
    let said = said(&CHECK, 1);
    assert!(said.contains(curve), "{curve} in {said}");
    // The same words give the same, however many threads search.
    let again = self::said(&[&CHECK[..], &["--jobs", "1"]].concat(), 1);
    assert!(again.contains(curve), "{again}");
}

#[test]
fn the_picture_of_the_readme_is_what_is_drawn() {
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/turn.svg");
    let drawn = said(&[&SIM[..], &["--format", "svg"]].concat(), 1);
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(kept, &drawn).expect("the picture can be written");
    }
    let is_same = fs::read_to_string(kept).is_ok_and(|kept| kept == drawn);
    assert!(is_same, "{kept} is not what is drawn: INSTA_UPDATE=always writes it anew");
    // One row turns, and the strip says how much is lost before and after it.
    assert_eq!(drawn.matches("class=\"turned\"").count(), 1, "{drawn}");
    assert!(drawn.contains(">98%</text>"), "{drawn}");
    assert!(!said(&[&SIM[..6], &["--format", "svg"]].concat(), 1).contains("class=\"turned\""));
}

#[test]
fn data_has_all_numbers() {
    let text = said(&[&CHECK[..], &["--format", "json"]].concat(), 1);
    let report: Value = serde_json::from_str(&text).expect("it is JSON");
    let turn = &report["failure"]["turn"];
    let steps = turn["steps"].as_array().expect("there are steps");
    assert_eq!((turn["random"].as_bool(), turn["cut_short"].as_bool()), (Some(true), Some(false)));
    assert_eq!(turn["runs"].as_u64(), Some(100 * steps.len() as u64));
    let turned = steps.iter().find(|step| step["step"] == turn["turned"]).expect("one of them turned");
    assert_eq!(turned["line"], "0.015 fault server>client #1 duplicate");
    for step in steps {
        let (failed, share) = (step["failed"].as_f64().unwrap(), step["share"].as_f64().unwrap());
        assert!((failed / 100.0 - share).abs() < 1e-9 && step["error"].as_f64().unwrap() > 0.0, "{step}");
    }
    assert_eq!(steps.last().unwrap()["failed"], 100);
    // Nobody asked.
    let plain = said(&[&CHECK[..4], &["--format", "json"]].concat(), 1);
    assert!(!plain.contains("\"turn\""), "{plain}");
}

#[test]
fn ladders_and_pages_have_the_shares_of_their_rows() {
    let ladder = said(&[&SIM[..], &["--format", "ladder"]].concat(), 1);
    let row = |text: &str| ladder.lines().find(|line| line.contains(text)).expect("the row is there");
    assert!(row("Your data was 23 bytes long\" ─").contains(" ▂ ├─"), "{ladder}");
    assert!(row("duplicate: #1").contains("! █ ├─"), "{ladder}");
    assert!(ladder.lines().all(|line| line.chars().count() <= 80), "{ladder}");
    let ascii = said(&[&SIM[..], &["--format", "ladder", "--ascii"]].concat(), 1);
    let row = |text: &str| ascii.lines().find(|line| line.contains(text)).expect("the row is there");
    assert!(row("duplicate: #1").contains("! 9 +-") && row("broken").contains("X # "), "{ascii}");
    let page = said(&[&SIM[..], &["--format", "html"]].concat(), 1);
    assert!(page.contains("98% of the runs that go on from here at random fail: here it turned"), "{page}");
    assert_eq!(page.matches("\"turned\":true").count(), 1);
}

#[test]
fn what_has_no_turn_says_so() {
    let output = lossproof(&["sim", "udp-remote", "--turn"]);
    let complaint = "lossproof: note: the run passes, so it has no turn\n";
    assert_eq!(
        (String::from_utf8_lossy(&output.stderr).as_ref(), output.status.code()),
        (complaint, Some(0))
    );
    let output = lossproof(&["sim", "udp-remote", "--turn", "--engine", "turmoil"]);
    let complaint = "lossproof: --turn is for --engine event\n";
    assert_eq!(
        (String::from_utf8_lossy(&output.stderr).as_ref(), output.status.code()),
        (complaint, Some(2))
    );
    let output = lossproof(&SIM);
    let told = String::from_utf8_lossy(&output.stderr);
    let line = "lossproof: turned at 0.015 fault server>client #1 duplicate: ";
    assert!(told.starts_with(line), "{told}");
    let anyway = said(&["check", "udp-local", "--bug", "reads-the-clock", "--turn"], 1);
    assert!(
        anyway.contains("\n  turned nowhere: it fails anyway, in 100% of random runs from the start\n"),
        "{anyway}"
    );
}
