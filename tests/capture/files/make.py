#!/usr/bin/env python3
"""Writes the captures of this directory: two conversations, captured in many ways.

    python3 make.py [DIRECTORY]

The first is that of udp-remote with a request that is lost, the second that of tcp-sixteen with a server that waits 400
ms. Equal versions of this file write equal bytes.
"""

import os
import struct
import sys
import zlib

CLIENT, SERVER = (10, 0, 0, 2), (10, 0, 0, 1)
CLIENT6, SERVER6 = bytes.fromhex("fd00" + "00" * 13 + "02"), bytes.fromhex("fd00" + "00" * 13 + "01")
START = 1_700_000_000_000_000
REQUEST, REPLY = b"This is another message", b"Your data was 23 bytes long"
HELLO, FAREWELL = b"Hi there, server", b"Farewell, client"


# What is above the link.


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


def udp(source, target, payload):
    return struct.pack(">HHHH", source, target, 8 + len(payload), 0) + payload


def tcp(source, target, sequence, ack, flags, payload=b"", window=64240, options=b""):
    offset = (20 + len(options)) // 4 << 4
    return (
        struct.pack(">HHIIBBHHH", source, target, sequence & 0xFFFFFFFF, ack & 0xFFFFFFFF, offset, flags, window, 0, 0)
        + options
        + payload
    )


def ip(up, protocol, payload, ident=0, offset=0, more=False, total=None, ends=(CLIENT, SERVER)):
    source, target = ends if up else ends[::-1]
    total = 20 + len(payload) if total is None else total
    flags = (0x2000 if more else 0) | offset // 8
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, total, ident, flags, 64, protocol, 0, bytes(source), bytes(target))
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def ip6(up, protocol, payload, total=None):
    source, target = (CLIENT6, SERVER6) if up else (SERVER6, CLIENT6)
    total = len(payload) if total is None else total
    return struct.pack(">IHBB", 6 << 28, total, protocol, 64) + source + target + payload


def pieces(up, protocol, payload, ident, size=16):
    """The fragments of a packet of IPv4."""
    cuts = range(0, len(payload), size)
    return [ip(up, protocol, payload[at : at + size], ident, at, at + size < len(payload)) for at in cuts]


def pieces6(up, protocol, payload, ident, size=16):
    cuts = range(0, len(payload), size)
    head = lambda at: struct.pack(">BBHI", protocol, 0, at | (at + size < len(payload)), ident)
    return [ip6(up, 44, head(at) + payload[at : at + size]) for at in cuts]


# The conversations: when, whether the client sends, and what IP carries.


def datagrams():
    return [
        (0, True, udp(49152, 1060, REQUEST)),
        (100_300, True, udp(49152, 1060, REQUEST)),
        (110_500, False, udp(1060, 49152, REPLY)),
    ]


SYN, ACK, FIN, RST, PSH = 2, 16, 1, 4, 8
C, S = 1_000_000, 0xFFFFFFF8  # The server's numbers go round.


def up(sequence, ack, flags, payload=b"", **more):
    return True, tcp(49152, 1060, C + sequence, S + ack, flags, payload, **more)


def down(sequence, ack, flags, payload=b"", **more):
    return False, tcp(1060, 49152, S + sequence, C + ack, flags, payload, **more)


def opening():
    return [(0, *up(0, -S, SYN)), (10_000, *down(0, 1, SYN | ACK)), (10_050, *up(1, 1, ACK))]


def closing(at=420_100):
    return [
        (at, *down(17, 17, FIN | ACK)),
        (at + 200, *up(17, 18, FIN | ACK)),
        (at + 10_000, *down(18, 18, ACK)),
    ]


def hello(at=10_100):
    return [(at, *up(1, 1, PSH | ACK, HELLO))]


def farewell(at=420_000):
    return [(at, *down(1, 17, PSH | ACK, FAREWELL))]


def segments():
    return opening() + hello() + farewell() + closing()


# Links.


def ether(kind, data):
    return bytes.fromhex("020000000001" "020000000002") + struct.pack(">H", kind) + data


def ethernet(packet):
    return ether(0x86DD if packet[0] >> 4 == 6 else 0x0800, packet)


def llc(packet):
    return b"\xaa\xaa\x03\0\0\0\x08\0" + packet


def wifi(packet, qos=True):
    head = struct.pack("<HH", 0x0188 if qos else 0x0108, 0) + b"\2" * 18 + b"\0\0"
    return head + (b"\0\0" if qos else b"") + llc(packet)


def radiotap(packet):
    # A time, flags that say that the frame's header is padded, and a second word of fields.
    head = struct.pack("<BBHII", 0, 0, 28, 0x80000003, 0) + b"\0" * 4 + struct.pack("<QBxxx", 5, 0x20)
    frame = wifi(packet)
    return head + frame[:26] + b"\0\0" + frame[26:]


LINKS = {
    "vlan": (1, lambda p: ether(0x8100, b"\0\x05\x08\0" + p)),
    "two-vlans": (1, lambda p: ether(0x88A8, b"\0\x05\x81\0\0\x07\x08\0" + p)),
    "mpls": (1, lambda p: ether(0x8847, b"\0\x01\0\x40\0\x02\x01\x40" + p)),
    "pppoe": (1, lambda p: ether(0x8864, b"\x11\0\0\x07" + struct.pack(">H", 2 + len(p)) + b"\0\x21" + p)),
    "cooked-1": (113, lambda p: b"\0\0\0\1\0\6" + b"\2" * 8 + b"\x08\0" + p),
    "cooked-2": (276, lambda p: b"\x08\0\0\0\0\0\0\1\0\1\0\6" + b"\2" * 8 + p),
    "raw-ip": (101, lambda p: p),
    "null-little": (0, lambda p: b"\2\0\0\0" + p),
    "null-big": (0, lambda p: b"\0\0\0\2" + p),
    "loop": (108, lambda p: b"\0\0\0\2" + p),
    "ppp": (9, lambda p: b"\xff\x03\0\x21" + p),
    "ppp-short": (9, lambda p: b"\x21" + p),
    "slip": (8, lambda p: b"\0" * 16 + p),
    "hdlc": (104, lambda p: b"\x0f\0\x08\0" + p),
    "frame-relay": (107, lambda p: b"\x18\x41\x03\xcc" + p),
    "wifi": (105, wifi),
    "radiotap": (127, radiotap),
    "gre": (1, lambda p: ethernet(ip(True, 47, b"\x30\0\x08\0\0\0\0\1\0\0\0\2" + p, ends=((1, 1, 1, 1), (2, 2, 2, 2))))),
    "vxlan": (
        1,
        lambda p: ethernet(
            ip(True, 17, udp(5, 4789, b"\x08\0\0\0\0\0\7\0" + ethernet(p)), ends=((1, 1, 1, 1), (2, 2, 2, 2)))
        ),
    ),
    "ip-in-ip6": (1, lambda p: ethernet(ip6(True, 4, p))),
}


# Files.


def pcap(packets, link=1, order="<", nanos=False, snaplen=262144):
    """A file of pcap of packets: microseconds since the start, bytes, and how many of them are kept."""
    magic = 0xA1B23C4D if nanos else 0xA1B2C3D4
    out = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, link)
    for at, data, *kept in packets:
        micros = START + at
        kept = data[: kept[0] if kept else len(data)]
        fraction = micros % 1_000_000 * (1000 if nanos else 1)
        out += struct.pack(order + "IIII", micros // 1_000_000, fraction, len(kept), len(data)) + kept
    return out


def option(order, code, value):
    return struct.pack(order + "HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def block(order, kind, body):
    body += b"\0" * (-len(body) % 4)
    size = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + size + body + size


def section(order):
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(order, link, resolution=None, offset=None):
    options = b""
    if resolution is not None:
        options += option(order, 9, bytes([resolution]))
    if offset is not None:
        options += option(order, 14, struct.pack(order + "q", offset))
    return block(order, 1, struct.pack(order + "HHI", link, 0, 0) + options + option(order, 0, b""))


def enhanced(order, number, units, data):
    head = struct.pack(order + "IIIII", number, units >> 32, units & 0xFFFFFFFF, len(data), len(data))
    return block(order, 6, head + data)


def pcapngs():
    """Two sections of different byte order, interfaces of different clocks, and blocks that have no packets."""
    frames = [(START + at, ethernet(ip(up, 17, data))) for at, up, data in datagrams()]
    skipped = [
        block("<", 4, struct.pack("<HH4s", 1, 9, bytes(CLIENT)) + b"host\0" + b"\0" * 3 + b"\0" * 4),
        block("<", 10, struct.pack("<II", 0x544C534B, 6) + b"secret"),
        block("<", 5, struct.pack("<III", 0, 0, 0)),
        block("<", 0x40000BAD, b"\1\2\3\4"),
        block("<", 77, b""),
    ]
    micros = section("<") + interface("<", 1) + b"".join(enhanced("<", 0, at, data) for at, data in frames)
    halves = lambda at: (at - START + 3_000_000) * 2**20 // 1_000_000
    several = [
        section("<"),
        interface("<", 189),
        interface("<", 1, resolution=9),
        *skipped,
        enhanced("<", 0, 5, b"\0" * 64),
        enhanced("<", 1, frames[0][0] * 1000, frames[0][1]),
        section(">"),
        interface(">", 1, resolution=0x80 | 20, offset=START // 1_000_000 - 3),
        interface(">", 101, resolution=4),
        enhanced(">", 0, halves(frames[1][0]), frames[1][1]),
        enhanced(">", 1, frames[2][0] // 100, frames[2][1][14:]),
    ]
    timeless = block("<", 3, struct.pack("<I", len(frames[0][1])) + frames[0][1])
    return {
        "udp-plain.pcapng": micros,
        "udp-sections.pcapng": b"".join(several),
        "udp-timeless.pcapng": micros + timeless,
        "udp-broken.pcapng": micros + struct.pack("<III", 6, 13, 0) + b"\0" * 20,
    }


def gzip(data):
    """Packed without compression, so that all versions of zlib write the same."""
    stored = b"\x01" + struct.pack("<HH", len(data), len(data) ^ 0xFFFF) + data
    return b"\x1f\x8b\x08" + b"\0" * 6 + b"\xff" + stored + struct.pack("<II", zlib.crc32(data), len(data))


def udp_files():
    plain = [(at, ip(up, 17, data)) for at, up, data in datagrams()]
    on = lambda wrap, packets=plain: [(at, wrap(data)) for at, data in packets]
    framed = on(ethernet)
    plain6 = [(at, ip6(up, 17, data)) for at, up, data in datagrams()]
    files = {f"udp-{name}.pcap": pcap(on(wrap), link) for name, (link, wrap) in LINKS.items()}
    fragments = [
        [(at + n, ethernet(piece)) for n, piece in enumerate(pieces(up, 17, data, 7 + number))]
        for number, (at, up, data) in enumerate(datagrams())
    ]
    # The last one first, and one of them twice.
    turned = lambda some: [(at, data) for (at, _), (_, data) in zip(some + some[-1:], some[::-1] + some[:1])]
    fragments6 = [
        (at + n, ethernet(piece))
        for number, (at, up, data) in enumerate(datagrams())
        for n, piece in enumerate(pieces6(up, 17, data, 7 + number))
    ]
    options = b"\0" * 1 + b"\0\1\4\0\0\0\0"  # The next header is filled in.
    extended = [
        (at, ethernet(ip6(up, 0, b"\x3c" + options[1:] + b"\x11" + options[1:] + data)))
        for at, up, data in datagrams()
    ]
    other = (50_000, ethernet(ip(True, 17, udp(5000, 5001, b"x" * 400))), 60)
    files |= {
        "udp-plain.pcap": pcap(framed),
        "udp-ip6.pcap": pcap(on(ethernet, plain6)),
        "udp-nanos.pcap": pcap(framed, nanos=True),
        "udp-big-endian.pcap": pcap(framed, order=">"),
        "udp-fragments.pcap": pcap(sum(fragments, [])),
        "udp-fragments-turned.pcap": pcap(sum(map(turned, fragments), [])),
        "udp-fragments-missing.pcap": pcap(sum(fragments, []) + [(60_000, ethernet(pieces(True, 17, b"x" * 40, 99)[0]))]),
        "udp-fragments-snaplen.pcap": pcap([(at, data, 44) for at, data in sum(fragments, [])], snaplen=44),
        "udp-ip6-fragments.pcap": pcap(fragments6),
        "udp-ip6-extensions.pcap": pcap(extended),
        "udp-offload.pcap": pcap(on(ethernet, [(at, ip(up, 17, data, total=0)) for at, up, data in datagrams()])),
        "udp-ip6-offload.pcap": pcap(on(ethernet, [(at, ip6(up, 17, data, total=0)) for at, up, data in datagrams()])),
        "udp-padded.pcap": pcap([(at, data + b"\0" * 20) for at, data in framed]),
        "udp-snaplen.pcap": pcap([(at, data, 50) for at, data in framed], snaplen=50),
        "udp-snaplen-ports.pcap": pcap([(at, data, 36) for at, data in framed], snaplen=36),
        "udp-snaplen-other.pcap": pcap([framed[0], other, *framed[1:]], snaplen=96),
        "udp-cut-off.pcap": pcap([*framed, (500_000, framed[0][1])])[:-20],
        "udp-cut-off-at-once.pcap": pcap(framed)[:50],
        "udp-plain.pcap.gz": gzip(pcap(framed)),
        "udp-cut-off.pcap.gz": gzip(pcap(framed))[:-12],
        "udp-one-way.pcap": pcap([framed[1]]),
        "udp-marked.pcap": b"\xef\xbb\xbf" + pcap(framed),
        "usb.pcap": pcap([(0, b"\0" * 64)], link=189),
        "arp.pcap": pcap([(0, ether(0x0806, b"\0\1\x08\0\6\4\0\1" + b"\0" * 20))]),
        "empty.pcap": pcap([]),
    }
    return files


def tcp_files():
    wrap = lambda packets: [(at, ethernet(ip(up, 6, data))) for at, up, data in packets]
    file = lambda packets: pcap(wrap(sorted(packets, key=lambda packet: packet[0])))
    plain = wrap(segments())
    halves = [(10_100, *up(1, 1, ACK, HELLO[:8])), (10_150, *up(9, 1, PSH | ACK, HELLO[8:]))]
    turned = [(at, *packet[1:]) for at, packet in zip((10_150, 10_100), halves)]
    acked = [(20_300, *down(1, 17, ACK))]
    options = b"\1\1\x08\x0a" + b"\0" * 8
    stamped = [
        (at, is_up, data[:12] + bytes([data[12] + 0x30]) + data[13:20] + options + data[20:])
        for at, is_up, data in segments()
    ]
    moved = lambda packets, by: [(at + by, is_up, data) for at, is_up, data in packets]
    other_numbers = [
        (at, is_up, data[:4] + struct.pack(">I", struct.unpack(">I", data[4:8])[0] + (77 if is_up else 0) & 0xFFFFFFFF)
         + struct.pack(">I", struct.unpack(">I", data[8:12])[0] + (0 if is_up else 77) & 0xFFFFFFFF) + data[12:])
        for at, is_up, data in segments()
    ]
    return {
        "tcp-plain.pcap": pcap(plain),
        "tcp-cooked.pcap": pcap([(at, LINKS["cooked-1"][1](data[14:])) for at, data in plain], 113),
        "tcp-offload.pcap": pcap([(at, ethernet(ip(up, 6, data, total=0))) for at, up, data in segments()]),
        "tcp-fragments.pcap": pcap(
            [(at + n, ethernet(piece)) for number, (at, up, data) in enumerate(segments())
             for n, piece in enumerate(pieces(up, 6, data, 7 + number, 24))]
        ),
        "tcp-sent-again.pcap": file(opening() + hello() + hello(210_100) + farewell() + farewell(421_000) + closing(422_000)),
        "tcp-out-of-order.pcap": file(opening() + turned + farewell() + closing()),
        "tcp-keepalive.pcap": file(
            opening() + hello() + acked + [(200_000, *up(16, 1, ACK, b"\0")), (200_300, *down(1, 17, ACK))]
            + farewell() + closing()
        ),
        "tcp-zero-window.pcap": file(
            opening() + [(10_060, *down(1, 1, ACK, window=0)), (10_100, *up(1, 1, ACK, HELLO[:1])),
                         (10_200, *down(1, 2, ACK, window=0)), (10_300, *down(1, 2, ACK))]
            + [(10_400, *up(2, 1, PSH | ACK, HELLO[1:]))] + farewell() + closing()
        ),
        "tcp-snaplen.pcap": pcap([(at, data, 60) for at, data in plain], snaplen=60),
        "tcp-snaplen-options.pcap": pcap([(at, ethernet(ip(up, 6, data)), 58) for at, up, data in stamped], snaplen=58),
        "tcp-snaplen-header.pcap": pcap([(at, data, 50) for at, data in plain], snaplen=50),
        "tcp-middle.pcap": file(hello() + farewell() + closing()),
        "tcp-one-way.pcap": file([packet for packet in segments() if packet[1]]),
        "tcp-gap.pcap": file(opening() + halves[:1] + acked + farewell() + closing()),
        "tcp-gap-at-end.pcap": file(opening() + halves[1:]),
        "tcp-ports-again.pcap": file(segments() + moved(other_numbers, 5_000_000)),
        "tcp-cut-off.pcap": pcap([*plain, (500_000, plain[0][1])])[:-1],
    }


def main():
    directory = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    for name, data in (udp_files() | tcp_files() | pcapngs()).items():
        with open(os.path.join(directory, name), "wb") as file:
            file.write(data)


if __name__ == "__main__":
    main()
