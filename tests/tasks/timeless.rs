//! Reports as snapshots keep them.

/// A report without the time that the search took (`after 2 runs (0.01 s, 1.11 s simulated)`), and without when the run
/// was lost, which is only looked for while there is time.
pub(crate) fn timeless(report: &str) -> String {
    let is_search = |line: &str| line.trim_start().starts_with("after ") && line.ends_with("simulated)");
    let line = |line: &str| match (is_search(line), line.split_once(" (")) {
        (true, Some((runs, _))) => format!("{runs}\n"),
        // The line of a panic moves with its file.
        _ if line.contains("(at tests/") => {
            line.split_once("rs:").map_or(line, |(before, _)| before).to_owned() + "rs)\n"
        }
        _ => format!("{line}\n"),
    };
    report.lines().filter(|line| !line.starts_with("  turned")).map(line).collect()
}
