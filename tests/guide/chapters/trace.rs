use lossproof::fault::{Bandwidth, Trace};

#[test]
fn a_line_that_goes_back_in_time_is_refused() {
    let trace = Trace::new("cellular", "5\n20\n20\n48\n").expect("the moments are in order");
    assert_eq!(Bandwidth::trace(trace, 65_536).to_string(), "trace @cellular queue 65536");

    let refused = Trace::new("cellular", "5\n20\n19\n").expect_err("19 comes after 20");
    assert_eq!(refused.to_string(), "line 3: it is earlier than the line before it");
}
