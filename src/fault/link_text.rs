//! Profiles as text: by name, or by what is said of a link.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::span::{Span, SpanError, parse_span};
use super::{Bandwidth, Bursts, Chance, ChanceError, Profile, ReadTrace, Spread, no_file};

/// Why a text is no profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// No profile has this name.
    #[error("unknown profile '{0}'; the profiles are {names}", names = names())]
    Name(String),
    /// The text says something of the link that is not understood.
    #[error("cannot use '{item}': {why}")]
    Item {
        /// What is said.
        item: String,
        /// What is wrong with it.
        why: LinkProblem,
    },
}

/// What is wrong with one thing that is said of a link.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkProblem {
    /// The first word is not known.
    #[error("a link has {words}", words = FORMS.map(|(word, _)| word).join(", "))]
    Word,
    /// Its values are not as they should be.
    #[error("write '{0}'")]
    Form(&'static str),
    /// A probability is none.
    #[error(transparent)]
    Chance(#[from] ChanceError),
    /// A span is none.
    #[error(transparent)]
    Span(#[from] SpanError),
    /// The trace that it names cannot be had.
    #[error("{0}")]
    Trace(String),
    /// It is a second rate.
    #[error("a link has one rate")]
    SecondRate,
    /// It is said twice.
    #[error("it is said before")]
    Twice,
}

fn names() -> String {
    Profile::NAMED.map(|(name, _)| name).join(", ")
}

/// What can be said of a link, and how.
const FORMS: [(&str, &str); 17] = [
    ("latency", "latency SPAN"),
    ("loss", "loss P"),
    ("bursts", "bursts GOOD-TO-BAD BAD-TO-GOOD [LOSS-IN-BAD [LOSS-IN-GOOD]]"),
    ("duplicate", "duplicate P"),
    ("corrupt", "corrupt P"),
    ("jitter", "jitter SPAN, in whole milliseconds"),
    ("spread", "spread 0% SPAN … 100% SPAN, each pair no less than the one before, 8 at most"),
    ("reorder", "reorder P SPAN"),
    ("rate", "rate BITS-A-SECOND queue BYTES"),
    ("trace", "trace @FILE queue BYTES"),
    ("mtu", "mtu BYTES"),
    ("cut", "cut P"),
    ("reset", "reset P"),
    ("refuse", "refuse P"),
    ("silence", "silence P"),
    ("mark", "mark P"),
    ("bleach", "bleach P"),
];

impl FromStr for Profile {
    type Err = ProfileError;

    /// The profile of this name, or what is said of a link, with semicolons between: `latency 20ms; loss 1%`. The first may
    /// be a name, too, from which the link then differs: `wifi; loss 5%`. The form is that of [`Profile`]'s `Display`.
    fn from_str(text: &str) -> Result<Self, ProfileError> {
        Self::read(text, &mut no_file)
    }
}

impl Profile {
    /// Reads the text of a link as `FromStr` does, and asks for the trace that it names by its file.
    ///
    /// # Errors
    /// [`ProfileError`] if the text is no link, or the trace cannot be had.
    pub fn read(text: &str, traces: ReadTrace<'_>) -> Result<Self, ProfileError> {
        let mut items = text.split(';').map(str::trim).filter(|item| !item.is_empty()).peekable();
        let mut profile = Self::CALM;
        // A single word is a name, and nothing at all is none.
        let name = items
            .next_if(|item| !item.contains(char::is_whitespace))
            .or(items.peek().is_none().then_some(text));
        if let Some(name) = name {
            let named = Self::NAMED.into_iter().find(|(known, _)| *known == name);
            profile = named.map(|(_, profile)| profile).ok_or_else(|| ProfileError::Name(name.to_owned()))?;
        }
        let mut said: Vec<&str> = Vec::new();
        for item in items {
            let problem = |why| ProfileError::Item { item: item.to_owned(), why };
            let mut words = item.split_whitespace();
            let word = words.next().unwrap_or_default();
            if said.contains(&word) {
                return Err(problem(LinkProblem::Twice));
            }
            said.push(word);
            if said.contains(&"rate") && said.contains(&"trace") {
                return Err(problem(LinkProblem::SecondRate));
            }
            profile.set(word, &words.collect::<Vec<_>>(), traces).map_err(problem)?;
        }
        Ok(profile)
    }
}

impl Profile {
    /// Takes over one thing that is said of a link.
    fn set(&mut self, word: &str, values: &[&str], traces: ReadTrace<'_>) -> Result<(), LinkProblem> {
        let form = FORMS.into_iter().find(|(known, _)| *known == word).ok_or(LinkProblem::Word)?.1;
        let form = LinkProblem::Form(form);
        let chance = |text: &str| text.parse::<Chance>().map_err(LinkProblem::from);
        match (word, values) {
            ("latency", [span]) => self.latency = parse_span(span)?,
            ("loss", [p]) => self.loss = chance(p)?,
            ("bursts", [begin, end, losses @ ..]) if losses.len() <= 2 => {
                self.bursts = Bursts {
                    good_to_bad: chance(begin)?,
                    bad_to_good: chance(end)?,
                    loss_in_bad: losses.first().map_or(Ok(Chance::ALWAYS), |p| chance(p))?,
                    loss_in_good: losses.get(1).map_or(Ok(Chance::NEVER), |p| chance(p))?,
                };
            }
            ("duplicate", [p]) => self.duplicate = chance(p)?,
            ("corrupt", [p]) => self.corrupt = chance(p)?,
            ("jitter", [span]) => {
                let is_whole = |span: &Duration| span.as_nanos().is_multiple_of(1_000_000);
                self.jitter = Some(parse_span(span)?).filter(is_whole).ok_or(form)?;
            }
            ("spread", spans) => {
                let (pairs, []) = spans.as_chunks::<2>() else { return Err(form) };
                let knot =
                    |[share, late]: &[&str; 2]| Ok::<_, LinkProblem>((chance(share)?, parse_span(late)?));
                let knots = pairs.iter().map(knot).collect::<Result<Vec<_>, _>>()?;
                self.spread = Spread::new(&knots).ok_or(form)?;
            }
            ("reorder", [p, span]) => (self.reorder, self.reorder_by) = (chance(p)?, parse_span(span)?),
            ("rate", [bits, "queue", bytes]) => {
                let bits = bits.parse().ok().filter(|bits| *bits > 0);
                let (Some(bits), Ok(bytes)) = (bits, bytes.parse()) else { return Err(form) };
                self.bandwidth = Some(Bandwidth::bits(bits, bytes));
            }
            ("trace", [file, "queue", bytes]) => {
                let (Some(path), Ok(bytes)) = (file.strip_prefix('@'), bytes.parse()) else {
                    return Err(form);
                };
                self.bandwidth = Some(Bandwidth::trace(traces(path).map_err(LinkProblem::Trace)?, bytes));
            }
            ("mtu", [bytes]) => self.mtu = Some(bytes.parse().map_err(|_| form)?),
            ("cut", [p]) => self.cut = chance(p)?,
            ("reset", [p]) => self.reset = chance(p)?,
            ("refuse", [p]) => self.refuse = chance(p)?,
            ("silence", [p]) => self.silence = chance(p)?,
            ("mark", [p]) => self.mark = chance(p)?,
            ("bleach", [p]) => self.bleach = chance(p)?,
            _ => return Err(form),
        }
        Ok(())
    }
}

/// How the link differs from one that leaves every packet alone, as `FromStr` reads it. Faults of hosts have no text:
/// they are no matter of a link.
impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut items: Vec<String> = Vec::new();
        let mut add = |is_said: bool, item: &dyn Fn() -> String| {
            if is_said {
                items.push(item());
            }
        };
        let happens = |chance: Chance| chance != Chance::NEVER;
        add(!self.latency.is_zero(), &|| format!("latency {}", Span(self.latency)));
        add(happens(self.loss), &|| format!("loss {}", self.loss));
        add(self.bursts != Bursts::NONE, &|| bursts_text(&self.bursts));
        add(happens(self.duplicate), &|| format!("duplicate {}", self.duplicate));
        add(happens(self.corrupt), &|| format!("corrupt {}", self.corrupt));
        add(!self.jitter.is_zero(), &|| format!("jitter {}", Span(self.jitter)));
        add(self.spread != Spread::NONE, &|| {
            let knots = self.spread.points().map(|(share, late)| format!(" {share} {}", Span(late)));
            format!("spread{}", knots.collect::<String>())
        });
        let reorder = (self.reorder, self.reorder_by) != (Chance::NEVER, Duration::ZERO);
        add(reorder, &|| format!("reorder {} {}", self.reorder, Span(self.reorder_by)));
        if let Some(bandwidth) = self.bandwidth {
            add(true, &|| bandwidth.to_string());
        }
        if let Some(mtu) = self.mtu {
            add(true, &|| format!("mtu {mtu}"));
        }
        let others = [
            ("cut", self.cut),
            ("reset", self.reset),
            ("refuse", self.refuse),
            ("silence", self.silence),
            ("mark", self.mark),
            ("bleach", self.bleach),
        ];
        for (word, chance) in others {
            add(happens(chance), &|| format!("{word} {chance}"));
        }
        // A link that leaves every packet alone has to be said, too.
        if items.is_empty() {
            items.push(format!("loss {}", Chance::NEVER));
        }
        f.write_str(&items.join("; "))
    }
}

fn bursts_text(bursts: &Bursts) -> String {
    let chances = [bursts.good_to_bad, bursts.bad_to_good, bursts.loss_in_bad, bursts.loss_in_good];
    // What loses all in its bad state, and nothing in its good one, is the usual.
    let said = match (bursts.loss_in_bad, bursts.loss_in_good) {
        (Chance::ALWAYS, Chance::NEVER) => 2,
        (_, Chance::NEVER) => 3,
        _ => 4,
    };
    let words: Vec<String> = chances[..said].iter().map(Chance::to_string).collect();
    format!("bursts {}", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_is_read_as_it_is_written() {
        let knots = [(0, 0), (50, 0), (98, 5), (98, 7), (100, 9_000)];
        let knots = knots.map(|(share, late)| (Chance::percent(share), Duration::from_micros(late)));
        let spread = Spread::new(&knots).unwrap();
        let bursts = |h: u32, k: u32| Bursts {
            good_to_bad: Chance::permille(3),
            bad_to_good: Chance::percent(33),
            loss_in_bad: Chance::percent(h),
            loss_in_good: Chance::percent(k),
        };
        let odd = Profile { spread, cut: Chance::percent(3), refuse: Chance::ALWAYS, ..Profile::CALM };
        let ecn = Profile { mark: Chance::percent(7), bleach: Chance::ALWAYS, ..Profile::CALM };
        let others =
            [(90, 2), (90, 0), (100, 0), (100, 1)].map(|(h, k)| Profile { bursts: bursts(h, k), ..odd });
        let named = Profile::NAMED.map(|(_, profile)| profile);
        for profile in named.into_iter().chain(others).chain([odd, ecn, Profile::CALM]) {
            assert_eq!(profile.to_string().parse(), Ok(profile), "{profile}");
        }
        let text = "latency 3ms; bursts 0.336700337% 33.333333333%; jitter 8ms; rate 50000000 queue 131072; mtu 1500";
        assert_eq!(
            Profile::WIFI.to_string(),
            text.replace("0.336700337", "0.3367003").replace("33.333333333", "33.3333333")
        );
    }

    #[test]
    fn a_link_can_differ_from_a_named_one() {
        let link = "wifi; loss 5%; latency 9ms".parse();
        let wanted = Profile { loss: Chance::percent(5), latency: Duration::from_millis(9), ..Profile::WIFI };
        assert_eq!(link, Ok(wanted));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let cases = [
            ("", "unknown profile ''; the profiles are lan, wifi, lte, satellite, lossy, hostile"),
            (
                "wifi; lte",
                "cannot use 'lte': a link has latency, loss, bursts, duplicate, corrupt, jitter, spread, reorder, rate, trace, mtu, cut, reset, refuse, silence, mark, bleach",
            ),
            ("loss 5", "cannot use 'loss 5': '5' is not a probability: write 0% to 100%, or 0 to 1"),
            ("loss 5%; loss 6%", "cannot use 'loss 6%': it is said before"),
            ("latency 5", "cannot use 'latency 5': a span of time needs a unit: ns, us, ms, s or min"),
            ("jitter 5us", "cannot use 'jitter 5us': write 'jitter SPAN, in whole milliseconds'"),
            ("rate 0 queue 1", "cannot use 'rate 0 queue 1': write 'rate BITS-A-SECOND queue BYTES'"),
            ("mtu 65536", "cannot use 'mtu 65536': write 'mtu BYTES'"),
            (
                "spread 0% 0s 90% 1s",
                "cannot use 'spread 0% 0s 90% 1s': write 'spread 0% SPAN … 100% SPAN, each pair no less than the one \
                 before, 8 at most'",
            ),
            (
                "spread 1s 0s",
                "cannot use 'spread 1s 0s': '1s' is not a probability: write 0% to 100%, or 0 to 1",
            ),
        ];
        for (text, why) in cases {
            assert_eq!(text.parse::<Profile>().unwrap_err().to_string(), why);
        }
    }
}
