//! What not every world has.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lossproof::check::Search;
use lossproof::drive::{Endpoint, Setup, run_until, simulate};
use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::machine::Ecn;
use lossproof::{Boot, Input, Net, Outbox, Peer, Profile, Scenario, Status};

use crate::play::{Played, Scene, World};
use crate::puppet::{Ask, GROUP, Puppet, Script, nobody, tell};
use crate::sockets::{block_on, pair};
use crate::{Cell, rows};

rows! {
    the_source_address_of_a_reply a_unix_socket both_families a_broadcast a_group_at_one_address a_crash_in_a_plan a_skew_in_a_plan
    a_drift_in_a_plan a_timer_first_in_a_plan a_move_in_a_plan a_rebind_in_a_plan a_dial_refused_in_a_plan
    a_partition_in_a_plan a_mark_in_a_plan a_latency_between_milliseconds thirty_one_hosts a_panic
}

/// Who asks, and who answers; the asker knows all addresses of the other.
#[derive(Clone, Copy)]
struct Duo {
    a: Script,
    b: Script,
}

impl Duo {
    /// Plays it in simulation, with sockets as `net` gives them; the asker knows these addresses.
    fn in_simulation(self, cell: Cell, [a, b]: [&[&str]; 2]) -> Result<[Vec<String>; 2], String> {
        let net = Net::new("worlds");
        let others: Vec<Peer> = b.iter().map(|text| text.parse().unwrap()).collect();
        let own = a.iter().fold(net.host("a"), |host, text| host.udp_at(text.parse().unwrap()));
        let (script, known) = (self.a, others.clone());
        let a = own.machine(move |boot: Boot<'_>| Puppet::new(script, known.clone(), boot.disk()));
        let script = self.b;
        let own = others.iter().fold(net.host("b"), |host, local| host.udp_at(*local));
        let b = own.machine(move |boot: Boot<'_>| Puppet::new(script, Vec::new(), boot.disk()));
        for host in [a, b] {
            net.show(host, |event, f| f.write_str(event));
        }
        let scenario = Scenario::from(net);
        let settings = Settings::default();
        if cell.is_on_turmoil() {
            let run = simulate(&scenario, &settings).map_err(|error| error.to_string())?;
            return Ok([run.events(a).to_vec(), run.events(b).to_vec()]);
        }
        let mut engine = Engine::new(&scenario);
        engine.run(&settings);
        Ok([a, b].map(|host| engine.view().events(host).to_vec()))
    }

    /// Plays it on real sockets that are bound here. The asker knows what `known` makes of the other's addresses.
    fn on_sockets(self, [a, b]: [Vec<Endpoint>; 2], known: impl FnOnce(Vec<Peer>) -> Vec<Peer>) -> Played {
        let b = (Puppet::new(self.b, Vec::new(), b""), b);
        let a = |others| (Puppet::new(self.a, known(others), b""), Setup::new(a));
        block_on(pair(b, a, None, &[]))
    }
}

/// An endpoint for each address.
fn bound(addresses: &[&str]) -> Vec<Endpoint> {
    addresses.iter().map(|text| Endpoint::datagram(text.parse().unwrap())).collect()
}

/// Answers a datagram, and is done.
fn answers(me: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>) {
    if let Input::Datagram { .. } = input {
        tell(me, input, out);
        out.reply(b"yes");
        out.done(Status::Success);
    }
}

/// Asks at the last address that it knows, and tells whether it is answered from there.
fn asks_at_the_last(me: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>) {
    let asked = *me.others.last().unwrap();
    match input {
        Input::Start { .. } => out.send(asked, b"?"),
        Input::Datagram { peer, .. } => {
            out.event((peer == asked).to_string());
            out.done(Status::Success);
        }
        _ => {}
    }
}

fn the_source_address_of_a_reply(cell: Cell) {
    let duo = Duo { a: asks_at_the_last, b: answers };
    let sockets: [&[&str]; 2] = [&["192.168.0.1:7"], &["192.168.0.2:7", "10.0.0.2:7"]];
    match cell.world() {
        World::Engine => assert_eq!(duo.in_simulation(cell, sockets).unwrap()[0], ["true"]),
        World::Turmoil => {
            let refused = duo.in_simulation(cell, sockets).unwrap_err();
            assert!(refused.contains("turmoil gives b one address, and 10.0.0.2:7 is another"), "{refused}");
        }
        World::Sockets => {
            // Bound to all addresses, and asked at one.
            let here =
                |others: Vec<Peer>| vec![format!("127.0.0.2:{}", others[0].port().unwrap()).parse().unwrap()];
            let played = duo.on_sockets([bound(&["127.0.0.1:0"]), bound(&["0.0.0.0:0"])], here);
            assert_eq!(played.a, ["true"]);
        }
    }
}

fn a_unix_socket(cell: Cell) {
    let duo = Duo { a: asks_at_the_last, b: answers };
    let world = cell.world();
    if world != World::Sockets {
        let played = duo.in_simulation(cell, [&["unix:/a"], &["unix:/b"]]);
        return match world {
            World::Engine => assert_eq!(played.unwrap()[0], ["true"]),
            _ => assert!(played.unwrap_err().contains("turmoil has no unix sockets, and a has one")),
        };
    }
    let dir = std::env::temp_dir().join(format!("lossproof-worlds-unix-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let [a, b] = ["a", "b"].map(|name| format!("unix:{}", dir.join(name).display()));
    let played = duo.on_sockets([bound(&[&a]), bound(&[&b])], |others| others);
    std::fs::remove_dir_all(&dir).unwrap();
    assert_eq!(played.a, ["true"]);
}

fn both_families(cell: Cell) {
    let a = |me: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>| match input {
        Input::Start { .. } => {
            out.send(me.others[0], b"four");
            out.send(me.others[1], b"six");
        }
        Input::Datagram { peer, local, .. } => {
            out.event(format!("{} {}", peer.is_like(&local), me.others.contains(&peer)));
            me.count += 1;
            if me.count == 2 {
                out.done(Status::Success);
            }
        }
        _ => {}
    };
    let b = |me: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>| {
        if let Input::Datagram { .. } = input {
            out.reply(b"yes");
            me.count += 1;
            if me.count == 2 {
                out.done(Status::Success);
            }
        }
    };
    let duo = Duo { a, b };
    let sockets: [&[&str]; 2] = [&["192.168.0.1:7", "[fd00::1]:7"], &["192.168.0.2:7", "[fd00::2]:7"]];
    match cell.world() {
        World::Engine => assert_eq!(duo.in_simulation(cell, sockets).unwrap()[0], ["true true"; 2]),
        World::Turmoil => {
            let refused = duo.in_simulation(cell, sockets).unwrap_err();
            assert!(refused.contains("on turmoil all sockets are of one family"), "{refused}");
        }
        World::Sockets => {
            let each = ["127.0.0.1:0", "[::1]:0"];
            assert_eq!(duo.on_sockets([bound(&each), bound(&each)], |others| others).a, ["true true"; 2]);
        }
    }
}

fn a_broadcast(cell: Cell) {
    let duo = Duo { a: asks_everybody, b: answers };
    if cell.world() != World::Sockets {
        let played = duo.in_simulation(cell, [&["192.168.0.1:7"], &["192.168.0.2:7"]]).unwrap();
        return assert_eq!(played, [vec!["Datagram yes".to_owned()], vec!["Datagram ?".to_owned()]]);
    }
    // The broadcast address of this machine alone.
    let play = |broadcast| {
        let a = Endpoint::Datagram { bind: "0.0.0.0:0".parse().unwrap(), connect: None, broadcast };
        let everybody = |others: Vec<Peer>| {
            vec![format!("127.255.255.255:{}", others[0].port().unwrap()).parse().unwrap()]
        };
        duo.on_sockets([vec![a], bound(&["0.0.0.0:0"])], everybody)
    };
    assert_eq!(
        (play(true).a, play(true).b),
        (vec!["Datagram yes".to_owned()], vec!["Datagram ?".to_owned()])
    );
    let error = play(false).error.unwrap();
    assert!(error.ends_with("a broadcast needs the socket's broadcast option"), "{error}");
}

/// Asks everybody, and is content with one answer.
fn asks_everybody(me: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>) {
    match input {
        Input::Start { .. } => {
            // In simulation all of a network is one address, on this machine another.
            let all = me.other();
            let is_here = all.ip().is_some_and(|ip| ip.is_loopback());
            let all = if is_here { all } else { "255.255.255.255:7".parse().unwrap() };
            out.send(all, b"?");
        }
        Input::Datagram { .. } => {
            tell(me, input, out);
            out.done(Status::Success);
        }
        _ => {}
    }
}

fn a_group_at_one_address(cell: Cell) {
    let scene = Scene::datagrams(
        |_, input, out| match input {
            Input::Start { local } => {
                out.join(GROUP);
                out.send(Peer::from((GROUP, local.port().unwrap())), b"hello");
            }
            Input::Datagram { .. } => {
                out.event("heard".to_owned());
                out.done(Status::Success);
            }
            _ => {}
        },
        nobody,
    );
    let played = scene.play(cell);
    match cell.world() {
        World::Engine | World::Turmoil => assert_eq!(played.a, ["heard"]),
        World::Sockets => is_refused_in(&played, "no multicast comes to a socket of one address"),
    }
}

/// Tells that it was started, and after how long by its clock it was woken.
fn sleeps(me: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>) {
    match input {
        Input::Start { .. } => {
            out.event("Start".to_owned());
            me.wake_in(100);
        }
        Input::Timeout => {
            let is_late = me.due_at_last.is_some_and(|due_at| me.now > due_at);
            out.event(format!("late: {is_late}"));
            out.done(Status::Success);
        }
        _ => {}
    }
}

#[track_caller]
fn is_refused_in(played: &Played, words: &str) {
    let error = played.error.as_deref().unwrap();
    assert!(error.contains(words), "{error}");
}

fn a_crash_in_a_plan(cell: Cell) {
    let play = |plan| Scene::datagrams(sleeps, nobody).plan(plan).play(cell);
    let plans = ["crash", "poweroff", "restart"].map(|kind| match kind {
        "restart" => (kind, "at 10ms restart a"),
        "crash" => (kind, "at 10ms crash a"),
        _ => (kind, "at 10ms poweroff a"),
    });
    match cell.world() {
        World::Engine => {
            let played = play("at 10ms crash a; at 20ms restart a");
            assert_eq!(played.a, ["Start", "Start", "late: false"], "a new machine");
        }
        World::Turmoil => plans.iter().for_each(|(kind, plan)| {
            is_refused_in(&play(plan), &format!("turmoil cannot have the fault '{kind}'"));
        }),
        World::Sockets => plans.iter().for_each(|(kind, plan)| {
            is_refused_in(&play(plan), &format!("real sockets cannot have the fault '{kind}'"));
        }),
    }
}

fn a_skew_in_a_plan(cell: Cell) {
    let played = Scene::datagrams(sleeps, nobody).plan("at 10ms skew a +1s").play(cell);
    let lag = Scene::datagrams(sleeps, nobody).plan("at 10ms skew a -1s").play(cell);
    match cell.world() {
        World::Engine | World::Turmoil => {
            assert_eq!(played.a, ["Start", "late: true"], "its clock goes ahead");
        }
        World::Sockets => is_refused_in(&played, "real sockets cannot have the fault 'skew'"),
    }
    match cell.world() {
        World::Engine => assert_eq!(lag.a, ["Start", "late: false"], "its clock stands still"),
        World::Turmoil => is_refused_in(&lag, "turmoil cannot have the fault 'skew'"),
        World::Sockets => is_refused_in(&lag, "real sockets cannot have the fault 'skew'"),
    }
}

/// Plays a plan, and what the engine makes of it; the others refuse it.
fn refused_but_in_the_engine(
    cell: Cell,
    scene: &dyn Fn() -> Scene,
    plan: &'static str,
    kind: &str,
) -> Option<Played> {
    let played = scene().plan(plan).play(cell);
    match cell.world() {
        World::Engine => return Some(played),
        World::Turmoil => is_refused_in(&played, &format!("turmoil cannot have the fault '{kind}'")),
        World::Sockets => is_refused_in(&played, &format!("real sockets cannot have the fault '{kind}'")),
    }
    None
}

fn a_drift_in_a_plan(cell: Cell) {
    let scene = || Scene::datagrams(sleeps, nobody);
    if let Some(played) = refused_but_in_the_engine(cell, &scene, "at 1ms drift a x1.5", "drift") {
        assert_eq!(played.a, ["Start", "late: false"], "it sleeps by its own clock");
    }
}

fn a_timer_first_in_a_plan(cell: Cell) {
    let scene = || Scene::datagrams(sleeps, nobody);
    if let Some(played) = refused_but_in_the_engine(cell, &scene, "at 9s timer-first a", "timer-first") {
        assert_eq!(played.a, ["Start", "late: false"]);
    }
}

/// Sends once it has slept.
fn sends_late(me: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>) {
    match input {
        Input::Start { .. } => me.wake_in(100),
        Input::Timeout => {
            out.send(me.other(), b"hello");
            out.done(Status::Success);
        }
        _ => {}
    }
}

/// Tells who sends.
fn sees(_: &mut Puppet, input: Input<'_, Ask>, out: &mut Outbox<String>) {
    if let Input::Datagram { peer, .. } = input {
        out.event(peer.to_string());
        out.done(Status::Success);
    }
}

fn a_move_in_a_plan(cell: Cell) {
    let scene = || Scene::datagrams(sends_late, sees);
    if let Some(played) = refused_but_in_the_engine(cell, &scene, "at 1ms move a 10.0.1.7", "move") {
        assert_eq!(played.b.len(), 1);
        assert!(played.b[0].starts_with("10.0.1.7:"), "{:?}", played.b);
    }
}

fn a_rebind_in_a_plan(cell: Cell) {
    let scene = || Scene::datagrams(sends_late, sees);
    for (plan, kind) in [("at 1ms rebind a", "rebind"), ("at 1ms reboot a", "reboot")] {
        if let Some(played) = refused_but_in_the_engine(cell, &scene, plan, kind) {
            assert!(played.b[0].starts_with("192.168.0."), "it is no NAT: {:?}", played.b);
        }
    }
}

fn a_dial_refused_in_a_plan(cell: Cell) {
    let scene = || Scene::datagrams(sleeps, nobody);
    for (plan, kind) in [("a>b refuse", "refuse"), ("a>b silence", "silence")] {
        refused_but_in_the_engine(cell, &scene, plan, kind);
    }
}

fn a_partition_in_a_plan(cell: Cell) {
    let scene = Scene::datagrams(
        |me, input, out| match input {
            Input::Start { .. } => {
                out.send(me.other(), b"lost");
                me.wake_in(200);
            }
            Input::Timeout => {
                out.send(me.other(), b"hello");
                out.done(Status::Success);
            }
            _ => {}
        },
        answers,
    );
    let played = scene.plan("at 0s partition a|b; at 100ms heal").play(cell);
    assert_eq!(played.b, ["Datagram hello"]);
}

fn a_mark_in_a_plan(cell: Cell) {
    let scene = Scene::datagrams(
        |me, input, out| {
            if let Input::Start { .. } = input {
                out.send(me.other(), b"0");
                out.set_ecn(Ecn::Ect0);
                out.send(me.other(), b"1");
                out.send(me.other(), b"2");
                out.send(me.other(), b"3");
                out.done(Status::Success);
            }
        },
        |me, input, out| {
            if let Input::Datagram { ecn, bytes, .. } = input {
                out.event(format!("{} {ecn}", String::from_utf8_lossy(bytes)));
                me.count += 1;
                if me.count == 4 {
                    out.done(Status::Success);
                }
            }
        },
    );
    let played = scene.plan("a>b #0 mark; a>b #2 mark; a>b #3 bleach").play(cell);
    assert_eq!(played.b, ["0 not-ect", "1 ect(0)", "2 ce", "3 not-ect"]);
}

fn a_latency_between_milliseconds(cell: Cell) {
    let scene = Scene::datagrams(
        |me, input, out| match input {
            Input::Start { .. } => out.send(me.other(), b"?"),
            Input::Datagram { .. } => {
                out.event(me.now.since_start().as_micros().to_string());
                out.done(Status::Success);
            }
            _ => {}
        },
        answers,
    );
    let played = Scene { laws: false, ..scene.plan("link 1500us") }.play(cell);
    match cell.world() {
        World::Engine => assert_eq!(played.a, ["3000"], "there and back"),
        World::Turmoil => is_refused_in(&played, "the link's latency is a whole number of milliseconds"),
        World::Sockets => assert_eq!(played.a.len(), 1, "the network has its own"),
    }
}

fn thirty_one_hosts(cell: Cell) {
    if cell.world() == World::Sockets {
        // Each is driven by itself.
        let runs = (0..31).map(|_| {
            let puppet = Puppet::new(nobody, Vec::new(), b"");
            run_until(puppet, Setup::new(bound(&["127.0.0.1:0"])), |_| (), |_| (), std::future::pending())
        });
        let runs = futures_util::future::join_all(runs);
        return assert!(block_on(runs).into_iter().all(|status| status.unwrap() == Status::Success));
    }
    let net = Net::new("many");
    for n in 0..31 {
        net.host(format!("host{n}")).udp(7).machine(|_| Puppet::new(nobody, Vec::new(), b""));
    }
    let scenario = Scenario::from(net);
    if cell.is_on_turmoil() {
        let error = simulate(&scenario, &Settings::default()).unwrap_err();
        return assert_eq!(error.to_string(), "on turmoil a scenario has at most 30 hosts, not 31");
    }
    let mut engine = Engine::new(&scenario);
    engine.run(&Settings::default());
    assert!(engine.statuses().iter().all(|status| *status == Some(Status::Success)));
}

fn a_panic(cell: Cell) {
    let scene = Scene::datagrams(|_, _, _| panic!("a bug"), nobody);
    match cell.world() {
        World::Engine => {
            let scenario = Scenario::from(scene.net().0);
            let mut search = Search::new(&scenario, Prepared::default(), Profile::CALM, 1);
            let failure = search.runs(0..1).failure.unwrap();
            assert!(failure.broken.starts_with("law 7") && failure.detail.contains("a bug"), "{failure:?}");
        }
        World::Turmoil => is_refused_in(&scene.play(cell), "panicked with message \"a bug\""),
        World::Sockets => {
            let caught = catch_unwind(AssertUnwindSafe(|| scene.play(cell))).unwrap_err();
            assert_eq!(caught.downcast_ref(), Some(&"a bug"), "whoever runs it has it");
        }
    }
}
