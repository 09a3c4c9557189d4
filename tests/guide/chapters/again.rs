/// Once broken: a file that is sent has arrived.
#[test]
fn a_file_arrives_again() {
    lossproof::harness::replay("v2; sender>receiver #1 duplicate", a_file_arrives);
}
