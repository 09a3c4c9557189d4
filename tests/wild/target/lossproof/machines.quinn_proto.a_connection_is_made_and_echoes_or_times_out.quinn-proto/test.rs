/// Once broken: the client leaves.
#[test]
fn a_connection_is_made_and_echoes_or_times_out_again() {
    lossproof::harness::replay("v2; server>client #0 drop; server>client #2 drop; server>client #3 drop; server>client #4 drop; server>client #5 drop; server>client #8 drop; server>client #9 drop; client>server #5 drop; client>server #7 drop; client>server #8 drop; client>server #3 drop; client>server #4 drop; client>server #6 drop", a_connection_is_made_and_echoes_or_times_out);
}
