use super::table::Entry;
use super::*;
use crate::host::HostId;
use crate::machine::Peer;
use crate::time::Instant;

const NAT: HostId = HostId(9);
const INSIDE: HostId = HostId(0);

fn peer(text: &str) -> Peer {
    text.parse().unwrap()
}

fn inside() -> Entry {
    (INSIDE, peer("192.168.0.1:7"))
}

fn boxes(nat: Nat) -> Boxes {
    let mut boxes = Boxes::default();
    boxes.reset([(NAT, nat, peer("203.0.113.1:0"))].into_iter(), [(INSIDE, NAT)].into_iter());
    boxes
}

/// A datagram goes out.
fn sends(boxes: &mut Boxes, at: Instant, inside: Entry, peer: Peer) -> Result<Peer, Blocked> {
    boxes.outward(NAT, at, inside, (peer, None))
}

/// A datagram comes to a port.
fn comes_in(boxes: &Boxes, at: Instant, port: u16, source: Peer) -> Result<Entry, Blocked> {
    boxes.inward(NAT, at, (Transport::Udp, port), source)
}

/// Whom a mapping lets in that was made by a datagram to `10.0.0.1:1`: the same, another port there, another host.
fn let_in(kind: NatKind) -> [bool; 3] {
    let mut boxes = boxes(Nat::new(kind));
    let outer = sends(&mut boxes, Instant::START, inside(), peer("10.0.0.1:1")).unwrap();
    let port = outer.port().unwrap();
    ["10.0.0.1:1", "10.0.0.1:2", "10.0.0.2:1"]
        .map(|source| comes_in(&boxes, Instant::START, port, peer(source)) == Ok(inside()))
}

#[test]
fn each_kind_filters_as_rfc_4787_says() {
    assert_eq!(let_in(NatKind::FullCone), [true, true, true]);
    assert_eq!(let_in(NatKind::AddressRestricted), [true, true, false]);
    assert_eq!(let_in(NatKind::PortRestricted), [true, false, false]);
    assert_eq!(let_in(NatKind::Symmetric), [true, false, false]);
}

#[test]
fn only_a_symmetric_nat_has_a_mapping_for_each_destination() {
    for kind in NatKind::ALL {
        let mut boxes = boxes(Nat::new(kind));
        let mut to = |text| sends(&mut boxes, Instant::START, inside(), peer(text)).unwrap().port();
        let ports = ["10.0.0.1:1", "10.0.0.1:2", "10.0.0.2:1", "10.0.0.1:1"].map(&mut to);
        let expected = match kind {
            NatKind::Symmetric => [20_000, 20_001, 20_002, 20_000],
            _ => [20_000; 4],
        };
        assert_eq!(ports, expected.map(Some), "{kind}");
    }
}

#[test]
fn a_mapping_lasts_for_its_timeout_and_not_a_moment_longer() {
    let timeout = Duration::from_secs(30);
    for kind in NatKind::ALL {
        let mut boxes = boxes(Nat::new(kind).timeout(timeout));
        let server = peer("10.0.0.1:1");
        let comes_in = |boxes: &Boxes, at| comes_in(boxes, at, 20_000, server);
        sends(&mut boxes, Instant::START, inside(), server).unwrap();
        let end_at = Instant::START + timeout;
        let before = Instant::from_nanos(30_000_000_000 - 1);
        assert_eq!(
            (comes_in(&boxes, before), comes_in(&boxes, end_at)),
            (Ok(inside()), Err(Blocked::Unmapped))
        );
        assert_eq!((boxes.has_mapping(NAT, before), boxes.has_mapping(NAT, end_at)), (true, false));
        // What went out makes it last; after its end it gets another port.
        sends(&mut boxes, before, inside(), server).unwrap();
        assert_eq!(comes_in(&boxes, end_at), Ok(inside()));
        let again = sends(&mut boxes, before + timeout, inside(), server).unwrap();
        assert_eq!(again, peer("203.0.113.1:20001"), "{kind}");
    }
}

#[test]
fn a_filter_runs_out_by_itself_while_its_mapping_goes_on() {
    let mut boxes = boxes(Nat::new(NatKind::PortRestricted).timeout(Duration::from_secs(30)));
    let (one, other) = (peer("10.0.0.1:1"), peer("10.0.0.2:1"));
    sends(&mut boxes, Instant::START, inside(), one).unwrap();
    sends(&mut boxes, Instant::from_millis(20_000), inside(), other).unwrap();
    let at = Instant::from_millis(30_000);
    assert_eq!(comes_in(&boxes, at, 20_000, one), Err(Blocked::Filtered));
    assert_eq!(comes_in(&boxes, at, 20_000, other), Ok(inside()));
}

#[test]
fn a_rebind_gives_other_ports_and_a_reboot_the_first_again() {
    for (anew, port) in [(false, 20_001), (true, 20_000)] {
        let mut boxes = boxes(Nat::new(NatKind::FullCone));
        let server = peer("10.0.0.1:1");
        sends(&mut boxes, Instant::START, inside(), server).unwrap();
        boxes.forget(NAT, anew);
        assert_eq!(comes_in(&boxes, Instant::START, 20_000, server), Err(Blocked::Unmapped));
        assert_eq!(boxes.owner(NAT, (Transport::Udp, 20_000)), Some(INSIDE));
        let again = sends(&mut boxes, Instant::START, inside(), server).unwrap();
        assert_eq!(again.port(), Some(port));
    }
}

#[test]
fn there_are_so_many_mappings_and_not_one_more() {
    for (segment, timeout) in [(None, MAPPING_TIMEOUT), (Some(SYN), TCP_TRANSITORY_TIMEOUT)] {
        let mut boxes = boxes(Nat::new(NatKind::FullCone));
        let server = peer("10.0.0.1:1");
        let mut from = |port: u16, at| {
            let inside = (INSIDE, peer("192.168.0.1:0").with_port(port));
            boxes.outward(NAT, at, inside, (server, segment)).map(|outer| outer.port().unwrap())
        };
        for port in 0..MAX_MAPPINGS {
            assert_eq!(from(port, Instant::START), Ok(FIRST_MAPPED_PORT + port));
        }
        assert_eq!(from(MAX_MAPPINGS, Instant::START), Err(Blocked::Full));
        assert_eq!(from(5, Instant::from_millis(1)), Ok(FIRST_MAPPED_PORT + 5));
        // Once they have run out there is room again; the one that was used since stays.
        let later = Instant::START + timeout;
        assert_eq!(from(MAX_MAPPINGS, later), Ok(FIRST_MAPPED_PORT));
        assert_eq!(from(5, later), Ok(FIRST_MAPPED_PORT + 5));
    }
}

#[test]
fn a_fingerprint_knows_ages_and_forgets_what_ran_out() {
    let print = |made_ms: u64, now_ms: u64| {
        let mut boxes = boxes(Nat::new(NatKind::PortRestricted).timeout(Duration::from_secs(1)));
        sends(&mut boxes, Instant::from_millis(made_ms), inside(), peer("10.0.0.1:1")).unwrap();
        let mut hasher = std::hash::DefaultHasher::new();
        boxes.fingerprint(Instant::from_millis(now_ms), &mut hasher);
        std::hash::Hasher::finish(&hasher)
    };
    assert_eq!(print(0, 500), print(100, 600));
    assert_ne!(print(0, 500), print(0, 600));
    assert_eq!(print(0, 1_000), print(0, 1_100));
    assert_ne!(print(0, 999), print(0, 1_000));
}

const SYN: Flags = Flags::SYN;
const ACK: Flags = Flags { syn: false, fin: false, rst: false };
const FIN: Flags = Flags { syn: false, fin: true, rst: false };
const RST: Flags = Flags { syn: false, fin: false, rst: true };

/// Segments pass, all at the start: those marked with true go out.
fn after(nat: Nat, segments: &[(Flags, bool)]) -> Boxes {
    let mut boxes = boxes(nat);
    let server = peer("10.0.0.1:1");
    for (flags, is_outward) in segments {
        if *is_outward {
            let outer = boxes.outward(NAT, Instant::START, inside(), (server, Some(*flags)));
            assert_eq!(outer, Ok(peer("203.0.113.1:20000")));
        } else {
            segment_comes(&mut boxes, Instant::START, server, *flags).unwrap();
        }
    }
    boxes
}

/// A segment comes to the first port.
fn segment_comes(boxes: &mut Boxes, at: Instant, source: Peer, flags: Flags) -> Result<Entry, Blocked> {
    let entry = boxes.inward(NAT, at, (Transport::Tcp, 20_000), source)?;
    boxes.came_in(NAT, at, 20_000, (source, flags));
    Ok(entry)
}

#[test]
fn a_connection_that_stands_is_kept_for_two_hours_and_any_other_for_minutes() {
    let opened = [(SYN, true), (SYN, false), (ACK, true)];
    let and = |more: &[(Flags, bool)]| [&opened[..], more].concat();
    let cases: [(&[(Flags, bool)], Duration); 10] = [
        (&[(SYN, true)], TCP_TRANSITORY_TIMEOUT),
        (&[(SYN, true), (RST, false)], TCP_TRANSITORY_TIMEOUT),
        (&opened, TCP_TIMEOUT),
        (&and(&[(FIN, true), (ACK, false)]), TCP_TIMEOUT),
        (&and(&[(FIN, false)]), TCP_TIMEOUT),
        (&and(&[(FIN, true), (FIN, false), (ACK, true)]), TCP_TRANSITORY_TIMEOUT),
        (&and(&[(RST, false)]), TCP_TRANSITORY_TIMEOUT),
        // A reset that nobody believed.
        (&and(&[(RST, false), (ACK, true)]), TCP_TIMEOUT),
        // Another connection between the same addresses.
        (&and(&[(FIN, true), (FIN, false), (SYN, true)]), TCP_TRANSITORY_TIMEOUT),
        // One that stood before the NAT started, and had the same port.
        (&[(ACK, true), (ACK, false)], TCP_TIMEOUT),
    ];
    for kind in NatKind::ALL {
        for (segments, timeout) in cases {
            let comes = |at| segment_comes(&mut after(Nat::new(kind), segments), at, peer("10.0.0.1:1"), ACK);
            let end_at = Instant::START + timeout;
            let before = Instant::from_nanos(timeout.as_nanos() as u64 - 1);
            assert_eq!(
                (comes(before), comes(end_at)),
                (Ok(inside()), Err(Blocked::Unmapped)),
                "{kind} {segments:?}"
            );
        }
    }
}

#[test]
fn what_passes_in_either_direction_keeps_a_connection_from_being_idle() {
    let nat = Nat::new(NatKind::Symmetric).tcp_timeout(Duration::from_secs(10));
    let server = peer("10.0.0.1:1");
    let at = |secs: u64| Instant::from_millis(secs * 1_000);
    let mut boxes = after(nat, &[(SYN, true), (SYN, false), (ACK, true)]);
    assert_eq!(segment_comes(&mut boxes, at(9), server, ACK), Ok(inside()));
    let outer = boxes.outward(NAT, at(18), inside(), (server, Some(ACK)));
    assert_eq!(outer, Ok(peer("203.0.113.1:20000")));
    assert_eq!(segment_comes(&mut boxes, at(27), server, ACK), Ok(inside()));
    // Then it is idle: what goes out gets another port.
    let outer = boxes.outward(NAT, at(37), inside(), (server, Some(ACK)));
    assert_eq!(outer, Ok(peer("203.0.113.1:20001")));
}

#[test]
fn a_mapping_lasts_as_long_as_one_of_its_connections() {
    let (one, other) = (peer("10.0.0.1:1"), peer("10.0.0.2:1"));
    for kind in [NatKind::FullCone, NatKind::AddressRestricted, NatKind::PortRestricted] {
        let mut boxes = after(Nat::new(kind), &[(SYN, true), (SYN, false), (ACK, true)]);
        assert_eq!(
            boxes.outward(NAT, Instant::START, inside(), (other, Some(SYN))),
            Ok(peer("203.0.113.1:20000"))
        );
        let at = Instant::START + TCP_TRANSITORY_TIMEOUT;
        let lets_in = |source| boxes.inward(NAT, at, (Transport::Tcp, 20_000), source).is_ok();
        assert_eq!([one, other].map(lets_in), [true, kind == NatKind::FullCone], "{kind}");
    }
}

#[test]
fn segments_are_filtered_as_datagrams_are() {
    for (kind, expected) in NatKind::ALL.into_iter().zip([
        [true, true, true],
        [true, true, false],
        [true, false, false],
        [true, false, false],
    ]) {
        let boxes = after(Nat::new(kind), &[(SYN, true)]);
        let lets_in =
            |source| boxes.inward(NAT, Instant::START, (Transport::Tcp, 20_000), peer(source)).is_ok();
        assert_eq!(["10.0.0.1:1", "10.0.0.1:2", "10.0.0.2:1"].map(lets_in), expected, "{kind}");
    }
}

#[test]
fn udp_and_tcp_have_ports_of_their_own() {
    let mut boxes = after(Nat::new(NatKind::FullCone), &[(SYN, true)]);
    let server = peer("10.0.0.1:1");
    assert_eq!(comes_in(&boxes, Instant::START, 20_000, server), Err(Blocked::Unmapped));
    assert_eq!(boxes.owner(NAT, (Transport::Udp, 20_000)), None);
    assert_eq!(boxes.owner(NAT, (Transport::Tcp, 20_000)), Some(INSIDE));
    assert_eq!(sends(&mut boxes, Instant::START, inside(), server), Ok(peer("203.0.113.1:20000")));
    boxes.forget(NAT, false);
    assert!(!boxes.has_mapping(NAT, Instant::START));
    assert_eq!(segment_comes(&mut boxes, Instant::START, server, ACK), Err(Blocked::Unmapped));
    let again = boxes.outward(NAT, Instant::START, inside(), (server, Some(ACK)));
    assert_eq!(again, Ok(peer("203.0.113.1:20001")));
}
