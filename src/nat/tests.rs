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

/// Whom a mapping lets in that was made by a datagram to `10.0.0.1:1`: the same, another port there, another host.
fn let_in(kind: NatKind) -> [bool; 3] {
    let mut boxes = boxes(Nat::new(kind));
    let outer = boxes.outward(NAT, Instant::START, inside(), peer("10.0.0.1:1")).unwrap();
    let port = outer.port().unwrap();
    ["10.0.0.1:1", "10.0.0.1:2", "10.0.0.2:1"]
        .map(|source| boxes.inward(NAT, Instant::START, port, peer(source)) == Ok(inside()))
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
        let mut to = |text| boxes.outward(NAT, Instant::START, inside(), peer(text)).unwrap().port();
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
        let comes_in = |boxes: &Boxes, at| boxes.inward(NAT, at, 20_000, server);
        boxes.outward(NAT, Instant::START, inside(), server).unwrap();
        let end_at = Instant::START + timeout;
        let before = Instant::from_nanos(30_000_000_000 - 1);
        assert_eq!(
            (comes_in(&boxes, before), comes_in(&boxes, end_at)),
            (Ok(inside()), Err(Blocked::Unmapped))
        );
        assert_eq!((boxes.has_mapping(NAT, before), boxes.has_mapping(NAT, end_at)), (true, false));
        // What went out makes it last; after its end it gets another port.
        boxes.outward(NAT, before, inside(), server).unwrap();
        assert_eq!(comes_in(&boxes, end_at), Ok(inside()));
        let again = boxes.outward(NAT, before + timeout, inside(), server).unwrap();
        assert_eq!(again, peer("203.0.113.1:20001"), "{kind}");
    }
}

#[test]
fn a_filter_runs_out_by_itself_while_its_mapping_goes_on() {
    let mut boxes = boxes(Nat::new(NatKind::PortRestricted).timeout(Duration::from_secs(30)));
    let (one, other) = (peer("10.0.0.1:1"), peer("10.0.0.2:1"));
    boxes.outward(NAT, Instant::START, inside(), one).unwrap();
    boxes.outward(NAT, Instant::from_millis(20_000), inside(), other).unwrap();
    let at = Instant::from_millis(30_000);
    assert_eq!(boxes.inward(NAT, at, 20_000, one), Err(Blocked::Filtered));
    assert_eq!(boxes.inward(NAT, at, 20_000, other), Ok(inside()));
}

#[test]
fn a_rebind_gives_other_ports_and_a_reboot_the_first_again() {
    for (anew, port) in [(false, 20_001), (true, 20_000)] {
        let mut boxes = boxes(Nat::new(NatKind::FullCone));
        let server = peer("10.0.0.1:1");
        boxes.outward(NAT, Instant::START, inside(), server).unwrap();
        boxes.forget(NAT, anew);
        assert_eq!(boxes.inward(NAT, Instant::START, 20_000, server), Err(Blocked::Unmapped));
        assert_eq!(boxes.owner(NAT, 20_000), Some(INSIDE));
        let again = boxes.outward(NAT, Instant::START, inside(), server).unwrap();
        assert_eq!(again.port(), Some(port));
    }
}

#[test]
fn there_are_so_many_mappings_and_not_one_more() {
    let mut boxes = boxes(Nat::new(NatKind::FullCone));
    let server = peer("10.0.0.1:1");
    let mut from = |port: u16, at| {
        let inside = (INSIDE, peer("192.168.0.1:0").with_port(port));
        boxes.outward(NAT, at, inside, server).map(|outer| outer.port().unwrap())
    };
    for port in 0..MAX_MAPPINGS {
        assert_eq!(from(port, Instant::START), Ok(FIRST_MAPPED_PORT + port));
    }
    assert_eq!(from(MAX_MAPPINGS, Instant::START), Err(Blocked::Full));
    assert_eq!(from(5, Instant::from_millis(1)), Ok(FIRST_MAPPED_PORT + 5));
    // Once they have run out there is room again; the one that was used since stays.
    let later = Instant::START + MAPPING_TIMEOUT;
    assert_eq!(from(MAX_MAPPINGS, later), Ok(FIRST_MAPPED_PORT));
    assert_eq!(from(5, later), Ok(FIRST_MAPPED_PORT + 5));
}

#[test]
fn a_fingerprint_knows_ages_and_forgets_what_ran_out() {
    let print = |made_ms: u64, now_ms: u64| {
        let mut boxes = boxes(Nat::new(NatKind::PortRestricted).timeout(Duration::from_secs(1)));
        boxes.outward(NAT, Instant::from_millis(made_ms), inside(), peer("10.0.0.1:1")).unwrap();
        let mut hasher = std::hash::DefaultHasher::new();
        boxes.fingerprint(Instant::from_millis(now_ms), &mut hasher);
        std::hash::Hasher::finish(&hasher)
    };
    assert_eq!(print(0, 500), print(100, 600));
    assert_ne!(print(0, 500), print(0, 600));
    assert_eq!(print(0, 1_000), print(0, 1_100));
    assert_ne!(print(0, 999), print(0, 1_000));
}
