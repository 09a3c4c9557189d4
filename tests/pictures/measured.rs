//! Pages and pictures as Chromium lays them out: `measure.js` looks at the boxes of all texts and of all that is drawn.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lossproof::fault::{FaultPlan, Profile};
use lossproof::scenario::Net;
use lossproof::systems::Options;
use serde::Deserialize;

use super::commands::sim;
use super::transcript;

/// The widths of windows, in pixels.
const WIDTHS: [u32; 2] = [1280, 400];
/// About as wide as a sheet of paper is for a browser.
const PAPER_WIDTH: u32 = 724;
const LOOKS: [&str; 2] = ["light", "dark"];
/// How long the clock of the pages may go; it does not wait for anybody.
const CLOCK_MS: u32 = 600_000;
const MEASURE: &str = include_str!("measure.js");

/// What was seen in one window.
#[derive(Deserialize)]
struct Seen {
    labels: u64,
    drawn: u64,
    /// The least of any text.
    contrast: f64,
    faults: Vec<String>,
}

/// The browser; if there is none, that is said.
fn browser() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = names.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok());
    if found.is_none() {
        eprintln!("skipped: chromium is not installed ('apt-get install chromium' does that)");
    }
    found
}

/// The document of a file once its scripts have run.
fn document(browser: &str, file: &Path) -> String {
    let mut profile = file.to_owned();
    profile.set_extension("profile");
    let mut command = Command::new(browser);
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--dump-dom"]);
    command.arg(format!("--user-data-dir={}", profile.display()));
    command.arg(format!("--virtual-time-budget={CLOCK_MS}")).arg(format!("file://{}", file.display()));
    let output = command.output().expect("the browser is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("a document is UTF-8")
}

/// A folder for the files of one test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).expect("a folder can be made");
    folder
}

/// A page with the script that measures it, which its policy would not allow.
fn measuring(page: &str) -> String {
    let (before, policy) =
        page.split_once("<meta http-equiv=\"Content-Security-Policy\"").expect("it has one");
    let (_, after) = policy.split_once('>').expect("it ends");
    let page = format!("{before}{after}");
    page.replace("</body>", &format!("<script>{MEASURE}</script></body>"))
}

/// The same as a printer gets it.
fn on_paper(page: &str) -> String {
    let style =
        page.replace("@media print {", "@media all {").replace("@media screen and", "@media print and");
    measuring(&style)
}

/// A document that has this picture.
fn framed(picture: &str) -> String {
    let style = "<style>body { margin: 0; }</style>";
    format!("<!doctype html><meta charset=\"utf-8\"><body>{style}{picture}<script>{MEASURE}</script></body>")
}

/// Opens all these files, each in windows of these widths and looks, and gives what was seen.
fn measure(browser: &str, folder: &Path, windows: &[(String, u32)]) -> Vec<Seen> {
    let driver = "<!doctype html><meta charset=\"utf-8\"><pre id=\"seen\"></pre><script>const all = [];
        addEventListener('message', ({ data }) => {
            all.push(JSON.parse(data));
            document.getElementById('seen').textContent = btoa(encodeURIComponent(JSON.stringify(all)));
        });</script>";
    let frame = |(file, width): &(String, u32)| {
        format!("<iframe width=\"{width}\" height=\"800\" src=\"{file}\"></iframe>")
    };
    let frames: Vec<String> = windows.iter().map(frame).collect();
    let path = folder.join(format!("driver-{}.htm", windows[0].0.replace('#', "-")));
    fs::write(&path, driver.to_owned() + &frames.concat()).expect("a file can be written");
    let document = document(browser, &path);
    let (_, from) = document.split_once("<pre id=\"seen\">").expect("it is there");
    let (encoded, _) = from.split_once("</pre>").expect("it ends");
    let seen: Vec<Seen> = decoded(encoded);
    assert_eq!(seen.len(), windows.len(), "a page did not get to its end");
    seen
}

/// What a script has encoded as `btoa(encodeURIComponent(JSON.stringify(…)))`.
fn decoded(encoded: &str) -> Vec<Seen> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).expect("it is base64");
    let mut json = Vec::new();
    let mut parts = bytes.split(|byte| *byte == b'%');
    json.extend_from_slice(parts.next().unwrap_or_default());
    for part in parts {
        let digits = std::str::from_utf8(&part[..2]).expect("two digits");
        json.push(u8::from_str_radix(digits, 16).expect("hexadecimal ones"));
        json.extend_from_slice(&part[2..]);
    }
    serde_json::from_slice(&json).expect("it is JSON")
}

/// Standard output of `sim`, however the run ends.
fn drawn(args: &[&str]) -> String {
    String::from_utf8(sim(args).stdout).expect("standard output is UTF-8")
}

/// Measures pages and pictures of all these runs, and says how much that was.
fn judge(name: &str, runs: &[Vec<&str>]) {
    let Some(browser) = browser() else { return };
    let folder = folder(name);
    let mut windows = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let page = drawn(&[&run[..], &["--format", "html"]].concat());
        let picture = drawn(&[&run[..], &["--format", "svg"]].concat());
        let file = format!("{index}-{}", run[0]);
        for (file, text) in [
            (format!("{file}.html"), measuring(&page)),
            (format!("{file}-paper.html"), on_paper(&page)),
            (format!("{file}-picture.html"), framed(&picture)),
        ] {
            fs::write(folder.join(file), text).expect("a file can be written");
        }
        for width in WIDTHS {
            windows.extend(LOOKS.map(|look| (format!("{file}.html#{look}"), width)));
        }
        windows.push((format!("{file}-paper.html#paper"), PAPER_WIDTH));
        windows.push((format!("{file}-picture.html"), 4 * WIDTHS[0]));
    }
    let (measure, folder) = (&measure, &folder);
    let seen: Vec<Seen> = std::thread::scope(|scope| {
        let halves = windows.chunks(windows.len().div_ceil(2));
        let halves: Vec<_> = halves.map(|half| scope.spawn(move || measure(browser, folder, half))).collect();
        halves.into_iter().flat_map(|half| half.join().expect("it was measured")).collect()
    });
    let faults: Vec<&String> = seen.iter().flat_map(|seen| &seen.faults).collect();
    let sum = |count: fn(&Seen) -> u64| seen.iter().map(count).sum::<u64>();
    let contrast = seen.iter().map(|seen| seen.contrast).fold(f64::INFINITY, f64::min);
    let (labels, drawn) = (sum(|seen| seen.labels), sum(|seen| seen.drawn));
    println!(
        "{} runs in {} windows: {labels} labels among {drawn} lines and marks, a contrast of {contrast:.2} or more, {} faults",
        runs.len(),
        seen.len(),
        faults.len()
    );
    assert!(faults.is_empty() && labels > 0 && drawn > 0, "{faults:#?}");
}

const TURNED: [&str; 6] =
    ["udp-remote", "--bug", "accepts-any-reply", "--faults", "server>client #1 duplicate", "--turn"];

#[test]
fn no_label_of_a_page_lies_over_anything() {
    let short = ["tcp-sixteen", "udp-chat"].map(|system| vec![system, "--loss", "20%"]);
    judge("measured", &[Vec::from(TURNED), short[0].clone(), short[1].clone()]);
}

#[test]
#[ignore = "it takes minutes: .ci/nightly runs it"]
fn no_label_of_the_page_of_any_system_lies_over_anything() {
    let list = Command::new(env!("CARGO_BIN_EXE_lossproof")).arg("list").output().expect("it is built");
    let list = String::from_utf8(list.stdout).expect("standard output is UTF-8");
    let systems: Vec<&str> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(systems.len() > 10, "{list}");
    let mut runs = vec![Vec::from(TURNED)];
    for system in systems {
        runs.extend([vec![system], vec![system, "--loss", "20%"]]);
    }
    judge("measured-all", &runs);
}

/// What is to be found is found.
#[test]
fn labels_that_lie_over_something_are_found() {
    let Some(browser) = browser() else { return };
    let folder = folder("planted");
    let page = drawn(&["udp-remote", "--format", "html"]);
    let planted = [
        ("text", ".text { margin-left: -80px; }", "lies over"),
        ("arrow", ".who { margin-left: -120px; }", "lies over a flight"),
        ("wide", "header { min-width: 1500px; }", "the page is wider than the window"),
        ("cut", ".who { padding-left: 900px; }", "is cut off"),
        ("pale", ".who { color: #8a97a6; }", "has a contrast of 2"),
        ("name", "#before { display: block; } aside { margin-left: -60px; }", "section lies over aside"),
    ];
    for (name, style, _) in planted {
        let text = measuring(&page).replace("</head>", &format!("<style>{style}</style></head>"));
        fs::write(folder.join(format!("{name}.html")), text).expect("a file can be written");
    }
    let windows = planted.map(|(name, ..)| (format!("{name}.html#light"), WIDTHS[0]));
    let seen = measure(browser, &folder, &windows);
    for (name, _, said) in planted {
        let is_it = |fault: &String| fault.starts_with(&format!("{name}.html")) && fault.contains(said);
        let faults: Vec<&String> = seen.iter().flat_map(|seen| &seen.faults).collect();
        assert!(faults.iter().any(|fault| is_it(fault)), "{name}: {faults:#?}");
    }
}

/// A run in which nothing happens, and of nobody, is a page, too.
#[test]
fn nothing_has_a_page() {
    let Some(browser) = browser() else { return };
    let page = transcript(
        |_| Net::new("nobody"),
        &Options::default(),
        &FaultPlan::default(),
        Profile::default(),
        |run| run.page("nobody", ""),
    );
    let file = folder("nothing").join("page.html");
    fs::write(&file, page).expect("a file can be written");
    assert!(document(browser, &file).contains("Nothing happened."));
}

/// The policy of a page allows its script, and no other.
#[test]
fn a_page_executes_only_what_is_built_in() {
    let Some(browser) = browser() else { return };
    let folder = folder("policy");
    let page = drawn(&["udp-remote", "--format", "html"]);
    let has_rows = |name: &str, page: &str| {
        let file = folder.join(name);
        fs::write(&file, page).expect("a file can be written");
        document(browser, &file).contains("aria-current=\"true\"")
    };
    assert!(has_rows("as-it-is.html", &page));
    assert!(!has_rows("changed.html", &page.replace("'use strict';", "'use strict'; let planted;")));
}
