//! Machines that do what their commands say, and the transcripts of what comes of it.

use lossproof::engine::{Engine, Outcome, Prepared, Settings};
use lossproof::fault::FaultPlan;
use lossproof::machine::Conn;
use lossproof::scenario::Host;
use lossproof::{Input, Instant, Machine, Net, Outbox, Promises, Scenario, Status};

/// The address of `b`, which listens.
pub(crate) const B: &str = "192.168.0.2:7";
/// The address of `c`, which listens too.
pub(crate) const C: &str = "192.168.0.3:7";

/// What a machine is told to do. Connections are named by the order in which they came to the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Do {
    Connect(&'static str),
    Write(usize, &'static str),
    /// Writes so many bytes, as far as they fit.
    Fill(usize, usize),
    Shutdown(usize),
    Close(usize),
    Abort(usize),
    Pause(usize),
    Resume(usize),
    Done,
}

/// Three hosts that do not read from one another, in a circle. b's second connection to c waits as well, but nobody
/// waits for b because of it.
pub(crate) const CIRCLE: [(u64, &str, Do); 8] = [
    (0, "a", Do::Connect(B)),
    (0, "a", Do::Connect(C)),
    (0, "b", Do::Connect(C)),
    (0, "b", Do::Connect(C)),
    (50, "b", Do::Pause(2)),
    (50, "c", Do::Pause(1)),
    (50, "c", Do::Pause(2)),
    (50, "a", Do::Pause(1)),
];

/// Does what it is told; of short writes it tells how much fitted.
#[derive(Default)]
pub(crate) struct Puppet {
    conns: Vec<Conn>,
    dialed: Vec<Conn>,
}

impl Machine for Puppet {
    type Command = Do;
    type Event = String;

    fn handle(&mut self, input: Input<'_, Do>, _now: Instant, out: &mut Outbox<String>) {
        match input {
            Input::Connected { conn, .. } if !self.dialed.contains(&conn) => self.conns.push(conn),
            Input::Command(&Do::Connect(peer)) => {
                let conn = out.connect(peer.parse().unwrap());
                self.dialed.push(conn);
                self.conns.push(conn);
            }
            Input::Command(&Do::Write(which, text)) => {
                assert_eq!(out.write(self.conns[which], text.as_bytes()), text.len());
            }
            Input::Command(&Do::Fill(which, len)) => {
                let fits_len = out.write(self.conns[which], &vec![b'x'; len]);
                if fits_len < len {
                    out.event(format!("{fits_len} of {len} bytes fit"));
                }
            }
            Input::Command(&Do::Shutdown(which)) => out.shutdown(self.conns[which]),
            Input::Command(&Do::Close(which)) => out.close(self.conns[which]),
            Input::Command(&Do::Abort(which)) => out.abort(self.conns[which]),
            Input::Command(&Do::Pause(which)) => out.pause(self.conns[which]),
            Input::Command(&Do::Resume(which)) => out.resume(self.conns[which]),
            Input::Command(&Do::Done) => out.done(Status::Success),
            _ => {}
        }
    }
}

/// The hosts `a`, which dials, and `b` and `c`, which listen, with 5 ms from host to host.
pub(crate) fn net(script: &[(u64, &str, Do)]) -> Net {
    let net = Net::new("puppets");
    for place in [net.host("a"), net.host("b").listen(7), net.host("c").listen(7)] {
        let promises = Promises::DEFAULT.max_bytes(4 * 1024 * 1024);
        let host = place.promises(promises).machine(|_| Puppet::default());
        net.show(host, |event, f| f.write_str(event));
    }
    for &(millis, host, action) in script {
        net.command(Instant::from_millis(millis), net.find::<Puppet>(host), action);
    }
    net
}

/// The first two hosts.
pub(crate) fn ends(net: &Net) -> [Host<Puppet>; 2] {
    ["a", "b"].map(|name| net.find(name))
}

/// A run of these hosts.
pub(crate) fn run_with(plan: &str, script: &[(u64, &str, Do)]) -> (Outcome, Vec<String>, String) {
    let scenario = Scenario::from(net(script));
    let plan: FaultPlan = plan.parse().unwrap();
    let settings = Settings { plan: Prepared::new(&plan, &scenario).unwrap(), ..Settings::default() };
    let mut engine = Engine::new(&scenario);
    let outcome = engine.run(&settings);
    let names = scenario.names();
    let unfired = engine.unfired().map(|fault| fault.named(&names).to_string()).collect();
    (outcome, unfired, engine.transcript().to_string())
}

/// The transcript of a run, without the commands.
pub(crate) fn run(plan: &str, script: &[(u64, &str, Do)]) -> String {
    let (_, unfired, transcript) = run_with(plan, script);
    assert!(unfired.is_empty(), "never fired: {unfired:?}");
    without(&transcript, "  command ")
}

/// A transcript without the lines that have this in them.
pub(crate) fn without(transcript: &str, what: &str) -> String {
    transcript.split_inclusive('\n').filter(|line| !line.contains(what)).collect()
}

/// Compares a transcript with the one expected, line by line, whatever blanks stand before a line.
#[track_caller]
pub(crate) fn expect(transcript: &str, expected: &str) {
    let expected: String = expected
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .fold(String::new(), |text, line| text + line + "\n");
    assert_eq!(transcript.replace(" \n", "\n"), expected, "\n{transcript}");
}
