//! The forms in which a check's result is written for programs that build and test.

use std::fmt::Write as _;

use clap::ValueEnum;
use serde::Serialize;

use super::error::CliError;
use super::output::{self, Tint};
use super::report::Report;
use crate::escaped::{self, xml};
use crate::harness::annotate::{self, Level};

/// How the result of a check is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum CheckFormat {
    /// For people.
    Text,
    /// JSON, one object a line.
    Json,
    /// `JUnit`'s XML, with one test case.
    Junit,
    /// A line that GitHub shows beside a change.
    Github,
}

/// A result, as far as programs are told of it that know nothing of lossproof.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shown {
    /// The system.
    system: String,
    /// What the test is called.
    name: String,
    /// Of what kind the failure is and what was seen, if there is one.
    failure: Option<(String, String)>,
    /// How long it took, if that is told.
    seconds: Option<f64>,
    /// The report.
    text: String,
}

impl Shown {
    /// The result that a report, which reads like this, has. What is unfinished has not passed.
    pub(super) fn new(report: &Report, text: &str, is_unfinished: bool) -> Self {
        let broken = report.failure().map(|broken| (broken.what.clone(), broken.detail.clone()));
        let first = || ("unfinished".to_owned(), text.lines().next().unwrap_or_default().to_owned());
        Self {
            system: report.system().to_owned(),
            name: report.name(),
            failure: broken.or_else(|| is_unfinished.then(first)),
            seconds: report.wall_seconds(),
            text: escaped::plain(text).into_owned(),
        }
    }

    /// As a file that has one suite of one test case.
    fn junit(&self) -> String {
        let failures = u8::from(self.failure.is_some());
        let time = self.seconds.map_or_else(String::new, |seconds| format!(" time=\"{seconds:.3}\""));
        let counts = format!("tests=\"1\" failures=\"{failures}\" errors=\"0\"{time}");
        let (system, name, text) = (attribute(&self.system), attribute(&self.name), xml(&self.text));
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        // Writing to a string cannot fail.
        let _ = writeln!(xml, "<testsuites name=\"lossproof\" {counts}>");
        let _ = writeln!(xml, "  <testsuite name=\"lossproof check\" {counts} skipped=\"0\">");
        let _ = writeln!(xml, "    <testcase name=\"{name}\" classname=\"lossproof.{system}\"{time}>");
        let _ = match &self.failure {
            Some((kind, detail)) => {
                let (kind, message) = (attribute(kind), attribute(&format!("{kind}: {detail}")));
                writeln!(xml, "      <failure type=\"{kind}\" message=\"{message}\">{text}</failure>")
            }
            None => writeln!(xml, "      <system-out>{text}</system-out>"),
        };
        xml.push_str("    </testcase>\n  </testsuite>\n</testsuites>\n");
        xml
    }

    /// As one line: of a failure the report, else its beginning.
    fn github(&self) -> String {
        let title = format!("lossproof check {}", self.name);
        let (level, text) = match &self.failure {
            Some(_) => (Level::Error, &*self.text),
            None => (Level::Notice, self.text.split("\n\n").next().unwrap_or_default()),
        };
        annotate::line(level, None, &title, text) + "\n"
    }
}

/// Writes a result to standard output.
pub(super) fn print(
    format: CheckFormat,
    json: &impl Serialize,
    shown: impl FnOnce() -> Shown,
) -> Result<(), CliError> {
    match format {
        CheckFormat::Text => output::print(&shown().text)?,
        CheckFormat::Json => {
            output::print_as(&(escaped::json(json) + "\n"), Tint::None)?;
        }
        CheckFormat::Junit => output::print_as(&shown().junit(), Tint::None)?,
        CheckFormat::Github => output::print_as(&shown().github(), Tint::None)?,
    }
    Ok(())
}

/// A text as the value of an attribute, where an end of line would be read as a blank otherwise.
fn attribute(text: &str) -> String {
    xml(text).replace('\n', "&#10;").replace('\t', "&#9;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(failure: Option<(&str, &str)>, text: &str) -> Shown {
        Shown {
            system: "chat".to_owned(),
            name: "chat --text '<a & \"b\">'".to_owned(),
            failure: failure.map(|(what, detail)| (what.to_owned(), detail.to_owned())),
            seconds: None,
            text: text.to_owned(),
        }
    }

    #[test]
    fn an_attribute_keeps_its_lines() {
        assert_eq!(attribute("a\n\tb<\u{1b}\r"), "a&#10;&#9;b&lt;\\u{1b}\\r");
    }

    #[test]
    fn a_failure_is_one_case_with_the_report() {
        let xml = shown(Some(("law 7: no <panic>", "it's \"over\"\nnow")), "FAILED ]]>\n").junit();
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites name=\"lossproof\" tests=\"1\" failures=\"1\" errors=\"0\">
  <testsuite name=\"lossproof check\" tests=\"1\" failures=\"1\" errors=\"0\" skipped=\"0\">
    <testcase name=\"chat --text '&lt;a &amp; &quot;b&quot;&gt;'\" classname=\"lossproof.chat\">
      <failure type=\"law 7: no &lt;panic&gt;\" message=\"law 7: no &lt;panic&gt;: it's &quot;over&quot;&#10;now\">FAILED ]]&gt;\n</failure>
    </testcase>
  </testsuite>
</testsuites>
";
        assert_eq!(xml, expected);
    }

    #[test]
    fn a_command_to_github_is_one_line() {
        let line = shown(Some(("x", "y")), "FAILED chat: 50%\n  replay: z\n\n0.000 end\n").github();
        let title = "::error title=lossproof check chat --text '<a & \"b\">'::";
        assert_eq!(line, format!("{title}FAILED chat: 50%25%0A  replay: z%0A%0A0.000 end\n"));
        let line = shown(None, "PASSED chat\n  runs 1\n\nin every run\n").github();
        assert_eq!(line, format!("{}PASSED chat%0A  runs 1\n", title.replace("error", "notice")));
    }
}
