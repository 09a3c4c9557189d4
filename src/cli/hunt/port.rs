//! Whether a server has its port.
//!
//! Linux tells which ports are open without asking the server, which would take the question for a client.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::machine::Peer;
use crate::proxy::Carrier;
use crate::seed;

/// The ports that anybody may choose (RFC 6335): those below need rights.
const FIRST_USER_PORT: u16 = 1024;
/// Where the system begins to give out ports of its own accord, if it does not say so (RFC 6335).
const FIRST_DYNAMIC_PORT: u16 = 49_152;
/// How many ports are tried before the system is asked for one.
const MAX_TRIES: usize = 64;

/// A port that nobody has.
///
/// It is one that the system gives to nobody of its own accord, if there is one: a server that starts later still finds
/// it free, however many sockets are opened meanwhile.
pub(super) fn free(carrier: Carrier, like: Peer) -> std::io::Result<Peer> {
    let addr = like.inet().ok_or(std::io::ErrorKind::InvalidInput)?;
    let bound = |port| local(carrier, SocketAddr::new(addr.ip(), port));
    let chosen = chosen_ports(first_dynamic()).find_map(|port| bound(port).ok());
    chosen.map_or_else(|| bound(0), Ok).map(Peer::from)
}

/// Where a socket is that is bound to this address.
fn local(carrier: Carrier, addr: SocketAddr) -> std::io::Result<SocketAddr> {
    match carrier {
        Carrier::Datagrams => UdpSocket::bind(addr)?.local_addr(),
        Carrier::Streams => TcpListener::bind(addr)?.local_addr(),
    }
}

/// Ports below this one, others in each process and at each call.
fn chosen_ports(end: u16) -> impl Iterator<Item = u16> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let count = u64::from(end.saturating_sub(FIRST_USER_PORT));
    let draw = || seed::mix(std::process::id().into(), NEXT.fetch_add(1, Ordering::Relaxed));
    let ports = std::iter::repeat_with(draw).take(if count == 0 { 0 } else { MAX_TRIES });
    ports.filter_map(move |bits| Some(FIRST_USER_PORT + u16::try_from(seed::below(bits, count)).ok()?))
}

/// The first port that the system gives out of its own accord (ip(7), `ip_local_port_range`).
fn first_dynamic() -> u16 {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok();
    let first = range.and_then(|range| range.split_whitespace().next()?.parse().ok());
    first.unwrap_or(FIRST_DYNAMIC_PORT)
}

/// Whether somebody has this address open.
pub(super) fn is_open(carrier: Carrier, address: Peer) -> bool {
    let Some(port) = address.port() else { return is_path_open(address) };
    let (tables, state) = match carrier {
        Carrier::Datagrams => (["/proc/net/udp", "/proc/net/udp6"], "07"),
        Carrier::Streams => (["/proc/net/tcp", "/proc/net/tcp6"], "0A"),
    };
    let texts: Vec<String> = tables.iter().filter_map(|table| fs::read_to_string(table).ok()).collect();
    if texts.is_empty() {
        return answers(carrier, address);
    }
    texts.iter().any(|text| has_port(text, port, state))
}

/// Whether a table of sockets (proc(5)) has one at this port in this state.
fn has_port(table: &str, port: u16, state: &str) -> bool {
    table.lines().skip(1).any(|line| {
        let words: Vec<&str> = line.split_whitespace().take(4).collect();
        let [_, local, _, in_state] = words[..] else { return false };
        local.rsplit_once(':').and_then(|(_, hex)| u16::from_str_radix(hex, 16).ok()) == Some(port)
            && in_state == state
    })
}

fn is_path_open(address: Peer) -> bool {
    let text = address.to_string();
    let path = text.strip_prefix("unix:").unwrap_or(&text);
    match fs::read_to_string("/proc/net/unix") {
        Ok(table) => table.lines().any(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            // A socket that listens has this flag (proc(5)).
            words.get(3) == Some(&"00010000") && words.last() == Some(&path)
        }),
        Err(_) => UnixStream::connect(path).is_ok(),
    }
}

/// Elsewhere a stream is tried, and a datagram's server gets some time.
fn answers(carrier: Carrier, address: Peer) -> bool {
    const TIME_TO_START: Duration = Duration::from_millis(300);
    if let (Carrier::Streams, Some(addr)) = (carrier, address.inet()) {
        return TcpStream::connect(addr).is_ok();
    }
    std::thread::sleep(TIME_TO_START);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_open_while_somebody_has_it() {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address: Peer = udp.local_addr().unwrap().into();
        assert!(is_open(Carrier::Datagrams, address));
        assert!(!is_open(Carrier::Streams, free(Carrier::Streams, "127.0.0.1:0".parse().unwrap()).unwrap()));
        let tcp = TcpListener::bind("[::1]:0").or_else(|_| TcpListener::bind("127.0.0.1:0")).unwrap();
        assert!(is_open(Carrier::Streams, tcp.local_addr().unwrap().into()));
        drop(udp);
        if cfg!(target_os = "linux") {
            assert!(!is_open(Carrier::Datagrams, address));
        }
    }

    #[test]
    fn a_free_port_is_none_that_the_system_gives_out_of_its_own_accord() {
        let like = "127.0.0.1:0".parse().unwrap();
        let ports: Vec<u16> =
            (0..50).map(|_| free(Carrier::Datagrams, like).unwrap().port().unwrap()).collect();
        assert!(ports.iter().all(|port| (FIRST_USER_PORT..first_dynamic()).contains(port)), "{ports:?}");
        assert!(ports.windows(2).all(|pair| pair[0] != pair[1]), "{ports:?}");
        // Where there is none below, the system is asked.
        assert_eq!(chosen_ports(FIRST_USER_PORT).next(), None);
        assert_eq!(chosen_ports(FIRST_USER_PORT + 1).next(), Some(FIRST_USER_PORT));
    }

    #[test]
    fn a_table_of_sockets_is_read() {
        let table =
            "  sl  local_address rem_address   st\n   0: 0100007F:0424 00000000:0000 0A 00000000:00000000\n";
        assert!(has_port(table, 1060, "0A"));
        assert!(!has_port(table, 1060, "07") && !has_port(table, 1061, "0A"));
    }
}
