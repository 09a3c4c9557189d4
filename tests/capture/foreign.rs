//! Captures of other makers: pcap without comments, in microseconds, and with what else a machine sends.

use std::time::Duration;

use lossproof::capture::{self, Note, Payload};
use pcap_parser::{Block, LegacyPcapBlock, Linktype, PcapBlockOwned, PcapHeader, PcapNGSlice, ToVec};

use super::command::{lossproof, stderr, stdout};
use super::path;

/// A capture as tcpdump would have written it of this run: the packets alone.
pub(super) fn dumped(name: &str, args: &[&str]) -> String {
    let bytes = lossproof(&[&["sim"], args, &["--format", "pcapng"]].concat()).stdout;
    let mut file = header(Linktype::ETHERNET);
    for block in PcapNGSlice::from_slice(&bytes).expect("it is pcapng") {
        if let PcapBlockOwned::NG(Block::EnhancedPacket(packet)) = block.expect("it is whole") {
            let nanos = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
            // Timers of real machines are a little late, and never early.
            let micros = nanos / 1000 + 150 * (file.len() as u64 % 3);
            file.extend(record(micros, &packet.data[..packet.caplen as usize]));
        }
    }
    let path = path(&format!("{name}.pcap"));
    std::fs::write(&path, file).expect("cargo made the directory");
    path
}

pub(super) fn header(network: Linktype) -> Vec<u8> {
    PcapHeader { snaplen: 262_144, network, ..PcapHeader::new() }.to_vec().expect("a vector takes all")
}

fn record(micros: u64, data: &[u8]) -> Vec<u8> {
    let len = data.len() as u32;
    let ts_sec = 1_700_000_000 + (micros / 1_000_000) as u32;
    let rest = (micros % 1_000_000) as u32;
    let mut record = LegacyPcapBlock { ts_sec, ts_usec: rest, caplen: len, origlen: len, data };
    record.to_vec().expect("a vector takes all")
}

/// Imports a capture; gives the faults of the plan, beside the link that is measured where something is answered.
fn imported(file: &str, system: &str, more: &[&str]) -> (String, Option<i32>) {
    let output = lossproof(&[&["import", file, "--as", system], more].concat());
    let words = shlex::split(stdout(&output)).expect("it is a line for a shell");
    let plan = words.last().map_or("", String::as_str);
    let mut items: Vec<&str> = plan.split("; ").filter(|item| !item.starts_with("link ")).collect();
    assert_eq!(items.remove(0), "v2", "{}", stderr(&output));
    items.sort_unstable();
    (items.join("; "), output.status.code())
}

#[test]
fn faults_are_told_by_their_consequences() {
    let cases = [
        ("udp-remote", ""),
        ("udp-remote", "client>server #0 drop; client>server #1 drop"),
        (
            "udp-remote",
            "client>server #0 drop; client>server #1 drop; client>server #2 drop; client>server #3 drop; \
             client>server #4 drop",
        ),
        ("udp-local", "client>server #0 drop"),
        ("hello-udp", "client>server #1 drop"),
        ("tcp-sixteen", ""),
        ("tcp-sixteen", "client>server @0 stall 400ms"),
        ("tcp-sixteen", "client>server @9 reset"),
        ("select-echo", ""),
        ("greet", ""),
        ("http", ""),
    ];
    for (system, plan) in cases {
        let file = dumped("consequences", &[system, "--faults", plan]);
        let (found, status) = imported(&file, system, &[]);
        assert_eq!((found.as_str(), status), (plan, Some(0)), "{system}");
    }
}

/// A conversation of half a minute, without its first packets.
#[test]
fn a_capture_that_begins_within_a_connection_is_explained_from_there() {
    let plan = "client>server @6 stall 700ms";
    let file = dumped("middle", &["suffix-echo", "--faults", plan]);
    let whole = std::fs::read(&file).expect("it was written");
    let bytes = |packets: usize| {
        let mut rest = 24;
        for _ in 0..packets {
            rest += 16 + u32::from_le_bytes(whole[rest + 8..rest + 12].try_into().unwrap()) as usize;
        }
        [&whole[..24], &whole[rest..]].concat()
    };
    // The handshake is three packets; the first message is taken and answered after that.
    for packets in [0, 3, 5, 6] {
        std::fs::write(&file, bytes(packets)).expect("it was written before");
        assert_eq!(imported(&file, "suffix-echo", &[]), (plan.to_owned(), Some(0)), "without {packets}");
    }
    // Without what was stalled it is told by nothing.
    std::fs::write(&file, bytes(13)).expect("it was written before");
    assert_eq!(imported(&file, "suffix-echo", &[]), (String::new(), Some(0)));
}

#[test]
fn a_lost_reply_is_told_as_what_looks_the_same() {
    let file = dumped("reply", &["udp-remote", "--faults", "server>client #0 drop"]);
    // The reply was captured where it left, so it is known that the request came.
    assert_eq!(imported(&file, "udp-remote", &[]), ("server>client #0 drop".to_owned(), Some(0)));
}

#[test]
fn what_the_user_chose_is_found() {
    let line = |args: &[&str]| {
        let file = dumped("chosen", args);
        stdout(&lossproof(&["import", &file, "--as", args[0]])).to_owned()
    };
    assert!(line(&["udp-remote", "--ids"]).starts_with("lossproof sim udp-remote --ids "));
    assert!(line(&["greet", "--text", "Hi all"]).starts_with("lossproof sim greet --text 'Hi all' "));
    let asked = line(&["http", "--path", "/x", "--host", "example.org"]);
    assert!(asked.starts_with("lossproof sim http --host example.org --path /x "), "{asked}");
    let sent = line(&["tcp-deadlock", "--bytes", "4096"]);
    assert!(sent.starts_with("lossproof sim tcp-deadlock --bytes 4096 "), "{sent}");
}

#[test]
fn of_several_flows_one_is_to_be_chosen() {
    let file = dumped("several", &["udp-chat"]);
    let output = lossproof(&["import", &file, "--as", "udp-remote"]);
    let line = stderr(&output);
    assert!(
        line.starts_with("lossproof: there are 3 flows: choose one with --flow N: 1: udp 192.168.0."),
        "{line}"
    );
    assert_eq!((line.lines().count(), output.status.code()), (1, Some(2)));
    let output = lossproof(&["import", &file, "--as", "udp-remote", "--flow", "4"]);
    assert!(
        stderr(&output).starts_with("lossproof: --flow: there is no flow 4: 1: udp "),
        "{}",
        stderr(&output)
    );
    // One can be chosen that is not of this system: then it is said how little of it is explained.
    let output = lossproof(&["import", &file, "--as", "udp-remote", "--flow", "1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("what follows could not be told"), "{}", stderr(&output));
    let output = lossproof(&["import", &file, "--as", "tcp-chat"]);
    assert!(
        stderr(&output).starts_with("lossproof: there is no tcp flow in the capture, but 1: udp "),
        "{}",
        stderr(&output)
    );
}

#[test]
fn links_of_all_known_kinds_are_read() {
    // A datagram of three bytes from port 7 to port 9, without a checksum.
    let udp = [0, 7, 0, 9, 0, 11, 0, 0, b'a', b'b', b'c'];
    let mut ip = vec![0x45, 0, 0, 31, 0, 0, 0x40, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1];
    ip.extend(udp);
    let mut ip6 = vec![0x60, 0, 0, 0, 0, 11, 17, 64];
    ip6.extend([[0; 16], [1; 16]].concat());
    ip6.extend(udp);
    let heads = |kind: [u8; 2]| {
        [
            (Linktype::RAW, vec![]),
            (Linktype::IPV4, vec![]),
            (Linktype::NULL, vec![0; 4]),
            (Linktype::LOOP, vec![0; 4]),
            (Linktype::LINUX_SLL, [&[0; 14][..], &kind].concat()),
            (Linktype::LINUX_SLL2, [&kind[..], &[0; 18]].concat()),
        ]
    };
    for (kind, packet) in [([0x08, 0x00], &ip), ([0x86, 0xdd], &ip6)] {
        for (link, head) in heads(kind) {
            let data = [&head, packet.as_slice()].concat();
            let file = [header(link), record(1_500_000, &data)].concat();
            let read = capture::read(&file).unwrap();
            assert_eq!(read.frames[0].at, Duration::from_millis(1_700_000_001_500));
            assert_eq!(read.frames[0].payload, Payload::Datagram(b"abc".to_vec()), "{link:?}");
            assert_eq!((read.frames[0].to.port(), read.others), (9, 0), "{link:?}");
        }
    }
    let short = [header(Linktype::RAW), record(0, &ip[..20])].concat();
    assert_eq!(capture::read(&short).map(|read| read.others), Ok(1));
    let mut cut = LegacyPcapBlock { ts_sec: 0, ts_usec: 0, caplen: 29, origlen: 31, data: &ip[..29] };
    let file = [header(Linktype::RAW), cut.to_vec().unwrap()].concat();
    let read = capture::read(&file).unwrap();
    assert_eq!((&read.frames[0].payload, read.frames[0].missing_len), (&Payload::Datagram(b"a".to_vec()), 2));
    let mut cut = LegacyPcapBlock { caplen: 27, data: &ip[..27], ..cut };
    let file = [header(Linktype::RAW), cut.to_vec().unwrap()].concat();
    assert_eq!(capture::read(&file).map(|read| read.notes), Ok(vec![Note::Short { packets: 1 }]));
}
