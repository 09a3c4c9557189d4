//! A bug of geocode.

use super::{Specimen, planted};
use crate::machine::{Input, Machine, Status};
use crate::systems::geocode::{self, Client, ClientEvent, Location};

/// The client looks for its two numbers in what has come, and tells them as soon as they are there: a number that is cut is
/// another one. Scripts that look for a pattern in what one `recv` brought put ships on land.
const TELLS_TOO_EARLY: &str = "tells-too-early";

/// All of them.
pub(super) const ALL: &[Specimen] = &[Specimen::new(
    (geocode::ABOUT.name, geocode::net),
    TELLS_TOO_EARLY,
    "where a place is, is told before the whole answer is there",
    "",
    |net, _| net.wrap(net.find::<Client>("client"), |_, right| tells_too_early(right)),
)];

fn tells_too_early(right: Client) -> impl Machine<Command = (), Event = ClientEvent> {
    let (mut come, mut has_told) = (Vec::new(), false);
    planted(right, move |right, input, now, out| {
        if let Input::Received { conn, bytes } = input
            && !has_told
        {
            come.extend_from_slice(bytes);
            if let Some(location) = found(&come) {
                has_told = true;
                out.close(conn);
                out.event(ClientEvent::Found { location, json: false });
                out.done(Status::Success);
            }
        }
        if has_told {
            return None;
        }
        out.pass_on(right, input, now);
        right.deadline()
    })
}

/// The numbers behind the two names, as far as they are there.
fn found(come: &[u8]) -> Option<Location> {
    let text = String::from_utf8_lossy(come);
    let number = |name: &str| {
        let (_, behind) = text.split_once(name)?;
        let end = behind.find(|c: char| !c.is_ascii_digit() && !"-.".contains(c)).unwrap_or(behind.len());
        behind[..end].parse::<f64>().ok()
    };
    Location::of_degrees(number("\"lat\":")?, number("\"lng\":")?)
}
