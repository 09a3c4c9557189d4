//! The tools `ip` and `lookup` as a user meets them. The names that are looked up need no network.

use std::collections::BTreeSet;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::process::Command;

use serde_json::{Value, json};

/// Runs a command; gives its standard output, its standard error and its status.
fn run(args: &[&str]) -> (String, String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lossproof"));
    // A resolver that gets no answer is not waited for long.
    let command = command.args(args).env("RES_OPTIONS", "timeout:1 attempts:1");
    let output = command.output().expect("the binary was built for this test");
    let text = |bytes| String::from_utf8(bytes).expect("it writes UTF-8");
    (text(output.stdout), text(output.stderr), output.status.code())
}

/// Runs a command that is to do what it is asked; gives its standard output.
fn quiet(args: &[&str]) -> String {
    let (stdout, stderr, status) = run(args);
    assert_eq!((stderr.as_str(), status), ("", Some(0)), "{args:?}");
    stdout
}

/// Runs a command that is to write one JSON object; gives it.
fn object(args: &[&str]) -> Value {
    let text = quiet(args);
    assert_eq!((text.lines().count(), text.ends_with('\n')), (1, true), "{text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// Runs a command that is to end with this status and one line, which holds a part.
fn fails(args: &[&str], status: i32, part: &str) {
    let (stdout, stderr, code) = run(args);
    assert_eq!((stdout.as_str(), code), ("", Some(status)), "{args:?}");
    let line = stderr.strip_prefix("lossproof: ").and_then(|rest| rest.strip_suffix('\n'));
    assert!(line.is_some_and(|line| !line.contains('\n') && line.contains(part)), "{args:?}: {stderr}");
}

/// S94.
#[test]
fn an_address_is_shown_in_all_its_forms() {
    let classic =
        "61.135.169.125\nip version: 4\nis private: False\npacked form: b'3d87a97d'\ninteger: 1032300925\n";
    assert_eq!(quiet(&["ip", "61.135.169.125"]), classic);
    let loopback = "::1\nip version: 6\nis private: True\npacked form: b'00000000000000000000000000000001'\ninteger: 1\n";
    assert_eq!(quiet(&["ip", "::1"]), loopback);
}

/// S95.
#[test]
fn text_integer_and_packed_bytes_are_one_address() {
    for texts in [
        ["61.135.169.125", "1032300925", "0x3d87a97d"],
        ["2001:db8::1", "42540766411282592856903984951653826561", "0x20010db8000000000000000000000001"],
    ] {
        for text in texts {
            assert_eq!(quiet(&["ip", text]), quiet(&["ip", texts[0]]), "{text}");
        }
    }
}

/// S95, C23.
#[test]
fn a_network_is_shown_with_its_hosts() {
    let network = "10.0.0.0/29\nip version: 4\nis private: True\nnetwork: 10.0.0.0\nnetmask: 255.255.255.248\n\
                   broadcast: 10.0.0.7\nhosts: 6\n  10.0.0.1\n  10.0.0.2\n  10.0.0.3\n  10.0.0.4\n  10.0.0.5\n  \
                   10.0.0.6\n";
    assert_eq!(quiet(&["ip", "10.0.0.0/29"]), network);
    let given = network.replacen('\n', "\ngiven: 10.0.0.3/29, an address in this network\n", 1);
    assert_eq!(quiet(&["ip", "10.0.0.3/29"]), given);
    let all = quiet(&["ip", "::/0"]);
    assert!(
        all.lines().count() < 20 && all.contains("\n  … 340282366920938463463374607431768211449 more\n"),
        "{all}"
    );
}

/// S95.
#[test]
fn ip_writes_json() {
    let address = json!({
        "address": "61.135.169.125",
        "version": 4,
        "is_private": false,
        "packed": "3d87a97d",
        "integer": 1_032_300_925,
    });
    assert_eq!(object(&["ip", "61.135.169.125", "--json"]), address);
    assert_eq!(object(&["ip", "--format", "json", "61.135.169.125"]), address);
    assert!(
        quiet(&["ip", "--json", "0x20010db8000000000000000000000001"])
            .contains("\"integer\":42540766411282592856903984951653826561}")
    );
    let network = json!({
        "network": "10.0.0.0/30",
        "given": "10.0.0.1/30",
        "version": 4,
        "is_private": true,
        "network_address": "10.0.0.0",
        "netmask": "255.255.255.252",
        "broadcast": "10.0.0.3",
        "last_address": "10.0.0.3",
        "hosts": { "count": 2, "first": ["10.0.0.1", "10.0.0.2"], "left_out": 0, "last": [] },
    });
    assert_eq!(object(&["ip", "10.0.0.1/30", "--json"]), network);
    assert_eq!(object(&["ip", "fd00::/64", "--json"])["broadcast"], Value::Null);
}

/// S95.
#[test]
fn what_is_no_address_is_wrong_usage() {
    for (text, part) in [
        ("300.1.1.1", "ADDRESS: '300.1.1.1' is not an address: write IPv4 or IPv6"),
        ("-1", "'-1' is not an address: write "),
        ("", "'' is not an address: write "),
        ("a\nb", "'a\\nb' is not an address: write "),
        ("340282366920938463463374607431768211456", "write an integer below 2^128"),
        ("0x3d87", "'0x3d87' is not a packed address: write 0x and 8 hex digits for IPv4, 32 for IPv6"),
        ("10.0.0.0/33", "after '/', write a length from 0 to 32, or a netmask such as 255.255.255.248"),
        ("::/129", "after '/', write a length from 0 to 128"),
        ("fe80::1%eth0", "leave out the '%'"),
    ] {
        fails(&["ip", text], 2, part);
    }
    fails(&["ip"], 2, "try 'lossproof ip --help'");
    fails(&["ip", "::1", "--json", "--format", "text"], 2, "try 'lossproof ip --help'");
}

/// The addresses that the standard library gets for a name.
fn addresses(name: &str) -> BTreeSet<IpAddr> {
    let found = (name, 0).to_socket_addrs().unwrap_or_else(|error| panic!("{name}: {error}"));
    found.map(|address| address.ip()).collect()
}

/// S96.
#[test]
fn a_name_is_shown_with_what_the_resolver_has() {
    let report = object(&["lookup", "localhost", "--json"]);
    let shown = |value: &Value| value.as_str().and_then(|text| text.parse::<IpAddr>().ok());
    let listed: BTreeSet<IpAddr> =
        report["addresses"].as_array().expect("it is a list").iter().filter_map(shown).collect();
    assert_eq!(listed, addresses("localhost"));
    let main = shown(&report["address"]).expect("localhost has an address");
    assert!(main.is_loopback() && listed.contains(&main), "{report}");

    let text = quiet(&["lookup", "localhost"]);
    let lines: Vec<&str> = text.lines().collect();
    let own = report["host_name"].as_str().unwrap_or("unknown");
    let own_address = report["host_address"].as_str().unwrap_or("unknown");
    assert_eq!(lines[..2], [format!("host name: {own}"), format!("host address: {own_address}")]);
    assert_eq!(lines[2], format!("address of localhost: {main}"));
    let canonical_name = report["canonical_name"].as_str().expect("it has a name");
    assert!(lines[3].starts_with(&format!("('{canonical_name}', [")), "{text}");
    assert!(
        lines[3].contains(&format!("'{main}'")) && lines[3].ends_with("])") && lines.len() == 4,
        "{text}"
    );
}

/// S96: this host's own name is what the kernel says.
#[cfg(target_os = "linux")]
#[test]
fn the_hosts_own_name_is_shown() {
    let own = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("Linux has it");
    let text = quiet(&["lookup", "127.0.0.1"]);
    assert!(text.starts_with(&format!("host name: {}\n", own.trim_end())), "{text}");
    assert!(text.contains("\naddress of 127.0.0.1: 127.0.0.1\n"), "{text}");
}

/// S96.
#[test]
fn a_name_that_does_not_exist_is_one_line() {
    // The label is longer than DNS allows, so that nobody is asked.
    let name = "x".repeat(64);
    fails(&["lookup", &name], 1, &format!("cannot find '{name}'"));
    fails(&["lookup", &name, "--service", "https", "--json"], 1, &format!("cannot find '{name}'"));
    // Reserved never to exist (RFC 6761); without a network the resolver cannot know.
    fails(&["lookup", "nowhere.invalid"], 1, "cannot find 'nowhere.invalid'");
}

/// S97, S99, C22.
#[test]
fn services_are_found_by_name_and_by_port() {
    for (name, port, protocols) in [
        ("http", "80", &["tcp"][..]),
        ("https", "443", &["tcp", "udp"]),
        ("ftp", "21", &["tcp"]),
        ("smtp", "25", &["tcp"]),
        ("nntp", "119", &["tcp"]),
        ("pop3", "110", &["tcp"]),
        ("imap", "143", &["tcp"]),
        ("telnet", "23", &["tcp"]),
        ("gopher", "70", &["tcp"]),
        ("doom", "666", &["tcp", "udp"]),
    ] {
        let lines: Vec<String> =
            protocols.iter().map(|protocol| format!("{name} {port}/{protocol}")).collect();
        for words in [["--service", name], ["--port", port]] {
            let text = quiet(&["lookup", words[0], words[1]]);
            assert_eq!(text.lines().collect::<Vec<_>>(), lines, "{words:?}");
        }
    }
    let gopher = json!({ "name": "gopher", "port": 70, "protocol": "tcp" });
    assert_eq!(object(&["lookup", "--port", "70", "--json"]), gopher);
    fails(&["lookup", "--service", "htps"], 1, "unknown service 'htps'; did you mean 'https'?");
    fails(&["lookup", "--service", "qqqq"], 1, "unknown service 'qqqq'; write one that /etc/services has");
}

/// S97.
#[test]
fn the_systems_services_are_asked_after_the_table() {
    let file = std::fs::read("/etc/services").unwrap_or_default();
    let system = String::from_utf8_lossy(&file);
    let domain = |line: &&str| line.split_whitespace().take(2).eq(["domain", "53/tcp"]);
    if system.lines().any(|line| domain(&line)) {
        assert!(quiet(&["lookup", "--service", "domain"]).starts_with("domain 53/tcp\n"));
        assert!(quiet(&["lookup", "--port", "53"]).starts_with("domain 53/tcp\n"));
    } else {
        fails(&["lookup", "--service", "domain"], 1, "unknown service 'domain'");
    }
}

/// S98.
#[test]
fn every_way_to_reach_a_service_is_shown() {
    let text = quiet(&["lookup", "127.0.0.1", "--service", "https"]);
    let stream = "<SocketKind.SOCK_STREAM: 1>, 6, '127.0.0.1', ('127.0.0.1', 443))\n";
    let datagram = "<SocketKind.SOCK_DGRAM: 2>, 17, '', ('127.0.0.1', 443))\n";
    let family = "(<AddressFamily.AF_INET: 2>, ";
    assert_eq!(text, format!("{family}{stream}{family}{datagram}"));

    let text = quiet(&["lookup", "localhost", "--service", "http", "--json"]);
    let sockets: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("each line is an object")).collect();
    let found: BTreeSet<IpAddr> = sockets
        .iter()
        .filter_map(|socket| socket["address"].as_str()?.parse::<std::net::SocketAddr>().ok())
        .filter(|address| address.port() == 80)
        .map(|address| address.ip())
        .collect();
    assert_eq!(found, addresses("localhost"));
    assert!(
        sockets.iter().all(|socket| socket["type"] == "SOCK_STREAM" && socket["protocol"] == 6),
        "{text}"
    );
    let named = sockets.iter().filter(|socket| socket["canonical_name"] != "").count();
    assert_eq!(named, 1, "{text}");
}

/// C13.
#[test]
fn a_number_is_shown_in_both_byte_orders() {
    let (short, long) = (20_000_u16.to_be(), 20_000_u32.to_be());
    let text = format!(
        "number: 20000\nhost to network, 16 bits (htons): {short}\nhost to network, 32 bits (htonl): {long}\n\
         network to host, 16 bits (ntohs): {short}\nnetwork to host, 32 bits (ntohl): {long}\n"
    );
    assert_eq!(quiet(&["lookup", "--byte-order", "20000"]), text);
    let order = object(&["lookup", "--byte-order", "65536", "--json"]);
    assert_eq!((&order["htons"], &order["htonl"]), (&Value::Null, &json!(65_536_u32.to_be())));
    fails(&["lookup", "--byte-order", "4294967296"], 2, "is not a whole number from 0 to 4294967295");
}

/// S96, S97, C13.
#[test]
fn words_that_do_not_go_together_are_wrong_usage() {
    fails(&["lookup"], 2, "try 'lossproof lookup --help'");
    fails(&["lookup", ""], 2, "try 'lossproof lookup --help'");
    fails(&["lookup", "localhost", "--port", "80"], 2, "try 'lossproof lookup --help'");
    fails(&["lookup", "--port", "80", "--byte-order", "1"], 2, "try 'lossproof lookup --help'");
    fails(&["lookup", "--port", "65536"], 2, "--port: '65536' is not a whole number from 0 to 65535");
    fails(&["lookup", "--port", "65535"], 1, "no service is known by port 65535");
}

/// The help has examples, and every one of them is taken.
#[test]
fn the_examples_of_the_help_work() {
    for tool in ["ip", "lookup"] {
        let help = quiet(&[tool, "--help"]);
        let examples: Vec<&str> = help.lines().filter_map(|line| line.strip_prefix("  lossproof ")).collect();
        assert!(examples.len() >= 5, "{help}");
        for example in examples {
            let words = example.split('(').next().unwrap_or_default().split_whitespace();
            assert!(!quiet(&words.collect::<Vec<_>>()).is_empty(), "{example}");
        }
    }
}
