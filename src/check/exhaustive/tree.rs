//! The tree of schedules: each is its parent with one more fault, at a send after all the parent's own.

use super::limit::Room;
use super::states::Seen;
use crate::engine::Sent;
use crate::fault::Resolved;

/// The runs that can have children. Numbered as they were made: level by level, and the children of one together.
#[derive(Debug, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    parent: u32,
    /// What it has beside its parent; none at the root.
    fault: Option<Resolved>,
    /// None if its children are not in the tree, for they have none.
    first_child: Option<u32>,
    /// How many it has.
    children: u32,
    /// Where it was broken off, for from there on it is another.
    tail: Option<Seen>,
}

/// The runs of one level, with what they sent.
#[derive(Debug, Default)]
pub(super) struct Level {
    /// Each run with where its sends end.
    runs: Vec<(u32, usize)>,
    sends: Vec<Sent>,
    /// How many children they have.
    pub(super) children: u64,
}

impl Level {
    /// Adds a run; false if there is no room for its sends.
    pub(super) fn push(&mut self, run: u32, sends: &[Sent], children: u32, room: Room) -> bool {
        if sends.len() > room.sends.saturating_sub(self.sends.len()) {
            return false;
        }
        self.sends.extend_from_slice(sends);
        self.runs.push((run, self.sends.len()));
        self.children += u64::from(children);
        true
    }

    /// The runs, each with its sends.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &[Sent])> {
        let mut begin = 0;
        self.runs.iter().map(move |&(run, end)| (run, &self.sends[std::mem::replace(&mut begin, end)..end]))
    }
}

impl Tree {
    /// Adds a run; gives its number, or none if there is no room for it.
    pub(super) fn push(
        &mut self,
        (parent, fault): (u32, Option<Resolved>),
        children: u32,
        tail: Option<Seen>,
        room: Room,
    ) -> Option<u32> {
        let run = self.nodes.len();
        if run >= room.branches {
            return None;
        }
        self.nodes.push(Node { parent, fault, first_child: None, children, tail });
        Some(run as u32)
    }

    /// Notes that the children of a run are those that are added next.
    pub(super) fn open(&mut self, run: u32) {
        self.nodes[run as usize].first_child = Some(self.nodes.len() as u32);
    }

    /// The faults of a run, in the order of their sends: those of its parent, and its own, if it has one.
    pub(super) fn decisions(&self, mut parent: u32, own: Option<Resolved>, to: &mut Vec<Resolved>) {
        to.clear();
        let mut next = own;
        while let Some(fault) = next {
            to.push(fault);
            next = self.nodes[parent as usize].fault;
            parent = self.nodes[parent as usize].parent;
        }
        to.reverse();
    }

    /// How many schedules of at most `max_faults` faults there are, with those that were left out because they go on as
    /// others do. All runs of fewer faults must be in the tree.
    ///
    /// With `j` more faults, a run has as many schedules from one of its states on as its children from there on have
    /// with `j - 1`, and if it was broken off, those of the other run from the equal state on.
    pub(super) fn schedules(&self, max_faults: usize) -> u64 {
        let mut counts = vec![1_u64; self.nodes.len()];
        let mut sum = 1_u64;
        for faults in 1..=max_faults {
            let younger = self.with_younger(&counts);
            // From its child number `offset` on, without its tail.
            let own = |run: u32, offset: u32| {
                let node = &self.nodes[run as usize];
                match node.first_child {
                    _ if offset >= node.children => 0,
                    Some(first) => younger[(first + offset) as usize],
                    // Its children have none, and are not here.
                    None if faults == 1 => u64::from(node.children - offset),
                    None => 0,
                }
            };
            let mut tails = vec![0; self.nodes.len()];
            for (run, node) in self.nodes.iter().enumerate() {
                if let Some(Seen { run: other, offset, .. }) = node.tail {
                    tails[run] = own(other, offset).saturating_add(tails[other as usize]);
                }
                counts[run] = own(run as u32, 0).saturating_add(tails[run]);
            }
            sum = sum.saturating_add(counts[0]);
        }
        sum
    }

    /// For each run the sum of its count and those of the siblings after it.
    fn with_younger(&self, counts: &[u64]) -> Vec<u64> {
        let mut sums = counts.to_vec();
        for node in &self.nodes {
            if let Some(first) = node.first_child {
                let children = first as usize..(first + node.children) as usize;
                for child in children.rev().skip(1) {
                    sums[child] = sums[child].saturating_add(sums[child + 1]);
                }
            }
        }
        sums
    }
}
