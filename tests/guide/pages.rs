//! The pages of the guide: their code, their reports and their links.

use std::path::Path;

use crate::transfer::{broken, fixed};
use crate::{async_code, deadlock, history, livelock, one_read};

pub(crate) const README: &str = include_str!("../../README.md");
pub(crate) const GUIDE: &str = include_str!("../../src/guide.md");
pub(crate) const A_FILE_ARRIVES: &str = include_str!("a_file_arrives.rs");
/// Where rustdoc finds what the pages link to.
const LINKS: &str = include_str!("../../src/guide/links.md");

type Test = (&'static str, fn());

/// A page: its file, its code, and the tests whose reports it has.
struct Page {
    path: &'static str,
    text: &'static str,
    code: &'static [&'static str],
    tests: &'static [Test],
}

macro_rules! page {
    ($path:literal, [$($code:literal),*], [$($test:expr),*]) => {
        Page {
            path: concat!("src/", $path),
            text: include_str!(concat!("../../src/", $path)),
            code: &[$(include_str!($code)),*],
            tests: &[$($test),*],
        }
    };
}

/// All pages, in the order in which they are read.
const PAGES: &[Page] = &[
    page!(
        "guide.md",
        ["transfer/broken/file_transfer.rs", "a_file_arrives.rs", "files_arrive.rs"],
        [broken::TESTS[0], broken::TESTS[1]]
    ),
    page!("guide/machine.md", ["chapters/machine.rs"], []),
    page!(
        "guide/streams.md",
        ["chapters/streams.rs", "chapters/one_read.rs"],
        [("a_read_is_no_message", one_read::TEST)]
    ),
    page!("guide/segments.md", ["chapters/segments.rs"], []),
    page!(
        "guide/async_code.md",
        ["chapters/async_code.rs", "chapters/async_test.rs"],
        [("a_file_arrives", async_code::TEST)]
    ),
    page!("guide/nets.md", ["chapters/nets.rs", "chapters/sockets_of_a_host.rs"], []),
    page!(
        "guide/check.md",
        ["chapters/check.rs", "chapters/vacuous.rs", "chapters/history.rs"],
        [("duplicates_do_no_harm", fixed::VACUOUS), ("a_register_is_linearizable", history::TEST)]
    ),
    page!("guide/networks.md", ["chapters/networks.rs"], []),
    page!("guide/nat.md", ["chapters/nat.rs"], []),
    page!("guide/bottlenecks.md", ["chapters/bottlenecks.rs", "chapters/trace.rs"], []),
    page!("guide/ecn.md", ["chapters/ecn.rs"], []),
    page!("guide/multicast.md", ["chapters/multicast.rs"], []),
    page!(
        "guide/deadlocks.md",
        ["chapters/deadlock.rs", "chapters/livelock.rs"],
        [("all_of_it_comes_back", deadlock::TEST), ("somebody_leads", livelock::TEST)]
    ),
    page!("guide/debugging.md", ["chapters/debugging.rs"], []),
    page!("guide/replay.md", ["chapters/replay.rs", "chapters/again.rs"], []),
    page!("guide/transcripts.md", ["chapters/transcripts.rs"], []),
    page!("guide/captures.md", [], []),
    page!("guide/sweeps.md", ["chapters/sweeps.rs"], []),
    page!("guide/shards.md", [], []),
    page!("guide/ci.md", [], []),
    page!("guide/real_sockets.md", ["chapters/main_of_a_server.rs", "chapters/real_sockets.rs"], []),
    page!("guide/tls.md", ["chapters/tls.rs"], []),
    page!("guide/programs.md", ["chapters/programs.rs"], []),
    page!("guide/command_line.md", [], []),
    page!("guide/classics.md", [], []),
    page!("guide/own_command_line.md", ["chapters/program.rs"], []),
    page!("guide/platforms.md", [], []),
    page!("guide/compared.md", [], []),
    page!("guide/words.md", [], []),
];

/// The fenced blocks of a page, each with its language.
fn fenced(page: &str) -> impl Iterator<Item = (&str, &str)> {
    let fenced = page.split("\n```").skip(1).step_by(2);
    fenced.map(|block| block.split_once('\n').expect("a block begins with its language"))
}

/// The blocks of a page that are fenced as this language.
pub(crate) fn blocks(page: &str, language: &str) -> Vec<String> {
    fenced(page).filter(|(of, _)| *of == language).map(|(_, block)| format!("{block}\n")).collect()
}

/// The code of a page: but for fragments, which are indented.
fn code(page: &str) -> Vec<&str> {
    let is_code = |(of, block): &(&str, &str)| of.starts_with("rust") && !block.starts_with(' ');
    fenced(page).filter(is_code).map(|(_, block)| block).collect()
}

/// The reports of a page.
fn reports(page: &str) -> Vec<&str> {
    let is_report = |block: &&str| block.starts_with("FAILED ") || block.starts_with("VACUOUS ");
    fenced(page).map(|(_, block)| block).filter(is_report).collect()
}

/// A test as its reader has it: it is not ignored.
fn shown(test: &str) -> String {
    let lines = test.lines().filter(|line| !line.starts_with("#[ignore"));
    lines.fold(String::new(), |text, line| text + line + "\n")
}

/// Runs a test on a thread of its name, as the standard harness does.
pub(crate) fn run((name, test): Test) -> std::thread::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(test).expect("there are threads").join()
}

/// What a test that fails prints, with the path of its files as on any computer.
pub(crate) fn report(test: Test) -> String {
    let panic = run(test).expect_err("it fails");
    let report = panic.downcast_ref::<String>().expect("a report is a text");
    let line = |line: &str| match (line.strip_prefix("  files: "), line.rfind("/lossproof/")) {
        (Some(_), Some(at)) => format!("  files: target{}\n", &line[at..]),
        // The guide takes the crate without the feature for captures.
        _ => format!("{}\n", line.replace("capture.pcapng ", "")),
    };
    report.lines().map(line).collect()
}

/// A report without the time that it took by the clock on the wall.
fn timeless(report: &str) -> String {
    let line = |line: &str| match line
        .split_once(" (")
        .filter(|(runs, _)| runs.ends_with("run") || runs.ends_with("runs"))
    {
        Some((runs, times)) => {
            format!("{runs} {}\n", times.split_once(", ").map_or("", |(_, simulated)| simulated))
        }
        None => format!("{line}\n"),
    };
    report.lines().map(line).collect()
}

#[test]
fn the_pages_have_the_code_that_runs_and_the_reports_that_it_prints() {
    let is_to_be_written = std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always");
    for Page { path, text, code: files, tests } in PAGES {
        let mut renewed = (*text).to_owned();
        assert_eq!(code(text).len(), files.len(), "{path} has as many blocks of code as files");
        for (block, file) in code(text).into_iter().zip(*files) {
            renewed = renewed.replacen(block, shown(file).trim_end(), 1);
        }
        assert_eq!(reports(text).len(), tests.len(), "{path} has as many reports as tests");
        for (block, test) in reports(text).into_iter().zip(*tests) {
            let report = report(*test);
            if timeless(block) != timeless(report.trim_end()) {
                renewed = renewed.replacen(block, report.trim_end(), 1);
            }
        }
        if is_to_be_written && renewed != *text {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
            std::fs::write(path, &renewed).expect("the guide can be written");
        } else {
            assert_eq!(*text, renewed, "{path}");
        }
    }
}

/// The definitions of links at the end of a page: the label, and where it leads.
fn definitions(page: &str) -> impl Iterator<Item = (&str, &str)> {
    page.lines().filter_map(|line| line.strip_prefix('[')?.split_once("]: "))
}

/// On GitHub a link leads to a file; in rustdoc, which reads the definitions of `links.md` first, to an item.
#[test]
fn every_link_of_the_guide_leads_somewhere_on_github_and_in_rustdoc() {
    let items: Vec<&str> = definitions(LINKS).map(|(label, _)| label).collect();
    for Page { path, text, .. } in PAGES {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let directory = directory.parent().expect("a page is in a directory");
        assert!(!text.contains("](crate::"), "{path} is for GitHub, too");
        let mut labels = Vec::new();
        for (label, target) in definitions(text) {
            assert!(directory.join(target).exists(), "{path}: {target} is not there");
            assert!(items.contains(&label), "{path}: links.md does not have {label}");
            assert!(text.matches(&format!("[{label}]")).count() > 1, "{path}: {label} is not used");
            labels.push(label);
        }
        // Outside of code, what is in brackets is a link, and has its definition.
        let prose: String = text.split("\n```").step_by(2).collect();
        for part in prose.split("[`").skip(1) {
            let label = format!("`{}", part.split(']').next().unwrap_or_default());
            assert!(labels.contains(&label.as_str()), "{path}: [{label}] has no definition");
        }
    }
}

/// What follows `Next:` on a page leads to the next one, so that whoever begins at the first reads all of them.
#[test]
fn each_page_leads_to_the_next_one() {
    for (page, next) in PAGES.iter().zip(&PAGES[1..]) {
        let (_, link) = page.text.rsplit_once("\nNext: ").unwrap_or_else(|| panic!("{} leads on", page.path));
        let label = link.split_once(".\n").map_or(link, |(link, _)| link);
        let label = label.rsplit('[').next().and_then(|rest| rest.strip_suffix(']')).expect("it is a link");
        let target = definitions(page.text).find(|(known, _)| *known == label).map(|(_, target)| target);
        let is_next = target.is_some_and(|target| next.path.ends_with(target));
        assert!(is_next, "{} leads to {target:?}, not to {}", page.path, next.path);
    }
    // The table of contents has each of them, in this order.
    let mut rest = GUIDE;
    for page in &PAGES[1..] {
        let target = page.path.strip_prefix("src/").expect("it is in the sources");
        let label = definitions(GUIDE).find(|(_, known)| *known == target).map(|(label, _)| label);
        let label = label.unwrap_or_else(|| panic!("{} is in the table of contents", page.path));
        let at =
            rest.find(&format!("][{label}] | ")).unwrap_or_else(|| panic!("{} is in its place", page.path));
        rest = &rest[at..];
    }
}

/// GitHub shows the lines that rustdoc hides.
#[test]
fn no_line_of_code_is_hidden() {
    for (path, text) in PAGES.iter().map(|page| (page.path, page.text)).chain([("README.md", README)]) {
        for (_, block) in fenced(text).filter(|(language, _)| language.starts_with("rust")) {
            assert!(
                !block.lines().any(|line| line.trim() == "#" || line.trim().starts_with("# ")),
                "{path}: {block}"
            );
        }
    }
}

/// Words that readers misread.
#[test]
fn the_guide_and_the_readme_are_in_words_that_are_understood() {
    const WORDS: [&str; 25] = [
        "anew",
        "mend",
        "remedy",
        "becomes of",
        "come to be",
        "to hold",
        "holds",
        " held",
        "are to ",
        "is to ",
        "so many",
        "told",
        "asked",
        "without loss ",
        "doubles",
        "comes twice",
        "takes for",
        "goes wrong",
        "fares",
        "made small",
        "makes it again",
        "for it is",
        "proves",
        "closed form",
        "has to be",
    ];
    for (path, text) in PAGES.iter().map(|page| (page.path, page.text)).chain([("README.md", README)]) {
        let prose: String = text.split("\n```").step_by(2).collect();
        let prose = prose.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in WORDS {
            assert!(!prose.contains(word), "{path}: {word:?} in …{}", around(&prose, word));
        }
    }
}

/// The words around a word that should not be there.
fn around(prose: &str, word: &str) -> String {
    let at = prose.find(word).unwrap_or_default();
    let from = prose[..at].rmatch_indices(' ').nth(6).map_or(0, |(from, _)| from);
    let words: Vec<&str> = prose[from..].split_whitespace().take(14).collect();
    words.join(" ")
}

#[test]
fn the_readme_is_short() {
    assert!(README.lines().count() <= 250);
}
