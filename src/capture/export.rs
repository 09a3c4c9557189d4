//! Writing: the packets of a transcript in order, each as a frame with its comments.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::REPLAY;
use super::comments::Comments;
use super::container::Writer;
use super::frame::{Ends, Framer};
use super::streams::{Key, Streams};
use crate::host::HostId;
use crate::machine::CloseReason;
use crate::time::Instant;
use crate::transcript::{Carried, Link, Log, Packet, Part, Record, Span, Transcript, What};

/// Writes the packets of a run as pcapng. `replay`, the command that reproduces the run, goes into the comment of the
/// file, where [`read`](super::read) finds it; the [module](super) says where packets are captured.
///
/// ```
/// use lossproof::capture;
/// use lossproof::engine::{Engine, Settings};
/// use lossproof::Scenario;
/// use lossproof::systems::{Options, tcp_sixteen};
///
/// let scenario = Scenario::from(tcp_sixteen::net(&Options::default()));
/// let mut engine = Engine::new(&scenario);
/// engine.run(&Settings::default());
/// let file = capture::export(&engine.transcript(), "lossproof sim tcp-sixteen");
/// let read = capture::read(&file)?;
/// assert_eq!(read.replay.as_deref(), Some("lossproof sim tcp-sixteen"));
/// assert_eq!(read.frames[0].to.to_string(), "192.168.0.1:1060");
/// # Ok::<(), lossproof::capture::CaptureError>(())
/// ```
pub fn export(transcript: &Transcript<'_>, replay: &str) -> Vec<u8> {
    let names = names(transcript);
    let note = match left_out(transcript) {
        0 => None,
        count => Some(format!("{count} packets of unix sockets are left out: these have none on the wire")),
    };
    let names = names.iter().map(|(address, host)| (*address, transcript.names()[host.index()]));
    let writer = Writer::new(&format!("{REPLAY}{replay}"), note.as_deref(), names);
    let mut export = Export {
        transcript,
        comments: Comments::new(transcript),
        framer: Framer::default(),
        streams: Streams::default(),
        written: written(transcript.log),
        sent: BTreeMap::new(),
        frames: Vec::new(),
        for_many: None,
    };
    for (at, item) in items(transcript.log) {
        match item {
            Item::Packet(packet) => export.packet(packet),
            Item::SawEnd(host, link) => export.saw_end(at, host, link),
        }
    }
    export.finish(writer)
}

/// How many packets of a run are no packets of the internet, and so are in no capture: those of Unix sockets.
pub fn left_out(transcript: &Transcript<'_>) -> usize {
    let packets = transcript.log.packets().iter();
    packets.filter(|(_, packet)| packet.addresses.iter().any(|address| address.inet().is_none())).count()
}

/// The addresses of all hosts: the first one that each has, and then what else its packets have.
fn names(transcript: &Transcript<'_>) -> Vec<(IpAddr, HostId)> {
    let hosts = (0..transcript.names().len() as u16).map(HostId);
    let mut names: Vec<(IpAddr, HostId)> = hosts.filter_map(|host| Some((host.v4(0).ip()?, host))).collect();
    let mut others = BTreeSet::new();
    for (_, packet) in transcript.log.packets() {
        // What is sent where there is no host goes to its sender's.
        let ends = [(packet.from, packet.addresses[0]), (packet.to, packet.addresses[1])];
        let ends = &ends[..if packet.from == packet.to { 1 } else { 2 }];
        let ends = ends.iter().filter_map(|(host, address)| Some((address.ip()?, *host)));
        others.extend(ends.filter(|(ip, _)| !ip.is_multicast()));
    }
    others.retain(|name| !names.contains(name));
    names.extend(others);
    names
}

/// What is to be shown.
#[derive(Clone, Copy)]
enum Item<'a> {
    Packet(&'a Packet),
    /// A host saw the end of a stream's other direction.
    SawEnd(HostId, Link),
}

/// Everything that is to be shown, in order.
fn items(log: &Log) -> Vec<(Instant, Item<'_>)> {
    let packets = log.packets().iter().map(|(before, packet)| (packet.at, 2 * before, Item::Packet(packet)));
    let ends = log.records().iter().enumerate().filter_map(|(index, record)| match record.what {
        What::Eof(link) | What::Closed(link, CloseReason::Finished) => {
            Some((record.at, 2 * index + 1, Item::SawEnd(record.host, link)))
        }
        _ => None,
    });
    let mut items: Vec<_> = packets.chain(ends).collect();
    items.sort_by_key(|(at, place, _)| (*at, *place));
    items.into_iter().map(|(at, _, item)| (at, item)).collect()
}

/// The writes of each direction of each connection, in order, each with its offset.
type Written = BTreeMap<(HostId, HostId, u32), Vec<(u64, Span)>>;

fn written(log: &Log) -> Written {
    let mut written = Written::new();
    for &Record { host, what, .. } in log.records() {
        if let What::Write { link, offset, bytes } = what {
            written.entry((host, link.peer, link.number)).or_default().push((offset, bytes));
        }
    }
    written
}

/// A broadcast or a multicast: one frame for all who hear it.
#[derive(Clone, Copy)]
struct ForMany {
    from: HostId,
    group: Option<IpAddr>,
    bytes: Span,
    /// The last of its receivers so far.
    last: HostId,
}

struct Export<'a, 'b> {
    transcript: &'a Transcript<'b>,
    comments: Comments<'a, 'b>,
    framer: Framer,
    streams: Streams,
    written: Written,
    /// Datagrams, for those who refuse them.
    sent: BTreeMap<(HostId, HostId, u64), usize>,
    frames: Vec<(Instant, Vec<u8>, Vec<String>)>,
    /// What the frame before has for many, if it has.
    for_many: Option<ForMany>,
}

impl Export<'_, '_> {
    fn packet(&mut self, packet: &Packet) {
        let Packet { at, from, to, what, .. } = *packet;
        let before = self.for_many.take();
        let Some(ends) = Ends::of(packet) else { return };
        match what {
            Carried::Datagram { n, bytes, broadcast: to_all, arrives_at } => {
                let flow = (from, to, n);
                let mut notes = self.comments.of_hosts(at);
                notes.extend(self.comments.of_datagram(flow, arrives_at));
                let payload = self.transcript.log.bytes(bytes);
                let group = ends.group();
                let is_for_many = to_all || group.is_some();
                if is_for_many {
                    self.for_many = Some(ForMany { from, group, bytes, last: to });
                    if let (Some(before), Some(frame)) = (before, self.frames.last_mut())
                        && (before.from, before.group, frame.0) == (from, group, at)
                        && before.last < to
                        && self.transcript.log.bytes(before.bytes) == payload
                    {
                        frame.2.extend(notes);
                        return;
                    }
                }
                let frame = if bytes.is_segment() {
                    Framer::packet(ends, payload)
                } else {
                    self.framer.datagram(ends, to_all, payload, bytes.ecn())
                };
                self.sent.insert(flow, self.frames.len());
                let copy =
                    (arrives_at[1].is_some() && !is_for_many).then(|| (at, frame.clone(), notes.clone()));
                self.frames.push((at, frame, notes));
                self.frames.extend(copy.map(|(at, frame, _)| (at, frame, vec![self.copied(flow)])));
            }
            Carried::Refusal { n, .. } => {
                let notes = self.comments.of_hosts(at);
                let refused = self.sent.get(&(to, from, n)).map(|index| self.frames[*index].1.as_slice());
                let frame = self.framer.refusal(ends, refused.unwrap_or_default());
                self.frames.push((at, frame, notes));
            }
            Carried::Segment { number, is_connector, part, arrives_at } => {
                let key = if is_connector { (from, to, number) } else { (to, from, number) };
                self.segment((packet, ends), (key, usize::from(!is_connector)), part, arrives_at.is_none());
            }
        }
    }

    fn copied(&self, (from, to, n): (HostId, HostId, u64)) -> String {
        let name = |host: HostId| self.transcript.names()[host.index()];
        format!("the copy of {}>{} #{n}", name(from), name(to))
    }

    fn segment(
        &mut self,
        (packet, ends): (&Packet, Ends),
        (key, side): (Key, usize),
        part: Part,
        is_lost: bool,
    ) {
        let Packet { at, from, to, .. } = *packet;
        let end_offset = self.streams.sent_len(key, side);
        for (header, offset, len) in self.streams.headers(key, side, packet, part) {
            let mut notes = self.comments.of_hosts(at);
            notes.extend(match part {
                Part::Data { .. } => self.comments.of_stream(key, side, offset, len as u64),
                Part::Fin | Part::Rst => self.comments.of_stream(key, side, end_offset, 0),
                _ => Vec::new(),
            });
            if is_lost {
                notes.push("lost: a partition keeps the hosts apart".to_owned());
            }
            let payload = self.bytes((from, to, key.2), offset, len);
            let frame = self.framer.segment(ends, header, &payload);
            self.frames.push((at, frame, notes));
        }
    }

    /// Bytes of one direction of a stream.
    fn bytes(&self, direction: (HostId, HostId, u32), offset: u64, len: usize) -> Vec<u8> {
        let writes = self.written.get(&direction).map_or(&[][..], Vec::as_slice);
        let first = writes.partition_point(|(begin, span)| begin + span.len() as u64 <= offset);
        let mut bytes = Vec::with_capacity(len);
        for (begin, span) in &writes[first..] {
            let skipped_len = (offset + bytes.len() as u64).saturating_sub(*begin) as usize;
            let there = self.transcript.log.bytes(*span).get(skipped_len..).unwrap_or_default();
            bytes.extend(there.iter().take(len - bytes.len()));
            if bytes.len() == len {
                break;
            }
        }
        bytes
    }

    fn saw_end(&mut self, at: Instant, host: HostId, link: Link) {
        let sides = [((host, link.peer, link.number), 0), ((link.peer, host, link.number), 1)];
        for (key, side) in sides {
            if let Some((ends, header)) = self.streams.saw_end(key, side) {
                self.for_many = None;
                let notes = self.comments.of_hosts(at);
                let frame = self.framer.segment(ends, header, &[]);
                self.frames.push((at, frame, notes));
            }
        }
    }

    fn finish(mut self, mut writer: Writer) -> Vec<u8> {
        // What befell hosts after the last packet stands there.
        if let Some(last) = self.frames.last_mut() {
            last.2.extend(self.comments.of_hosts(Instant::FAR_FUTURE));
        }
        for (at, frame, notes) in &self.frames {
            writer.packet(*at, frame, notes);
        }
        writer.finish()
    }
}
