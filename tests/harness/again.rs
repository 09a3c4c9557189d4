/// Once broken: a request is counted twice.
#[test]
fn a_request_is_counted_once_again() {
    lossproof::harness::replay("v2; server>client #0 drop", a_request_is_counted_once);
}
