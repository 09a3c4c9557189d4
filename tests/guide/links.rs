//! Every link of every text of the repository leads somewhere.

use std::fs;
use std::path::{Path, PathBuf};

/// The texts of the repository, but for what is built.
fn texts(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in
        fs::read_dir(directory).expect("a directory is there").map(|entry| entry.expect("so is this"))
    {
        let path = entry.path();
        let name = entry.file_name();
        if entry.file_type().expect("it has a type").is_dir() {
            if name != "target" && !name.to_string_lossy().starts_with('.') {
                texts(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// A text without its blocks of code and its code in lines, since brackets there are no links.
fn prose(text: &str) -> String {
    let blocks = format!("\n{text}");
    let prose: String = blocks.split("\n```").step_by(2).collect::<Vec<_>>().join("\n");
    prose.split('`').step_by(2).collect()
}

/// Where the links of a text lead, inline ones and those that are defined at its end.
fn targets(text: &str) -> Vec<String> {
    let prose = prose(text);
    let inline = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let inline = inline.map(|target| target.split_whitespace().collect::<String>());
    let defined =
        text.lines().filter_map(|line| Some(line.strip_prefix('[')?.split_once("]: ")?.1.to_owned()));
    inline.chain(defined).collect()
}

/// The name that GitHub gives to a heading, for links to it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn anchors(text: &str) -> Vec<String> {
    let blocks = format!("\n{text}");
    let prose = blocks.split("\n```").step_by(2).collect::<Vec<_>>().join("\n");
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#'))).collect()
}

/// The links of a text that lead nowhere.
fn dead(path: &Path, text: &str) -> Vec<String> {
    let directory = path.parent().expect("a text is in a directory");
    let leads = |target: &str| {
        if target.starts_with("https://") || target.starts_with("crate::") {
            return true;
        }
        let (file, heading) =
            target.split_once('#').map_or((target, None), |(file, rest)| (file, Some(rest)));
        let there = if file.is_empty() { path.to_owned() } else { directory.join(file) };
        let Some(heading) = heading else { return there.exists() };
        let text = if file.is_empty() { Ok(text.to_owned()) } else { fs::read_to_string(&there) };
        text.is_ok_and(|text| anchors(&text).iter().any(|anchor| anchor == heading))
    };
    targets(text).into_iter().filter(|target| !leads(target)).collect()
}

#[test]
fn every_link_of_every_text_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    texts(root, &mut found);
    assert!(found.contains(&root.join("README.md")) && found.len() > 20, "{found:?}");
    for path in found {
        let text = fs::read_to_string(&path).expect("a text can be read");
        assert_eq!(dead(&path, &text), Vec::<String>::new(), "{}", path.display());
    }
}

#[test]
fn a_dead_link_is_found() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = "# One, two\n[a](src/guide.md) [b](src/no.md) [c](#one-two) [d](#three) [e](src/guide.md#2-the-test)\n\
                `[f](no)` [g](src/guide.md#2-no)\n```\n[h](no)\n```\n[i]: src/lib.rs\n[j]: no.rs\n";
    assert_eq!(dead(&path, text), ["src/no.md", "#three", "src/guide.md#2-no", "no.rs"]);
}
