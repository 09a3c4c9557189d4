//! Groups that sockets of asynchronous code join and leave, by the names that tokio has.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use lossproof::engine::{Engine, Settings};
use lossproof::machine::limits;
use lossproof::tokio::net::UdpSocket;
use lossproof::tokio::time::{sleep, timeout};
use lossproof::{Ctx, Net, Scenario};

use crate::member::{Meeting, PORT};

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

/// What a host with this code told in a run, beside a host of machines that says "one", "two" and so on to the group, one every
/// 100 ms. With and without tokio's own timers it is the same.
fn told<F>(code: impl Fn(Ctx<String>) -> F + Clone + Send + Sync + 'static) -> Vec<String>
where
    F: Future<Output = io::Result<()>> + 'static,
{
    let run = |on_tokio: bool| {
        let meeting = Meeting::new("239.1.2.3");
        let speaker = meeting.host("speaker", PORT);
        for (at, text) in [(50, "one"), (150, "two"), (250, "three"), (350, "four")] {
            meeting.say(at, speaker, text);
        }
        let (code, net) = (code.clone(), meeting.net);
        if on_tokio {
            net.host("hearer").tokio(code);
        } else {
            net.host("hearer").task(code);
        }
        events(net)
    };
    let told = run(false);
    assert_eq!(run(true), told, "with tokio's timers");
    told
}

fn events(net: Net) -> Vec<String> {
    let scenario = Scenario::from(net);
    let mut engine = Engine::new(&scenario);
    let outcome = engine.run(&Settings::default());
    assert_eq!(engine.violation(), None);
    let text = engine.transcript().to_string();
    let events: Vec<String> = text
        .lines()
        .filter_map(|line| Some(line.split_once("hearer   event ")?.1.trim_matches('"').to_owned()))
        .collect();
    assert!(!events.is_empty(), "{outcome:?}\n{text}");
    events
}

/// What comes within 90 ms.
async fn next(socket: &UdpSocket) -> String {
    let mut buffer = [0; 64];
    match timeout(Duration::from_millis(90), socket.recv_from(&mut buffer)).await {
        Ok(received) => String::from_utf8_lossy(&buffer[..received.unwrap().0]).into_owned(),
        Err(_) => "nothing".to_owned(),
    }
}

#[test]
fn a_socket_hears_until_it_leaves() {
    let told = told(|ctx| async move {
        let socket = UdpSocket::bind(("0.0.0.0", PORT)).await?;
        ctx.event(next(&socket).await);
        socket.join_multicast_v4(GROUP, ANY)?;
        sleep(Duration::from_millis(10)).await;
        ctx.event(next(&socket).await);
        socket.leave_multicast_v4(GROUP, ANY)?;
        sleep(Duration::from_millis(10)).await;
        ctx.event(next(&socket).await);
        socket.join_multicast_v4(GROUP, "127.0.0.1".parse().unwrap())?;
        sleep(Duration::from_millis(10)).await;
        ctx.event(next(&socket).await);
        Ok(())
    });
    assert_eq!(told, ["nothing", "two", "nothing", "four"]);
}

/// As on Linux, where a socket hears the groups of all sockets of its computer; and no group is heard at one address.
#[test]
fn the_last_socket_that_goes_leaves_and_one_address_hears_nothing() {
    let told = told(|ctx| async move {
        let hearer = UdpSocket::bind(("0.0.0.0", PORT)).await?;
        let others = [UdpSocket::bind("0.0.0.0:1").await?, UdpSocket::bind("0.0.0.0:2").await?];
        others.iter().try_for_each(|other| other.join_multicast_v4(GROUP, ANY))?;
        ctx.event(next(&hearer).await);
        let [first, second] = others;
        drop(first);
        sleep(Duration::from_millis(10)).await;
        ctx.event(next(&hearer).await);
        drop(second);
        sleep(Duration::from_millis(10)).await;
        ctx.event(next(&hearer).await);
        drop(hearer);
        let at_one = UdpSocket::bind(("192.168.0.2", PORT)).await?;
        at_one.join_multicast_v4(GROUP, ANY)?;
        sleep(Duration::from_millis(10)).await;
        ctx.event(next(&at_one).await);
        Ok(())
    });
    assert_eq!(told, ["one", "two", "nothing", "nothing"]);
}

#[test]
fn what_is_sent_comes_back_unless_that_is_turned_off() {
    let told = told(|ctx| async move {
        let socket = UdpSocket::bind("0.0.0.0:77").await?;
        socket.join_multicast_v4(GROUP, ANY)?;
        for loops in [true, false, true] {
            socket.set_multicast_loop_v4(loops)?;
            assert_eq!((socket.multicast_loop_v4()?, socket.multicast_loop_v6()?), (loops, loops));
            socket.send_to(b"mine", (GROUP, 77)).await?;
            ctx.event(next(&socket).await);
        }
        assert_eq!(socket.multicast_ttl_v4()?, 1);
        socket.set_multicast_ttl_v4(4)?;
        assert_eq!(socket.multicast_ttl_v4()?, 4);
        Ok(())
    });
    assert_eq!(told, ["mine", "nothing", "mine"]);
}

#[test]
fn mistakes_are_errors_as_tokio_has_them() {
    let told = told(|ctx| async move {
        let socket = UdpSocket::bind("0.0.0.0:77").await?;
        let tell = |result: io::Result<()>| {
            ctx.event(
                result.map_or_else(|error| format!("{:?}: {error}", error.kind()), |()| "done".to_owned()),
            );
        };
        tell(socket.join_multicast_v4(Ipv4Addr::new(10, 0, 0, 1), ANY));
        tell(socket.join_multicast_v4(GROUP, Ipv4Addr::new(10, 0, 0, 1)));
        tell(socket.join_multicast_v6(&Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 9), 0));
        tell(socket.leave_multicast_v4(GROUP, ANY));
        tell(socket.join_multicast_v4(GROUP, ANY));
        tell(socket.join_multicast_v4(GROUP, ANY));
        for n in 1..limits::MAX_GROUPS as u8 {
            socket.join_multicast_v4(Ipv4Addr::new(239, 5, 5, n), ANY)?;
        }
        tell(socket.join_multicast_v4(Ipv4Addr::new(239, 5, 5, 0), ANY));
        tell(socket.leave_multicast_v4(GROUP, ANY));
        tell(socket.join_multicast_v4(Ipv4Addr::new(239, 5, 5, 0), ANY));
        Ok(())
    });
    let expected = [
        "InvalidInput: 10.0.0.1 is no multicast group",
        "NotFound: this host has no network card of the address 10.0.0.1",
        "InvalidInput: 192.168.0.2:77 cannot be in the group ff02::9: it is of another family",
        "AddrNotAvailable: this socket is not in the group 239.1.2.3",
        "done",
        "AddrInUse: this socket is in the group 239.1.2.3 already",
        "Other: a host can be in 20 groups",
        "done",
        "done",
    ];
    assert_eq!(told, expected);
}

#[test]
fn ipv6_works_as_well() {
    let meeting = Meeting::new("ff02::123");
    let speaker = meeting.host("speaker", PORT);
    meeting.say(50, speaker, "hello");
    meeting.net.host("hearer").udp6(PORT).task(|ctx: Ctx<String>| async move {
        let socket = UdpSocket::bind(("::", PORT)).await?;
        let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x123);
        socket.join_multicast_v6(&group, 3)?;
        ctx.event(next(&socket).await);
        socket.leave_multicast_v6(&group, 3)?;
        socket.join_multicast_v6(&group, 3)?;
        socket.set_multicast_loop_v6(false)?;
        socket.send_to(b"mine", (group, PORT)).await?;
        ctx.event(next(&socket).await);
        io::Result::Ok(())
    });
    assert_eq!(events(meeting.net), ["hello", "nothing"]);
}
