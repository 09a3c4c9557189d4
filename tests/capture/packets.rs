//! What is exported, read by another reader of files and of packets.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use lossproof::fault::Profile;
use lossproof::transcript::What;
use lossproof::{HostId, Instant};
use pcap_parser::{Block, OptionCode, PcapBlockOwned, PcapNGSlice};

use super::{Exported, PLANS, exported};

/// One packet with its comments.
struct Seen {
    at: Instant,
    data: Vec<u8>,
    comments: Vec<String>,
}

fn seen(file: &[u8]) -> Vec<Seen> {
    let blocks = PcapNGSlice::from_slice(file).expect("it begins with a section");
    let packet = |block| match block {
        PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
            let comments = packet.options.iter().filter(|option| option.code == OptionCode::Comment);
            let text = |option: &pcap_parser::PcapNGOption<'_>| option.as_str().unwrap().to_owned();
            let nanos = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
            assert_eq!(packet.caplen, packet.origlen, "a packet is whole");
            Some(Seen {
                at: Instant::from_nanos(nanos),
                data: packet.data[..packet.caplen as usize].to_vec(),
                comments: comments.map(text).collect(),
            })
        }
        _ => None,
    };
    blocks.filter_map(|block| packet(block.expect("a block is whole"))).collect()
}

/// The host of an address.
fn host(ip: Ipv4Addr) -> usize {
    let [a, b, high, low] = ip.octets();
    assert_eq!((a, b), (192, 168), "{ip}");
    usize::from(u16::from_be_bytes([high, low])) - 1
}

/// One direction of a connection, as its segments tell it.
#[derive(Default)]
struct Direction {
    /// The number of what comes next, once it is open.
    next: Option<u32>,
    bytes: Vec<u8>,
    has_ended: bool,
    is_reset: bool,
}

/// The directions, by host and port of sender and receiver.
type Directions = BTreeMap<((usize, u16), (usize, u16)), Direction>;

#[test]
fn checksums_numbers_and_bytes_are_right() {
    let lossy = [Profile::CALM, Profile::WIFI, Profile::SATELLITE, Profile::HOSTILE];
    let mut seen_of = [0; 4];
    for (seed, profile) in (0..).zip(lossy) {
        for run in exported("", profile, seed) {
            check(&run, &mut seen_of);
        }
    }
    for plan in PLANS {
        for run in exported(plan, Profile::CALM, 7) {
            check(&run, &mut seen_of);
        }
    }
    // Datagrams, segments with bytes, resets, refusals: a test that met none of them says nothing of them.
    assert!(seen_of.iter().all(|count| *count > 5), "{seen_of:?}");
}

fn check(run: &Exported, seen_of: &mut [usize; 4]) {
    let packets = seen(&run.file);
    assert!(packets.is_sorted_by_key(|packet| packet.at), "{}", run.what);
    let mut directions = Directions::new();
    let mut datagrams = Vec::new();
    for packet in &packets {
        let sliced = SlicedPacket::from_ethernet(&packet.data).expect(&run.what);
        let Some(NetSlice::Ipv4(ip)) = &sliced.net else { panic!("no IPv4: {}", run.what) };
        let header = ip.header().to_header();
        assert_eq!(header.calc_header_checksum(), header.header_checksum, "{}", run.what);
        assert_eq!(usize::from(header.total_len), packet.data.len() - 14, "{}", run.what);
        let from = host(ip.header().source_addr());
        match sliced.transport.as_ref().expect(&run.what) {
            TransportSlice::Udp(udp) => {
                let sum = udp.to_header().calc_checksum_ipv4(&header, udp.payload()).unwrap();
                assert_eq!(sum, udp.checksum(), "{}", run.what);
                datagrams.push((packet.at, from, udp.payload().to_vec()));
                seen_of[0] += 1;
            }
            TransportSlice::Tcp(tcp) => {
                let sum = tcp.calc_checksum_ipv4(ip.header().source(), ip.header().destination()).unwrap();
                assert_eq!(sum, tcp.checksum(), "{}", run.what);
                let to = host(ip.header().destination_addr());
                let ends = ((from, tcp.source_port()), (to, tcp.destination_port()));
                segment(&mut directions, ends, tcp, &run.what);
                seen_of[1] += usize::from(!tcp.payload().is_empty());
                seen_of[2] += usize::from(tcp.rst());
            }
            TransportSlice::Icmpv4(icmp) => {
                let computed = icmp.icmp_type().calc_checksum(icmp.payload());
                assert_eq!(computed, icmp.checksum(), "{}", run.what);
                let quoted = SlicedPacket::from_ip(icmp.payload());
                assert!(icmp.payload().len() == 28 && quoted.is_err(), "the headers alone: {}", run.what);
                seen_of[3] += 1;
            }
            other => panic!("{other:?}: {}", run.what),
        }
    }
    check_datagrams(run, &datagrams);
    check_streams(run, &directions);
    let comments: Vec<&String> = packets.iter().flat_map(|packet| &packet.comments).collect();
    for fault in run.faults().iter().filter(|_| !packets.is_empty()) {
        assert!(
            comments.iter().any(|note| note.contains(fault.as_str())),
            "{fault} in {comments:?}: {}",
            run.what
        );
    }
}

/// Holds a segment against what its connection is by then.
fn segment(
    directions: &mut Directions,
    (from, to): ((usize, u16), (usize, u16)),
    tcp: &etherparse::TcpSlice<'_>,
    what: &str,
) {
    let other = directions.entry((to, from)).or_default();
    if tcp.ack()
        && let Some(next) = other.next
    {
        let unacknowledged = next.wrapping_sub(tcp.acknowledgment_number());
        assert!(unacknowledged <= 1 << 17, "acknowledged {unacknowledged} before they were sent: {what}");
    }
    let direction = directions.entry((from, to)).or_default();
    assert!(!direction.is_reset, "nothing comes after a reset: {what}");
    let number = tcp.sequence_number();
    match direction.next {
        _ if tcp.syn() => {
            assert!(direction.next.is_none(), "opened twice: {what}");
            direction.next = Some(number.wrapping_add(1));
        }
        // Whoever refuses has no number.
        None => assert!(tcp.rst(), "it was not opened: {what}"),
        Some(next) => {
            assert_eq!(number, next, "{what}");
            assert!(tcp.payload().is_empty() || !direction.has_ended, "bytes after the end: {what}");
            direction.bytes.extend_from_slice(tcp.payload());
            let len = tcp.payload().len() as u32 + u32::from(tcp.fin());
            direction.next = Some(next.wrapping_add(len));
        }
    }
    assert!(!(tcp.fin() && direction.has_ended), "ended twice: {what}");
    direction.has_ended |= tcp.fin();
    direction.is_reset = tcp.rst();
}

/// Every datagram that was sent is there, at its moment, and no other but copies and what is heard by several.
fn check_datagrams(run: &Exported, datagrams: &[(Instant, usize, Vec<u8>)]) {
    let sends = run.log.records().iter().filter_map(|record| match record.what {
        What::Send { bytes, .. } => Some((record.at, record.host.index(), run.log.bytes(bytes).to_vec())),
        _ => None,
    });
    let mut sent: Vec<_> = sends.collect();
    let mut there = datagrams.to_vec();
    let count = run.faults().iter().filter(|fault| fault.ends_with("duplicate")).count();
    if !run.about.broadcasts {
        assert_eq!(there.len(), sent.len() + count, "{}", run.what);
    }
    for list in [&mut sent, &mut there] {
        list.sort();
        list.dedup();
    }
    assert_eq!(there, sent, "{}", run.what);
}

/// What the segments carry is what was written, as far as it left, and at least what was read.
fn check_streams(run: &Exported, directions: &Directions) {
    type Bytes = BTreeMap<(HostId, HostId, u32), Vec<u8>>;
    let (mut written, mut read, mut order) = (Bytes::new(), Bytes::new(), Vec::new());
    for record in run.log.records() {
        let (list, key, bytes) = match record.what {
            What::Write { link, bytes, .. } => (&mut written, (record.host, link.peer, link.number), bytes),
            What::Read { link, bytes, .. } => (&mut read, (link.peer, record.host, link.number), bytes),
            What::Connect(link) => {
                order.push((record.host, link));
                continue;
            }
            _ => continue,
        };
        list.entry(key).or_default().extend_from_slice(run.log.bytes(bytes));
    }
    // Ports are given in the order in which a host connects.
    let mut dialed: BTreeMap<HostId, u16> = BTreeMap::new();
    let mut matched_len = 0;
    for (host, link) in order {
        let port = dialed.entry(host).or_insert(49_152);
        let ends = ((host.index(), *port), (link.peer.index(), run.about.port));
        *port += 1;
        let keys = [(host, link.peer, link.number), (link.peer, host, link.number)];
        let [up, down] = [ends, (ends.1, ends.0)].map(|ends| directions.get(&ends));
        let was_cut = [up, down].into_iter().flatten().any(|direction| direction.is_reset)
            || run.faults().iter().any(|fault| fault.contains("partition") || fault.contains("poweroff"));
        for (key, direction) in keys.into_iter().zip([up, down]) {
            let there = direction.map_or(&[][..], |direction| &direction.bytes);
            let (written, read) = (written.remove(&key), read.remove(&key));
            let (written, read) = (written.unwrap_or_default(), read.unwrap_or_default());
            assert!(written.starts_with(there) && there.starts_with(&read), "{key:?}: {}", run.what);
            assert!(
                was_cut || there == written,
                "{key:?} {} of {}: {}",
                there.len(),
                written.len(),
                run.what
            );
            matched_len += there.len();
        }
    }
    let whole_len: usize = directions.values().map(|direction| direction.bytes.len()).sum();
    assert_eq!(matched_len, whole_len, "{}", run.what);
}
