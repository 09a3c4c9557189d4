//! A machine that joins, leaves and sends as it is asked to, and tells what comes.

use std::hash::Hasher;
use std::net::IpAddr;

use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::fault::FaultPlan;
use lossproof::machine::Ecn;
use lossproof::scenario::Host;
use lossproof::{Input, Instant, Machine, Net, Outbox, Peer, Scenario};

/// The port of all who take part.
pub(crate) const PORT: u16 = 5353;
/// A group, as IPv4 and as IPv6 write it.
pub(crate) const GROUPS: [&str; 2] = ["239.1.2.3", "ff02::123"];

/// What a member is asked to do.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Join(IpAddr),
    Leave(IpAddr),
    Say(Peer, &'static str),
    /// The same, as capable of marks.
    SayCapable(Peer, &'static str),
    End,
}

/// Tells what comes, with its source, and the address that it came to. It answers a `who?`.
#[derive(Debug, Default)]
pub(crate) struct Member;

impl Machine for Member {
    type Command = Ask;
    type Event = String;

    fn handle(&mut self, input: Input<'_, Ask>, _: Instant, out: &mut Outbox<String>) {
        match input {
            Input::Command(Ask::Join(group)) => out.join(*group),
            Input::Command(Ask::Leave(group)) => out.leave(*group),
            Input::Command(Ask::Say(to, text)) => out.send(*to, text.as_bytes()),
            Input::Command(Ask::SayCapable(to, text)) => {
                out.set_ecn(Ecn::Ect0);
                out.send(*to, text.as_bytes());
            }
            Input::Command(Ask::End) => out.done(lossproof::Status::Success),
            Input::Datagram { peer, local, bytes, ecn } => {
                let text = String::from_utf8_lossy(bytes);
                match ecn {
                    Ecn::NotEct => out.event(format!("{text} from {peer} at {local}")),
                    ecn => out.event(format!("{text} {ecn} from {peer} at {local}")),
                }
                if bytes == b"who?" {
                    out.reply(b"I");
                }
            }
            Input::Unreachable { peer, .. } => out.event(format!("{peer} unreachable")),
            _ => {}
        }
    }

    fn fingerprint(&self, _: Instant, _: &mut dyn Hasher) -> bool {
        true
    }
}

/// The same group, at the port of all.
pub(crate) fn at_port(group: IpAddr) -> Peer {
    Peer::from((group, PORT))
}

/// A net under way: hosts that are members of what they are asked to join.
pub(crate) struct Meeting {
    pub(crate) net: Net,
    pub(crate) group: IpAddr,
}

impl Meeting {
    pub(crate) fn new(group: &str) -> Self {
        Self { net: Net::new("meeting"), group: group.parse().unwrap() }
    }

    /// A host with a socket of the group's family at this port.
    pub(crate) fn host(&self, name: &str, port: u16) -> Host<Member> {
        let place = self.net.host(name);
        let place = if self.group.is_ipv4() { place.udp(port) } else { place.udp6(port) };
        let host = place.machine(|_| Member);
        self.net.show(host, |event, f| f.write_str(event));
        host
    }

    /// A host that joins at the beginning.
    pub(crate) fn member(&self, name: &str) -> Host<Member> {
        let host = self.host(name, PORT);
        self.ask(0, host, Ask::Join(self.group));
        host
    }

    pub(crate) fn ask(&self, at: u64, host: Host<Member>, ask: Ask) {
        self.net.command(Instant::from_millis(at), host, ask);
    }

    /// The host sends a text to the group.
    pub(crate) fn say(&self, at: u64, host: Host<Member>, text: &'static str) {
        self.ask(at, host, Ask::Say(at_port(self.group), text));
    }

    /// Runs it with a plan: what each of the hosts told, and the transcript.
    #[track_caller]
    pub(crate) fn run<const N: usize>(
        self,
        hosts: [Host<Member>; N],
        plan: &str,
    ) -> ([Vec<String>; N], String) {
        let scenario = Scenario::from(self.net);
        let mut engine = Engine::new(&scenario);
        let plan: FaultPlan = plan.parse().unwrap();
        let settings = Settings { plan: Prepared::new(&plan, &scenario).unwrap(), ..Settings::default() };
        engine.run(&settings);
        assert_eq!(engine.violation(), None, "{}", engine.transcript());
        let told = hosts.map(|host| engine.view().events(host).to_vec());
        let transcript = engine.transcript().to_string();
        // What one run leaves does not reach the next.
        engine.run(&settings);
        assert_eq!(engine.transcript().to_string(), transcript);
        (told, transcript)
    }
}

/// The first words of what was told: what was said, without from where.
pub(crate) fn words(told: &[String]) -> Vec<&str> {
    told.iter().map(|text| text.split(' ').next().unwrap()).collect()
}
