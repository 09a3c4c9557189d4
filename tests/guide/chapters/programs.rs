use lossproof::proxy::{Proxy, Route};
use std::net::UdpSocket;

#[test]
fn the_second_reply_is_lost() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let route = Route::udp("127.0.0.1:0".parse().unwrap(), server.local_addr().unwrap().into());
    let plan = "server>client-1 #1 drop".parse().unwrap();
    let relay = Proxy::new([route]).faults(plan).start().unwrap();

    // From here on it is your client and your server.
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(relay.local().inet().unwrap()).unwrap();
    let mut bytes = [0; 16];
    for text in ["one", "two", "three"] {
        client.send(text.as_bytes()).unwrap();
        let (len, peer) = server.recv_from(&mut bytes).unwrap();
        server.send_to(&bytes[..len], peer).unwrap();
    }
    for text in ["one", "three"] {
        let len = client.recv(&mut bytes).unwrap();
        assert_eq!(&bytes[..len], text.as_bytes());
    }

    let passed = relay.stop();
    assert!(passed.unfired.is_empty(), "every fault of the plan had an effect");
}
