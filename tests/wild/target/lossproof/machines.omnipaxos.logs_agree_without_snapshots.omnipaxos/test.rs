/// Once broken: all decide the same.
#[test]
fn logs_agree_without_snapshots_again() {
    lossproof::harness::replay("v2; calm 4s; at 151ms skew a -5s; b>a #20 drop; c>a #25 drop; c>b #36 drop; b>a #23 drop", logs_agree_without_snapshots);
}
