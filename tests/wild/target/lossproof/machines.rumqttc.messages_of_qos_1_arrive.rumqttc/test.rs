/// Once broken: all messages arrive.
#[test]
fn messages_of_qos_1_arrive_again() {
    lossproof::harness::replay("v2; calm 5s; broker>client @22 reset; client>broker/2 @18 reset; client>broker/3 silence; broker>client/2 @4 stall 500ms; client>broker/1 refuse; broker>client/2 @28 stall 600ms", messages_of_qos_1_arrive);
}
