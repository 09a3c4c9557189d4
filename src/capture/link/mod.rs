//! Links that are fitted to captures: what a flow went through, as a [`Profile`] that any scenario can have.
//!
//! A capture shows losses and delays by one of these:
//!
//! - by the comments of a capture that was [exported](super::export): what became of each packet, exactly;
//! - by TCP: it sends lost segments again, and an acknowledgment ends a round trip;
//! - by requests and replies over UDP, one at a time: a request without a reply was lost, or its reply was;
//! - by numbers that datagrams carry, one after another, where they were captured at their receiver.
//!
//! Losses are fitted by three models: single ones, bursts in which all is lost (Gilbert), and bursts in which some is lost,
//! with single ones between (Gilbert and Elliott). The one with the least Bayesian information criterion is taken: the
//! simplest, unless another one explains much more. Delays become a [distribution](crate::fault::Spread).

mod bursts;
mod comments;
mod evidence;
mod numbers;
mod segments;

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::explain::{Flow, listed, sort};
use super::{Capture, Frame};
use crate::fault::{Bursts, Chance, Profile, Spread};
use bursts::Model;
use evidence::{Evidence, Fate, Side};

/// What shows losses and delays in a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Told {
    /// The comments of the packets.
    Comments,
    /// What TCP sent again, and what it acknowledged.
    Segments,
    /// Requests, and their replies.
    RoundTrips,
    /// Numbers in the datagrams.
    Numbers,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Comments => "by the comments of the packets",
            Self::Segments => "by what TCP sent again and acknowledged; the time of a round trip is halved",
            Self::RoundTrips => {
                "by requests without a reply; the losses and the time of a round trip are halved between its directions"
            }
            Self::Numbers => "by the numbers in the datagrams; these do not tell how late they are",
        })
    }
}

/// What was measured, and its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The value.
    pub value: f64,
    /// How far off it is in two of three captures of this length.
    pub error: f64,
}

/// What was measured of one direction, or of round trips.
#[derive(Clone, Debug, PartialEq)]
pub struct Direction {
    /// Who sent the packets.
    pub from: SocketAddr,
    /// The number of packets whose loss or arrival the capture shows.
    pub packets: usize,
    /// How many of them were lost.
    pub lost: usize,
    /// Which share that is.
    pub loss: Measured,
    /// How many were lost in a row on average, if any were.
    pub burst_len: Option<Measured>,
    /// The measured link. Its latency is zero if the capture does not show it.
    pub profile: Profile,
}

/// The link that a flow went through.
#[derive(Clone, Debug, PartialEq)]
pub struct FittedLink {
    /// The flow.
    pub flow: Flow,
    /// What showed it.
    pub told: Told,
    /// Each direction of which something is known, the client's first. [`Links::direction`](crate::fault::Links) gives each
    /// host its own.
    pub directions: Vec<Direction>,
    /// One link for both directions.
    pub profile: Profile,
}

/// Why no link can be fitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// There are several flows.
    #[error("there are {} flows: choose one by its number: {}", .0.len(), listed(.0))]
    SeveralFlows(Vec<Flow>),
    /// There is no flow.
    #[error("there is neither UDP nor TCP in the capture")]
    NoFlow,
    /// There is no flow of this number.
    #[error("there is no flow {number}: {}", listed(.there))]
    FlowNumber {
        /// The number.
        number: usize,
        /// What flows there are.
        there: Vec<Flow>,
    },
    /// Nothing in the flow shows what was lost.
    #[error(
        "nothing in the flow {0} tells what was lost: it takes TCP, requests with replies one at a time, or numbered datagrams"
    )]
    NothingTold(Flow),
}

/// Fits a link to a flow: to the only one, or to the one of this number, from 1.
///
/// ```
/// use lossproof::capture;
/// use lossproof::engine::{Engine, Settings};
/// use lossproof::fault::{Chance, Profile};
/// use lossproof::systems::{Options, udp_remote};
/// use lossproof::Scenario;
///
/// let scenario = Scenario::from(udp_remote::net(&Options::default()));
/// let mut engine = Engine::new(&scenario);
/// engine.run(&Settings { profile: Profile::WIFI, ..Settings::default() });
/// let captured = capture::read(&capture::export(&engine.transcript(), ""))?;
///
/// let link = capture::fit_link(&captured, None)?;
/// let again: Profile = link.profile.to_string().parse()?;
/// assert_eq!(again, link.profile);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the capture has no such flow, or nothing in it shows what was lost.
pub fn fit_link(capture: &Capture, flow: Option<usize>) -> Result<FittedLink, LinkError> {
    let sorted = sort(&capture.frames, |_| false);
    let place = match (flow, sorted.flows.len()) {
        (_, 0) => return Err(LinkError::NoFlow),
        (None, 1) => 0,
        (None, _) => return Err(LinkError::SeveralFlows(sorted.flows)),
        (Some(number), count) if (1..=count).contains(&number) => number - 1,
        (Some(number), _) => return Err(LinkError::FlowNumber { number, there: sorted.flows }),
    };
    let of_flow = capture.frames.iter().zip(&sorted.places).filter(|(_, (other, _))| *other == place);
    let mut frames: Vec<(&Frame, bool)> = of_flow.map(|(frame, (_, is_up))| (frame, *is_up)).collect();
    frames.sort_by_key(|(frame, _)| frame.at);
    let flow = sorted.flows[place].clone();
    let Some(evidence) = evidence::of(flow.transport, &frames, capture.replay.as_deref()) else {
        return Err(LinkError::NothingTold(flow));
    };
    Ok(fitted(flow, &evidence))
}

fn fitted(flow: Flow, evidence: &Evidence) -> FittedLink {
    let Evidence { told, sides, latency } = evidence;
    let is_round_trip = *told == Told::RoundTrips;
    let profile = |sides: &[&Side]| {
        let losses: Vec<Vec<bool>> = sides.iter().map(|side| side.losses()).collect();
        let (count, [duplicated, altered]) = sides.iter().fold((0, [0, 0]), |(count, odd), side| {
            (count + side.fates.len(), [odd[0] + side.duplicated, odd[1] + side.altered])
        });
        let (loss, bursts) = match bursts::fit(&losses) {
            Model::Single(loss) => (share(loss), Bursts::NONE),
            Model::Bursts(bursts) => (Chance::NEVER, bursts),
        };
        let part = |times: usize| share(times as f64 / count.max(1) as f64);
        let link = Profile {
            latency: latency.unwrap_or_default(),
            loss,
            bursts,
            duplicate: part(duplicated),
            corrupt: part(altered),
            spread: Spread::of(sides.iter().flat_map(|side| side.lateness())),
            ..Profile::CALM
        };
        if is_round_trip { halved(&link) } else { link }
    };
    let all: Vec<&Side> = sides.iter().filter(|side| !side.fates.is_empty()).collect();
    let directions = all.iter().map(|side| direction(side, &flow, profile(&[side]))).collect();
    let profile = profile(&all);
    FittedLink { flow, told: *told, directions, profile }
}

fn direction(side: &Side, flow: &Flow, profile: Profile) -> Direction {
    let losses = side.losses();
    let counts = bursts::Counts::of(&[losses]);
    Direction {
        from: if side.is_up { flow.client } else { flow.server },
        packets: counts.packets,
        lost: counts.lost,
        loss: counts.loss(),
        burst_len: counts.burst_len(),
        profile,
    }
}

/// A link that loses as many round trips: each direction has half of the losses.
fn halved(link: &Profile) -> Profile {
    let half = |chance: Chance| share(1.0 - (1.0 - chance.as_f64()).sqrt());
    let Bursts { good_to_bad, loss_in_good, .. } = link.bursts;
    let bursts = Bursts { good_to_bad: half(good_to_bad), loss_in_good: half(loss_in_good), ..link.bursts };
    Profile { loss: half(link.loss), bursts, ..*link }
}

/// A share as a chance.
fn share(share: f64) -> Chance {
    Chance::share(share.clamp(0.0, 1.0)).unwrap_or_default()
}

/// How late each of these times is, half of it: they are of round trips, and the shortest is not late.
fn halves_beyond(shortest: Duration, times: &[Duration]) -> Vec<Fate> {
    times.iter().map(|time| Fate::Came(Some(time.saturating_sub(shortest) / 2))).collect()
}
