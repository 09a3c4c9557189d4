//! What holds for the pictures of any run.

use lossproof::engine::{Engine, Settings};
use lossproof::fault::{Chance, FaultPlan, Profile, strategy};
use lossproof::scenario::Net;
use lossproof::systems::{
    Options, greet, select_echo, tcp_chat, tcp_sixteen, udp_broadcast, udp_chat, udp_remote,
};
use lossproof::transcript::{Look, MAX_REPORT_LINES};
use lossproof::{Input, Instant, Machine, Outbox, Scenario, Status};
use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use super::{System, transcript};

/// What a page was given.
fn data(page: &str) -> Value {
    let (_, from) =
        page.split_once("<script id=\"run\" type=\"application/json\">").expect("the data is there");
    let (data, _) = from.split_once("</script>").expect("it ends");
    serde_json::from_str(data).expect("it is JSON")
}

fn stormy() -> Profile {
    let jitter = std::time::Duration::from_millis(40);
    Profile { loss: Chance::percent(30), duplicate: Chance::percent(10), jitter, ..Profile::default() }
}

/// Holds what is to hold for the pictures of one run.
fn judge(system: System, plan: &FaultPlan, is_stormy: bool, look: Look) -> Result<(), TestCaseError> {
    let profile = if is_stormy { stormy() } else { Profile::default() };
    let options = Options { ids: true, ..Options::default() };
    transcript(system, &options, plan, profile, |run| {
        if let Ok(ladder) = run.ladder(look) {
            for line in ladder.lines() {
                prop_assert!(line.width() <= look.width, "{line:?} takes more than {}", look.width);
                prop_assert!(!look.ascii || line.is_ascii(), "{line:?}");
            }
        } else {
            prop_assert!(look.width < 60, "so many hosts fit into {}", look.width);
        }
        let mermaid = run.mermaid();
        prop_assert!(mermaid.lines().skip(1).all(|line| line.starts_with("    ")), "{mermaid}");
        let svg = run.svg("a run");
        prop_assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
        let page = data(&run.page("a run", "lossproof"));
        every_arrival_is_drawn(&run.json_lines(), &page)
    })
}

/// What came in at a host is the arrival of something that had left another, and everything is there in its order.
fn every_arrival_is_drawn(lines: &str, page: &Value) -> Result<(), TestCaseError> {
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"));
    let came = |what: &Value| what == "recv" || what == "read";
    let expected: Vec<(u64, String)> = lines
        .filter(|line| came(&line["what"]))
        .map(|line| (number(&line["at_ns"]), host(&line["host"])))
        .collect();
    let rows = page["rows"].as_array().expect("there are rows");
    let arrivals = rows.iter().enumerate().filter(|(_, row)| came(&row["word"]));
    let name = |index: &Value| host(&page["hosts"][number(index) as usize]);
    let mut drawn = Vec::new();
    for (index, row) in arrivals {
        prop_assert_eq!(&row["kind"], "arrives", "{}", row);
        for flight in row["flights"].as_array().expect("an arrival has a flight") {
            let flight = &page["flights"][number(flight) as usize];
            prop_assert_eq!(&flight["to"], &row["host"]);
            let arrivals = flight["arrivals"].as_array().expect("a flight has arrivals");
            prop_assert!(arrivals.contains(&Value::from(index)), "{flight} does not arrive at {index}");
            let departs = &rows[number(&flight["departs"]) as usize];
            prop_assert!(number(&departs["ns"]) < number(&row["ns"]), "{departs} is not before {row}");
            if let (Some(sent), Some(came)) = (range(departs), range(row)) {
                prop_assert!(
                    sent.start < came.end && came.start < sent.end,
                    "{departs} has nothing of {row}"
                );
            }
        }
        drawn.push((number(&row["ns"]), name(&row["host"])));
    }
    prop_assert_eq!(drawn, expected);
    Ok(())
}

/// The bytes that a row is about, if it is about a stream's.
fn range(row: &Value) -> Option<std::ops::Range<u64>> {
    let (_, from) = row["text"].as_str()?.split_once('@')?;
    let (start, end) = from.split(' ').next()?.split_once("..")?;
    Some(start.parse().ok()?..end.parse().ok()?)
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

fn host(value: &Value) -> String {
    value.as_str().expect("a name").to_owned()
}

fn any_plan(system: System) -> BoxedStrategy<FaultPlan> {
    let scenario = Scenario::from(system(&Options::default()));
    let names: Vec<String> = scenario.names().into_iter().map(str::to_owned).collect();
    strategy::plan(&names, 12)
}

proptest! {
    #![proptest_config(Config { cases: 60, failure_persistence: None, ..Config::default() })]

    #[test]
    fn pictures_of_any_run_keep_to_their_frame(
        remote in any_plan(udp_remote::net),
        chat in any_plan(udp_chat::net),
        broadcast in any_plan(udp_broadcast::net),
        sixteen in any_plan(tcp_sixteen::net),
        members in any_plan(tcp_chat::net),
        echo in any_plan(select_echo::net),
        (is_stormy, width, ascii) in (any::<bool>(), 20..=200_usize, any::<bool>()),
    ) {
        let look = Look { width, ascii };
        judge(udp_remote::net, &remote, is_stormy, look)?;
        judge(udp_chat::net, &chat, is_stormy, look)?;
        judge(udp_broadcast::net, &broadcast, is_stormy, look)?;
        judge(tcp_sixteen::net, &sixteen, is_stormy, look)?;
        judge(tcp_chat::net, &members, is_stormy, look)?;
        judge(select_echo::net, &echo, is_stormy, look)?;
    }
}

/// Without latency what arrives can stand before what it was: the pictures take it.
#[test]
fn arrivals_at_the_moment_of_their_departure_are_drawn() {
    let net = udp_remote::net(&Options::default());
    net.latency(std::time::Duration::ZERO);
    let scenario = Scenario::from(net);
    let mut engine = Engine::new(&scenario);
    engine.run(&Settings::default());
    let run = engine.transcript();
    let ladder = run.ladder(Look::default()).unwrap();
    assert!(ladder.contains("◄╌ #0 \"This is another message\""), "{ladder}");
    // Nobody's track is left over.
    assert!(!ladder.lines().last().unwrap().contains('┊'), "{ladder}");
    let page = data(&run.page("", ""));
    let lost = page["flights"].as_array().unwrap().iter().filter(|flight| flight["fate"] != "arrived");
    assert_eq!(lost.count(), 0, "{page}");
}

#[test]
fn one_host_and_none_have_pictures_too() {
    struct Told;
    impl Machine for Told {
        type Command = ();
        type Event = &'static str;

        fn handle(&mut self, _: Input<'_, ()>, _: Instant, out: &mut Outbox<&'static str>) {
            out.event("what is told alone has the whole width, and is broken where that ends");
            out.done(Status::Success);
        }
    }
    for hosts in [0, 1] {
        let net = Net::new("alone");
        if hosts == 1 {
            net.host("alone").machine(|_| Told);
        }
        let scenario = Scenario::from(net);
        let mut engine = Engine::new(&scenario);
        engine.run(&Settings::default());
        let run = engine.transcript();
        let ladder = run.ladder(Look { width: 40, ascii: true }).unwrap();
        assert_eq!(ladder.lines().count(), 1 + 4 * hosts, "{ladder}");
        assert!(ladder.lines().all(|line| line.len() <= 40), "{ladder}");
        assert!(run.svg("").ends_with("</svg>\n") && run.mermaid().starts_with("sequenceDiagram\n"));
        assert_eq!(data(&run.page("", ""))["rows"].as_array().unwrap().len(), 2 * hosts);
    }
}

/// A page folds what a report leaves out, and says the same of it.
#[test]
fn a_page_opens_folded_as_a_report_is() {
    let plan = FaultPlan::default();
    let (page, excerpt) = transcript(udp_chat::net, &Options::default(), &plan, Profile::default(), |run| {
        (data(&run.page("", "")), run.excerpt(MAX_REPORT_LINES))
    });
    let folds = page["folds"].as_array().expect("there are folds");
    let said: Vec<&str> = folds.iter().filter_map(|fold| fold["text"].as_str()).collect();
    let left_out =
        excerpt.lines().filter(|line| line.starts_with("… ")).map(|line| line.replacen("lines", "steps", 1));
    assert!(!said.is_empty() && said.len() == folds.len(), "{page}");
    assert_eq!(said, left_out.collect::<Vec<_>>(), "{excerpt}");
    let folded: u64 = folds.iter().map(|fold| number(&fold["to"]) - number(&fold["from"])).sum();
    let rows = page["rows"].as_array().expect("there are rows").len();
    assert_eq!(rows - folded as usize + folds.len(), excerpt.lines().count());
}

/// A text that closes what it stands in, calls a script, and looks like a place of the page's frame.
const HOSTILE: &str =
    "</script></text></svg><img src=x onerror=alert(1)><!-- {style} \u{2028}\"'&#59; %% \u{202e}";

#[test]
fn nothing_that_a_run_says_breaks_out_of_its_picture() {
    let options = Options { text: Some(HOSTILE.to_owned()), ..Options::default() };
    let plan = FaultPlan::default();
    let (page, svg, mermaid, ladder) = transcript(greet::net, &options, &plan, Profile::default(), |run| {
        let ladder = run.ladder(Look { width: 200, ascii: false });
        (run.page(HOSTILE, HOSTILE), run.svg(HOSTILE), run.mermaid(), ladder)
    });
    assert_eq!(data(&page)["replay"], HOSTILE);
    assert!(data(&page)["rows"].to_string().contains("</script>"), "the text is there");
    assert_eq!(
        (page.matches("</script").count(), page.matches("<img").count(), page.matches("<!--").count()),
        (2, 0, 0)
    );
    assert!(page.contains("<title>&lt;/script&gt;"));
    assert!(svg.contains("&lt;/script&gt;"), "the text is there");
    assert_eq!(
        (svg.matches("</svg").count(), svg.matches("<img").count(), svg.matches("<!--").count()),
        (1, 0, 0)
    );
    assert!(mermaid.contains("#60;/script#62;"), "the text is there");
    let written_by_number = mermaid.lines().skip(3).all(|line| {
        let said = line.split_once(": ").map_or("", |(_, said)| said);
        !said.contains(['<', '>', '%', '&']) && said.matches('#').count() == said.matches(';').count()
    });
    assert!(written_by_number, "{mermaid}");
    let ladder = ladder.unwrap();
    assert!(ladder.contains("</script>") && !ladder.contains('\u{202e}'), "{ladder}");
}
