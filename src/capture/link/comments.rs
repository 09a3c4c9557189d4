//! What the comments of an export say of each packet.

use std::time::Duration;

use super::Told;
use super::evidence::{Evidence, Fate, Side};
use crate::capture::{Frame, Payload};
use crate::fault::{FIRST_STALL, MAX_STALLS, parse_span};

/// What a fault did to a packet.
enum Mark {
    Drop,
    Duplicate,
    Alter,
    Late(Duration),
    Stall(Duration),
    /// It is no matter of the link: a partition, or the copy of another one.
    NoMatter,
}

/// What became of each packet. The packet's comment says it; a packet without a comment came in time. `replay` is the
/// command line that repeats the run.
pub(super) fn evidence(frames: &[(&Frame, bool)], replay: &str) -> Evidence {
    let mut sides = [Side::new(true), Side::new(false)];
    let (mut latency, mut syn_at): (Option<Duration>, _) = (None, None);
    let mut shortest =
        |time: Duration| latency = Some(latency.map_or(time, |latency: Duration| latency.min(time)));
    // When the last datagram of each side came.
    let mut came_at: [Option<Duration>; 2] = [None; 2];
    for (frame, is_up) in frames {
        let index = usize::from(!is_up);
        let side = &mut sides[index];
        let mark = frame.comments.iter().find_map(|comment| mark(comment));
        match (&frame.payload, mark) {
            (Payload::Segment { bytes, fin, syn, .. }, mark) => {
                if *syn && *is_up {
                    syn_at.get_or_insert(frame.at);
                } else if let Some(begun_at) = syn_at.take_if(|_| *is_up) {
                    shortest(frame.at.saturating_sub(begun_at) / 2);
                }
                match mark {
                    Some(Mark::Stall(stall)) => side.fates.extend(resent(stall)),
                    None if !bytes.is_empty() || *fin => side.fates.push(Fate::Came(Some(Duration::ZERO))),
                    _ => {}
                }
            }
            (Payload::Datagram(_), Some(Mark::NoMatter)) => {}
            (Payload::Datagram(_), Some(Mark::Drop)) => side.fates.push(Fate::Lost),
            (Payload::Datagram(_), mark) => {
                let late = match mark {
                    Some(Mark::Late(late)) => Some(late),
                    Some(Mark::Duplicate) => {
                        side.duplicated += 1;
                        None
                    }
                    Some(Mark::Alter) => {
                        side.altered += 1;
                        None
                    }
                    _ => Some(Duration::ZERO),
                };
                side.fates.push(Fate::Came(late));
                // A side that answers at once sends when the other side's last datagram comes.
                if let Some(taken) =
                    came_at[1 - index].take().and_then(|came_at| frame.at.checked_sub(came_at))
                {
                    shortest(taken);
                }
                came_at[index] = Some(frame.at + late.unwrap_or_default());
            }
        }
    }
    let latency = link_of(replay).or(latency).filter(|latency| !latency.is_zero());
    Evidence { told: Told::Comments, sides, latency }
}

/// The latency that the plan of a run says for all its links.
fn link_of(replay: &str) -> Option<Duration> {
    let mut items = replay.split(['\'', ';']).map(str::trim);
    parse_span(items.find_map(|item| item.strip_prefix("link "))?).ok()
}

/// The fates of the segments behind a stall of this length: each loss doubles the wait, and the rest is delay.
fn resent(stall: Duration) -> impl Iterator<Item = Fate> {
    let lost_for = |losses: u32| FIRST_STALL * ((1 << losses) - 1);
    let losses = (1..=MAX_STALLS).take_while(|losses| lost_for(*losses) <= stall).count();
    let late = stall.saturating_sub(lost_for(losses as u32));
    std::iter::repeat_n(Fate::Lost, losses).chain([Fate::Came(Some(late))])
}

/// What a comment says, in the words of an export: those of a fault stand at its end.
fn mark(comment: &str) -> Option<Mark> {
    if comment.starts_with("the copy of ") || comment.ends_with(": a partition keeps the hosts apart") {
        return Some(Mark::NoMatter);
    }
    let mut words = comment.split(' ').skip_while(|word| !word.starts_with(['#', '@'])).skip(1);
    match (words.next()?, words.next()) {
        ("drop", None) | ("the", Some("queue")) | ("dropped", Some("by")) => Some(Mark::Drop),
        ("duplicate", None) => Some(Mark::Duplicate),
        ("flip" | "truncate", Some(_)) => Some(Mark::Alter),
        ("delay", Some(span)) => Some(Mark::Late(parse_span(span).ok()?)),
        ("stall", Some(span)) => Some(Mark::Stall(parse_span(span).ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_stall_is_so_many_losses_and_some_lateness() {
        let fates = |stall: u64| resent(millis(stall)).collect::<Vec<_>>();
        assert_eq!(fates(7), [Fate::Came(Some(millis(7)))]);
        assert_eq!(fates(200), [Fate::Lost, Fate::Came(Some(millis(0)))]);
        assert_eq!(fates(599), [Fate::Lost, Fate::Came(Some(millis(399)))]);
        assert_eq!(fates(605), [Fate::Lost, Fate::Lost, Fate::Came(Some(millis(5)))]);
        assert_eq!(fates(1_000_000).len(), MAX_STALLS as usize + 1);
    }

    #[test]
    fn the_words_of_an_export_are_understood() {
        assert!(matches!(mark("lost: client>server #0 drop"), Some(Mark::Drop)));
        assert!(matches!(mark("arrives twice: client>server #7 duplicate"), Some(Mark::Duplicate)));
        assert!(matches!(mark("altered on its way: a>b #1 flip 3:0x80"), Some(Mark::Alter)));
        assert!(matches!(mark("late: a>b #1 delay 40ms"), Some(Mark::Late(late)) if late == millis(40)));
        assert!(matches!(mark("a>b @6 stall 2s"), Some(Mark::Stall(stall)) if stall == millis(2_000)));
        for other in ["the copy of a>b #1", "lost: a>b #1: a partition keeps the hosts apart"] {
            assert!(matches!(mark(other), Some(Mark::NoMatter)));
        }
        assert!(mark("not taken: a>b #1").is_none() && mark("at 2s crash b").is_none() && mark("").is_none());
        assert_eq!(link_of("lossproof sim x --faults 'v2; seed 3; link 5ms; a>b #1 drop'"), Some(millis(5)));
        assert_eq!(link_of("lossproof sim x"), None);
    }
}
