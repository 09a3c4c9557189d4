//! Groups on real sockets. IPv4 goes by the loopback. IPv6 goes by a network card, for systems route no multicast by the
//! loopback, but to groups of scope 1, and these never leave a computer (RFC 4291, 2.7).

use std::cell::RefCell;
use std::future::{Future, pending};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use lossproof::drive::{DriveError, Endpoint, LocalFaults, Multicast, Setup, run_until};
use lossproof::machine::limits;
use lossproof::{Input, Instant, Machine, Outbox, Peer, Status};
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::{JoinHandle, LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use crate::member::{Ask, Member};

const PATIENCE: Duration = Duration::from_secs(10);
/// How long nothing may come that should not.
const A_WHILE: Duration = Duration::from_millis(50);

/// A family of addresses, as these tests use it.
#[derive(Clone, Copy, Debug)]
struct Family {
    any: &'static str,
    group: IpAddr,
    multicast: Multicast,
}

/// The families that this computer has: IPv6 needs a card that carries multicast.
fn families() -> Vec<Family> {
    let v4 = Multicast { v4: Some(Ipv4Addr::LOCALHOST), ..Multicast::default() };
    let mut families = vec![Family { any: "0.0.0.0:0", group: [239, 77, 1, 2].into(), multicast: v4 }];
    let can = InterfaceFlags::IFF_UP | InterfaceFlags::IFF_MULTICAST;
    let has_v6 = |address: &nix::ifaddrs::InterfaceAddress| {
        address.address.is_some_and(|address| address.as_sockaddr_in6().is_some())
    };
    let card = getifaddrs().unwrap().find(|address| address.flags.contains(can) && has_v6(address));
    match card {
        Some(card) => {
            let index = nix::net::if_::if_nametoindex(card.interface_name.as_str()).unwrap();
            let multicast = Multicast { v6: Some(index), ..Multicast::default() };
            families.push(Family { any: "[::]:0", group: "ff01::77:102".parse().unwrap(), multicast });
        }
        None => eprintln!("no network card carries multicast of IPv6: that part is left out"),
    }
    families
}

/// A machine that runs beside the test.
struct Running {
    asked: mpsc::Sender<Ask>,
    local: Peer,
    told: Rc<RefCell<Vec<String>>>,
    tells: Rc<Notify>,
    run: JoinHandle<Result<Status, DriveError>>,
}

impl Running {
    /// Runs a member at this address. `is_shared` lets others have its port.
    async fn start(family: Family, bind: SocketAddr, is_shared: bool) -> Self {
        Self::start_machine(Member, family, bind, is_shared).await
    }

    async fn start_machine<M>(machine: M, family: Family, bind: SocketAddr, is_shared: bool) -> Self
    where
        M: Machine<Command = Ask, Event = String>,
    {
        let (asked, commands) = mpsc::channel(64);
        let (opened, found) = oneshot::channel();
        let (told, tells) = (Rc::new(RefCell::new(Vec::new())), Rc::new(Notify::new()));
        let setup = Setup {
            shared: is_shared,
            multicast: family.multicast,
            commands: Some(commands),
            ..Setup::new(Endpoint::datagram(bind.into()))
        };
        let (events, news) = (Rc::clone(&told), Rc::clone(&tells));
        let run = spawn_local(run_until(
            machine,
            setup,
            move |locals: &[Peer]| opened.send(locals[0]).unwrap(),
            move |event| {
                events.borrow_mut().push(event);
                news.notify_one();
            },
            pending(),
        ));
        Self { asked, local: found.await.unwrap(), told, tells, run }
    }

    async fn ask(&self, ask: Ask) {
        self.asked.send(ask).await.unwrap();
    }

    /// Waits until it has told of so many things in all.
    async fn has_told(&self, count: usize) -> Vec<String> {
        let enough = async {
            while self.told.borrow().len() < count {
                self.tells.notified().await;
            }
        };
        assert!(timeout(PATIENCE, enough).await.is_ok(), "{count} are awaited: {:?}", self.told.borrow());
        self.told.borrow().clone()
    }

    fn count(&self) -> usize {
        self.told.borrow().len()
    }

    async fn end(self) -> Result<Status, DriveError> {
        let _ = self.asked.send(Ask::End).await;
        timeout(PATIENCE, self.run).await.expect("it ends").unwrap()
    }
}

fn here(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, test);
}

#[test]
fn members_hear_until_they_leave_and_nobody_else_does() {
    here(async {
        for family in families() {
            let group = family.group;
            let any: SocketAddr = family.any.parse().unwrap();
            let one = Running::start(family, any, true).await;
            let port = one.local.port().unwrap();
            let same = SocketAddr::new(any.ip(), port);
            let (two, stranger) =
                (Running::start(family, same, true).await, Running::start(family, same, true).await);
            let elsewhere = Running::start(family, any, false).await;
            let sender = Running::start(family, any, false).await;
            for member in [&one, &two, &elsewhere] {
                member.ask(Ask::Join(group)).await;
            }
            // One is asked after the other, and what was asked of those before is done by then.
            sleep(A_WHILE).await;
            let to = Peer::from((group, port));
            sender.ask(Ask::Say(to, "who?")).await;
            for member in [&one, &two] {
                let told = member.has_told(1).await;
                assert!(told[0].starts_with("who? from "), "{told:?}");
                let at: SocketAddr = told[0].rsplit(' ').next().unwrap().parse().unwrap();
                assert!(
                    !at.ip().is_multicast() && at.port() == port,
                    "it can be answered from there: {told:?}"
                );
                assert_eq!(
                    at.ip().is_unspecified(),
                    at.is_ipv6(),
                    "which of its own, the system says of IPv4"
                );
            }
            let answers = sender.has_told(2).await;
            assert!(answers.iter().all(|answer| answer.starts_with("I from ")), "{answers:?}");

            two.ask(Ask::Leave(group)).await;
            sleep(A_WHILE).await;
            sender.ask(Ask::Say(to, "again")).await;
            one.has_told(2).await;
            sleep(A_WHILE).await;
            assert_eq!([&two, &stranger, &elsewhere].map(Running::count), [1, 0, 0], "{family:?}");

            two.ask(Ask::Join(group)).await;
            sleep(A_WHILE).await;
            sender.ask(Ask::Say(to, "more")).await;
            two.has_told(2).await;
            one.has_told(3).await;
            for member in [one, two, stranger, elsewhere, sender] {
                assert_eq!(member.end().await.unwrap(), Status::Success);
            }
        }
    });
}

/// Says a word to a group that it is in, and one before it is and one after.
struct Echoes(IpAddr);

impl Machine for Echoes {
    type Command = Ask;
    type Event = String;

    fn handle(&mut self, input: Input<'_, Ask>, _: Instant, out: &mut Outbox<String>) {
        match input {
            Input::Start { local } => {
                let to = Peer::from((self.0, local.port().unwrap()));
                out.send(to, b"before");
                out.join(self.0);
                out.join(self.0);
                out.send(to, b"within");
                out.leave(self.0);
                out.leave(self.0);
                out.send(to, b"after");
                out.join(self.0);
                out.send(to, b"at last");
            }
            Input::Datagram { bytes, .. } => {
                out.event(String::from_utf8_lossy(bytes).into_owned());
                if bytes == b"at last" {
                    out.done(Status::Success);
                }
            }
            _ => {}
        }
    }
}

/// A member hears itself, and what one turn sends, joins and leaves is done in its order. What has come in time is handed in.
#[test]
fn joins_and_leaves_stand_between_what_is_sent() {
    here(async {
        for family in families() {
            let any = family.any.parse().unwrap();
            let running = Running::start_machine(Echoes(family.group), family, any, false).await;
            assert_eq!(running.has_told(2).await, ["within", "at last"]);
            assert_eq!(running.end().await.unwrap(), Status::Success);
        }
    });
}

#[test]
fn a_host_is_in_as_many_groups_as_it_may_be() {
    here(async {
        for family in families() {
            let running = Running::start(family, family.any.parse().unwrap(), false).await;
            let groups = (0..limits::MAX_GROUPS as u8).map(|n| match family.group {
                IpAddr::V4(_) => IpAddr::from([239, 77, 2, n]),
                IpAddr::V6(_) => IpAddr::from([0xff01, 0, 0, 0, 0, 0, 0x77, 0x200 + u16::from(n)]),
            });
            for group in groups.clone() {
                running.ask(Ask::Join(group)).await;
            }
            for (group, word) in groups.zip(["one", "two"]) {
                running.ask(Ask::Say(Peer::from((group, running.local.port().unwrap())), word)).await;
            }
            assert_eq!(running.has_told(2).await.len(), 2);
            assert_eq!(running.end().await.unwrap(), Status::Success);
        }
    });
}

/// What happens to a member that is asked to join, and bound there.
fn join_error(bind: &str, connect: Option<&str>, multicast: Multicast, group: IpAddr) -> String {
    let bind = bind.parse().unwrap();
    let connect = connect.map(|peer| peer.parse().unwrap());
    let endpoint = Endpoint::Datagram { bind, connect, broadcast: false };
    let (asked, commands) = mpsc::channel(8);
    asked.try_send(Ask::Join(group)).unwrap();
    asked.try_send(Ask::End).unwrap();
    let setup = Setup { multicast, commands: Some(commands), ..Setup::new(endpoint) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let run = run_until(Member, setup, |_| (), |_| (), pending());
    runtime.block_on(run).map_or_else(|error| error.to_string(), |status| format!("{status:?}"))
}

#[test]
fn what_hears_nothing_is_a_plain_error() {
    let v4: IpAddr = [239, 77, 1, 2].into();
    let multicast = Multicast { v4: Some(Ipv4Addr::LOCALHOST), ..Multicast::default() };
    assert_eq!(join_error("0.0.0.0:0", None, multicast, v4), "Success");
    let error = join_error("127.0.0.1:0", None, multicast, v4);
    assert!(
        error.starts_with(
            "cannot join 239.77.1.2: no multicast comes to a socket of one address, as 127.0.0.1:"
        ) && error.contains("; bind it to 0.0.0.0:"),
        "{error}"
    );
    let error = join_error("0.0.0.0:0", Some("127.0.0.1:9"), multicast, v4);
    assert!(error.starts_with("cannot join 239.77.1.2: no multicast comes to a socket"), "{error}");
    let error = join_error("[::1]:0", None, multicast, "ff02::1".parse().unwrap());
    assert!(error.contains("; bind it to [::]:"), "{error}");
    // A socket that is bound to the group hears it, and no other.
    assert_eq!(join_error("239.77.1.2:0", None, multicast, v4), "Success");
    let error = join_error("239.77.1.2:0", None, multicast, [239, 77, 1, 3].into());
    assert!(error.starts_with("cannot join 239.77.1.3: "), "{error}");
}

#[test]
fn a_card_that_is_not_there_is_a_plain_error() {
    let multicast = Multicast { v4: Some([203, 0, 113, 9].into()), v6: Some(u32::MAX >> 1), hops: None };
    for (bind, group) in [("0.0.0.0:0", [239, 77, 1, 2].into()), ("[::]:0", "ff01::7".parse().unwrap())] {
        let error = join_error(bind, None, multicast, group);
        let start = format!("cannot bind {bind}: no network card is as the setup's 'multicast' says (");
        assert!(error.starts_with(&start), "{error}");
    }
}

/// A plan loses what goes to a group as it loses anything else.
#[test]
fn a_plan_loses_a_multicast() {
    here(async {
        let family = families()[0];
        let hearer = Running::start(family, family.any.parse().unwrap(), false).await;
        hearer.ask(Ask::Join(family.group)).await;
        sleep(A_WHILE).await;
        let to = Peer::from((family.group, hearer.local.port().unwrap()));
        let faults =
            LocalFaults { plan: "a>b #0 drop".parse().unwrap(), own: "a".to_owned(), peer: "b".to_owned() };
        let (asked, commands) = mpsc::channel(8);
        for ask in [Ask::Say(to, "lost"), Ask::Say(to, "heard"), Ask::End] {
            asked.send(ask).await.unwrap();
        }
        let setup = Setup {
            multicast: family.multicast,
            commands: Some(commands),
            faults: Some(faults),
            ..Setup::new(Endpoint::datagram(family.any.parse().unwrap()))
        };
        run_until(Member, setup, |_| (), |_| (), pending()).await.unwrap();
        assert!(hearer.has_told(1).await[0].starts_with("heard from "));
        hearer.end().await.unwrap();
    });
}

/// Nothing that is sent to a group leaves this network, unless more is asked for.
#[test]
fn hops_are_as_they_are_asked_for() {
    here(async {
        for family in families() {
            for hops in [None, Some(3)] {
                let plain = plain_member(family);
                let to = Peer::from((family.group, plain.local_addr().unwrap().port()));
                let family = Family { multicast: Multicast { hops, ..family.multicast }, ..family };
                let sender = Running::start(family, family.any.parse().unwrap(), false).await;
                sender.ask(Ask::Say(to, "hello")).await;
                let (bytes, received_hops) =
                    tokio::task::spawn_blocking(move || receive_hops(&plain)).await.unwrap();
                assert_eq!(
                    (bytes.as_slice(), received_hops),
                    (&b"hello"[..], hops.map_or(1, i32::from)),
                    "{family:?}"
                );
                sender.end().await.unwrap();
            }
        }
    });
}

/// A plain socket that is in the group, and is told how many hops are left.
fn plain_member(family: Family) -> std::net::UdpSocket {
    use nix::sys::socket::{setsockopt, sockopt};
    let socket = std::net::UdpSocket::bind(family.any).unwrap();
    match family.group {
        IpAddr::V4(group) => {
            socket.join_multicast_v4(&group, &family.multicast.v4.unwrap()).unwrap();
            setsockopt(&socket, sockopt::Ipv4RecvTtl, &true).unwrap();
        }
        IpAddr::V6(group) => {
            socket.join_multicast_v6(&group, family.multicast.v6.unwrap()).unwrap();
            setsockopt(&socket, sockopt::Ipv6RecvHopLimit, &true).unwrap();
        }
    }
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// The next datagram, and how many hops were left.
fn receive_hops(socket: &std::net::UdpSocket) -> (Vec<u8>, i32) {
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
    use std::os::fd::AsRawFd as _;
    let mut buf = [0; 64];
    let mut parts = [std::io::IoSliceMut::new(&mut buf)];
    let mut control = nix::cmsg_space!(i32);
    let (len, hops) = {
        let message =
            recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::empty()).unwrap();
        let hops = message.cmsgs().unwrap().find_map(|part| match part {
            ControlMessageOwned::Ipv4Ttl(hops) | ControlMessageOwned::Ipv6HopLimit(hops) => Some(hops),
            _ => None,
        });
        (message.bytes, hops.expect("it is told"))
    };
    (buf[..len].to_vec(), hops)
}
