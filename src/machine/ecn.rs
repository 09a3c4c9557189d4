//! Explicit congestion notification: two bits in the header of IP.

use std::fmt;

/// The ECN field of a packet (RFC 3168 section 5): what its sender understands, and whether a queue on the way was congested.
///
/// A sender that understands congestion marks sends [`Ect0`](Self::Ect0), and one with the control of L4S sends
/// [`Ect1`](Self::Ect1) (RFC 9331). A queue that would drop such a packet to get shorter marks it [`Ce`](Self::Ce)
/// instead. The receiver then tells the sender in its own protocol, as QUIC does (RFC 9000 section 13.4), and the sender
/// slows down as if the packet had been lost. Some middleboxes clear the field.
///
/// ```
/// use lossproof::machine::Ecn;
///
/// assert_eq!(Ecn::from_bits(0b11), Ecn::Ce);
/// assert_eq!(Ecn::Ect0.to_string(), "ect(0)");
/// assert_eq!((Ecn::Ect0.marked(), Ecn::NotEct.marked()), (Ecn::Ce, Ecn::NotEct));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Ecn {
    /// `00`: the sender does not understand marks; a congested queue drops the packet.
    #[default]
    NotEct = 0b00,
    /// `01`: the sender understands marks, and has the fine control of L4S.
    Ect1 = 0b01,
    /// `10`: the sender understands marks.
    Ect0 = 0b10,
    /// `11`: congestion was experienced on the way.
    Ce = 0b11,
}

impl Ecn {
    /// The field with these two bits, the lowest of the TOS byte (IPv4) or of the traffic class (IPv6). The other bits are
    /// not looked at.
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 0b11 {
            0b00 => Self::NotEct,
            0b01 => Self::Ect1,
            0b10 => Self::Ect0,
            _ => Self::Ce,
        }
    }

    /// The two bits.
    pub const fn bits(self) -> u8 {
        self as u8
    }

    /// Whether the sender understands marks, so that a queue may mark the packet. One that is marked already stays so.
    pub const fn is_capable(self) -> bool {
        !matches!(self, Self::NotEct)
    }

    /// What a congested queue makes of it: a mark if it is capable.
    #[must_use]
    pub const fn marked(self) -> Self {
        if self.is_capable() { Self::Ce } else { self }
    }
}

/// In lower case as RFC 3168 writes it: `not-ect`, `ect(1)`, `ect(0)`, `ce`.
impl fmt::Display for Ecn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NotEct => "not-ect",
            Self::Ect1 => "ect(1)",
            Self::Ect0 => "ect(0)",
            Self::Ce => "ce",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{Effect, Input, Machine, Outbox, Outlet, Peer};
    use crate::time::Instant;

    #[test]
    fn the_bits_are_those_of_rfc_3168() {
        let all = [(0b00, Ecn::NotEct), (0b01, Ecn::Ect1), (0b10, Ecn::Ect0), (0b11, Ecn::Ce)];
        for (bits, ecn) in all {
            assert_eq!((Ecn::from_bits(bits), ecn.bits()), (ecn, bits));
            // The code point of differentiated services stands above.
            assert_eq!(Ecn::from_bits(0b1011_1000 | bits), ecn);
        }
        let texts = all.map(|(_, ecn)| ecn.to_string());
        assert_eq!(texts, ["not-ect", "ect(1)", "ect(0)", "ce"]);
        assert_eq!(format!("{:>8}|", Ecn::Ce), "      ce|");
    }

    #[test]
    fn only_what_is_capable_is_marked() {
        assert_eq!(Ecn::default(), Ecn::NotEct);
        let marked = [Ecn::NotEct, Ecn::Ect1, Ecn::Ect0, Ecn::Ce].map(Ecn::marked);
        assert_eq!(marked, [Ecn::NotEct, Ecn::Ce, Ecn::Ce, Ecn::Ce]);
    }

    /// Sends three datagrams, of which it says what two are, and one at the next input.
    struct Sender(Peer);

    impl Machine for Sender {
        type Command = ();
        type Event = ();

        fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<()>) {
            out.send(self.0, b"first");
            if let Input::Datagram { .. } = input {
                out.set_ecn(Ecn::Ect1);
                out.reply(b"answer");
                out.set_ecn(Ecn::Ect0);
                let chunk = out.put(b"chunk");
                out.send_chunk(self.0, chunk);
            }
        }
    }

    fn sent(out: &Outlet<()>) -> Vec<Ecn> {
        let ecn = |effect| if let Effect::Send { ecn, .. } = effect { Some(ecn) } else { None };
        out.effects().filter_map(ecn).collect()
    }

    #[test]
    fn what_is_set_holds_until_the_input_is_handled() {
        let peer: Peer = "127.0.0.1:7".parse().unwrap();
        let (mut sender, mut out) = (Sender(peer), Outlet::new());
        let datagram = Input::Datagram { peer, local: peer, bytes: b"?", ecn: Ecn::Ce };
        out.feed(&mut sender, datagram, Instant::START);
        // Nothing was drained: the outbox is the same, and the input is another.
        out.feed(&mut sender, Input::Timeout, Instant::START);
        out.feed(&mut sender, Input::Stop, Instant::START);
        assert_eq!(sent(&out), [Ecn::NotEct, Ecn::Ect1, Ecn::Ect0, Ecn::NotEct]);
        // Nor does it outlive the machine.
        out.outbox().set_ecn(Ecn::Ce);
        out.reset();
        out.outbox().send(peer, b"anew");
        assert_eq!(sent(&out), [Ecn::NotEct]);
    }
}
