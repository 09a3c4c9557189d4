/// Once broken: all lines arrive.
#[test]
fn lines_arrive_if_it_is_updated_every_10_ms_again() {
    lossproof::harness::replay("v2; calm 4s; at 101ms skew client +7468ms; client>server #2 drop", lines_arrive_if_it_is_updated_every_10_ms);
}
