//! Whatever a machine tells, what it hears, is asked and breaks: no face of its run does anything to a terminal, and
//! pictures are well formed.

use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::fault::FaultPlan;
use lossproof::transcript::Look;
use lossproof::{Boot, Input, Machine, Net, Outbox, Scenario};

/// What a terminal obeys or turns text, what XML has no place for, and what means something to XML, Mermaid or HTML.
fn hostile() -> String {
    let controls = (0..=0x1f).chain(0x7f..=0x9f);
    let others = [0x61c, 0x200e, 0x200f].into_iter().chain(0x2028..=0x202e).chain(0x2066..=0x2069);
    let all: String = controls.chain(others).filter_map(char::from_u32).collect();
    format!("<x>{all}\u{fffe}\u{ffff}\u{1fffe}&amp;]]>--></script><!--#1;%%{{\u{1b}]0;t\u{7}\u{1b}[31m")
}

fn is_active(c: char) -> bool {
    !matches!(c, '\n' | '\t') && (c.is_control() || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}'))
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Sends what it is asked to, and tells what it hears.
struct Echo(Option<lossproof::Peer>);

impl Machine for Echo {
    type Command = String;
    type Event = String;

    fn handle(&mut self, input: Input<'_, String>, _now: lossproof::Instant, out: &mut Outbox<String>) {
        match (input, self.0) {
            (Input::Command(text), Some(peer)) => out.send(peer, text.as_bytes()),
            (Input::Datagram { bytes, .. }, None) => {
                out.event(String::from_utf8_lossy(bytes).into_owned());
                out.reply(bytes);
            }
            (Input::Datagram { bytes, .. }, Some(_)) => {
                out.event(format!("heard {}", String::from_utf8_lossy(bytes)));
            }
            _ => {}
        }
    }
}

#[allow(clippy::unnecessary_wraps, reason = "a decoder need not know all")]
fn decode(bytes: &[u8]) -> Option<String> {
    Some(String::from_utf8_lossy(bytes).into_owned())
}

fn net(is_decoded: bool) -> Net {
    let net = Net::new("hostile");
    if is_decoded {
        net.decode(decode);
    }
    net.show_commands();
    let server = net.host("server").udp(1).machine(|_| Echo(None));
    let client = net.host("client").udp(0).machine(move |boot: Boot<'_>| Echo(Some(boot.peer(server))));
    for host in [server, client] {
        net.show(host, |event, f| f.write_str(event));
    }
    net.command(lossproof::Instant::from_millis(1), client, hostile());
    net.always("nothing is heard", move |run| match run.events(client).first() {
        Some(text) => Err(text.clone()),
        None => Ok(()),
    });
    net
}

#[test]
fn no_face_of_a_run_is_active() {
    for is_decoded in [false, true] {
        let scenario = Scenario::from(net(is_decoded));
        let plan = Prepared::new(&FaultPlan::default(), &scenario).unwrap();
        let mut engine = Engine::new(&scenario);
        engine.run(&Settings { seed: 7, plan, ..Settings::default() });
        let transcript = engine.transcript();
        let look = |ascii| transcript.ladder(Look { width: 80, ascii }).unwrap();
        let title = hostile();
        let faces = [
            ("text", transcript.to_string()),
            ("json", transcript.json_lines()),
            ("ladder", look(false)),
            ("ascii", look(true)),
            ("mermaid", transcript.mermaid()),
            ("svg", transcript.svg(&title)),
            ("html", transcript.page(&title, &title)),
            ("excerpt", transcript.excerpt(40)),
        ];
        for (face, text) in &faces {
            assert_eq!(text.chars().find(|c| is_active(*c)), None, "{face} of {text:?}");
            assert!(text.contains("broken") || *face != "text", "{text}");
        }
        let svg = &faces[5].1;
        is_well_formed(svg).unwrap_or_else(|why| panic!("{why} in {svg}"));
        for line in faces[1].1.lines() {
            serde_json::from_str::<serde_json::Value>(line).expect(line);
        }
    }
}

/// Looks whether the text is XML: each tag is closed, in order, each entity is known, each character allowed.
fn is_well_formed(xml: &str) -> Result<(), String> {
    if let Some(c) =
        xml.chars().find(|c| matches!(c, '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}'))
    {
        return Err(format!("{c:?}"));
    }
    for entity in xml.split('&').skip(1) {
        let name = entity.split(';').next().unwrap_or_default();
        if !["amp", "lt", "gt", "quot", "apos"].contains(&name) && !name.starts_with('#') {
            return Err(format!("the entity {name}"));
        }
    }
    let mut open = Vec::new();
    for tag in xml.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').ok_or_else(|| format!("a tag without its end: {tag}"))?;
        let name = tag.split_whitespace().next().unwrap_or_default();
        if let Some(name) = name.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("</{name}>"));
            }
        } else if !tag.ends_with('/') && !name.starts_with(['?', '!']) {
            open.push(name);
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("{open:?} stays open")) }
}
