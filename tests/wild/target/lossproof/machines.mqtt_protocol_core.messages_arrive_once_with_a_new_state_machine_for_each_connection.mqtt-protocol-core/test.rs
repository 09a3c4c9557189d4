/// Once broken: all messages arrive.
#[test]
fn messages_arrive_once_with_a_new_state_machine_for_each_connection_again() {
    lossproof::harness::replay("v2; calm 5s; client>broker/3 @0 reset; client>broker/4 silence; client>broker refuse; client>broker/2 refuse; client>broker/1 refuse", messages_arrive_once_with_a_new_state_machine_for_each_connection);
}
