//! A row of the table: one question, put to the peers in turn, and what comes out.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::chart::Chart;
use super::sample::{Aspect, Sample};
use super::wait_times;
use crate::common::lock::{Bare, Lock};
use crate::common::side_by_side::{median, others_busy};

/// Measures one peer for so long.
pub type Measure = Box<dyn Fn(Duration) -> Sample>;

/// Who is compared: each one's name, and how to measure it. Ours comes first.
pub type Peers = Vec<(&'static str, Measure)>;

/// What ours should reach in the first aspect.
pub enum Wanted {
    /// So many times better than the peer of this name.
    Times(f64, &'static str),
    /// No more than this.
    AtMost(f64),
}

/// A question, and how to answer it.
pub struct Question {
    pub name: String,
    pub aspects: &'static [Aspect],
    pub peers: Peers,
    /// What ours should reach.
    pub wanted: Vec<Wanted>,
    /// How many slices of time one measurement takes.
    pub slices: u32,
    /// At most so many rounds.
    pub rounds: usize,
    /// The primitive whose regret it counts towards.
    pub family: Option<Family>,
    /// Whether it is one of the mutex's matrix.
    pub in_matrix: bool,
    /// The picture that shows it, and where.
    pub drawn: Option<(&'static Chart, f64)>,
}

impl Question {
    /// A question with one measurement a slice and as many rounds as the options say.
    pub fn new(name: impl Into<String>, aspects: &'static [Aspect], peers: Peers) -> Self {
        Self {
            name: name.into(),
            aspects,
            peers,
            wanted: Vec::new(),
            slices: 1,
            rounds: usize::MAX,
            family: None,
            in_matrix: false,
            drawn: None,
        }
    }

    /// Longer measurements, where more threads have to have their turn on the processor.
    pub fn with_threads(self, threads: usize) -> Self {
        self.slices(if threads > 4 { 2 } else { 1 })
    }

    /// Measurements of so many slices.
    pub fn slices(self, slices: u32) -> Self {
        Self { slices, ..self }
    }

    /// No more rounds than these.
    pub fn rounds(self, rounds: usize) -> Self {
        Self { rounds, ..self }
    }

    /// Counts towards the regret of a primitive.
    pub fn family(self, family: Family) -> Self {
        let family = Some(family);
        Self { family, ..self }
    }

    /// With one more thing that ours should reach.
    pub fn wanted(mut self, wanted: Wanted) -> Self {
        self.wanted.push(wanted);
        self
    }

    /// Shown in a picture.
    pub fn drawn(self, chart: &'static Chart, x: f64) -> Self {
        let drawn = Some((chart, x));
        Self { drawn, ..self }
    }

    /// About how long the answer takes, with the warm-up, if it is decided at once.
    pub fn takes(&self, plan: &Plan) -> Duration {
        let measurements = self.rounds.min(plan.rounds) * self.peers.len();
        plan.slice * self.slices * 11 / 10 * measurements as u32
    }

    /// Measures the peers in turn, A B C, A B C, …, so that what slows one down slows them all down;
    /// and goes on while the quartiles of the ratio span the verdict, up to a limit.
    pub fn ask(self, plan: &Plan) -> Row {
        let length = plan.slice * self.slices;
        let least = self.rounds.min(plan.rounds);
        let most = self.rounds.min(plan.rounds * plan.extension);
        let mut row = Row {
            question: self,
            samples: Vec::new(),
            others: 0.0,
        };
        row.others = others_busy(|| {
            while row.samples.len() < least || (row.samples.len() < most && row.is_undecided()) {
                let peers = row.question.peers.iter();
                let round = peers.map(|(_, measure)| measure(length)).collect();
                row.samples.push(round);
            }
        });
        row
    }
}

/// How much is measured.
pub struct Plan {
    /// How often each peer has its turn, at least.
    pub rounds: usize,
    /// How many times as often, at most, where the verdict is open.
    pub extension: usize,
    /// How long a turn takes.
    pub slice: Duration,
}

/// The primitives, each of which has a regret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    Mutex,
    RwLock,
    Condvar,
    Semaphore,
}

/// The locks that a user would otherwise pick.
pub const USUAL: [&str; 3] = ["std", "parking_lot", "usync"];

/// How a row compares ours with a peer: the quartiles of the ratio, measured in the same round.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Quartiles {
    pub first: f64,
    pub median: f64,
    pub third: f64,
}

impl Quartiles {
    /// Whether they lie on both sides of being level.
    pub fn span_the_verdict(self) -> bool {
        self.first < 1.0 && self.third > 1.0
    }
}

/// A question and its answer.
pub struct Row {
    pub question: Question,
    /// Of each round, one for each peer.
    samples: Vec<Vec<Sample>>,
    /// How many processors other processes kept busy meanwhile.
    pub others: f64,
}

impl Row {
    /// Whether this picture shows it.
    pub fn is_in(&self, chart: &Chart) -> bool {
        self.question.drawn.is_some_and(|(drawn, _)| drawn == chart)
    }

    /// The median over the rounds.
    pub fn figure(&self, aspect: usize, peer: usize) -> f64 {
        self.median(|round| round[peer].figures[aspect])
    }

    /// How many times better we are than the peer, both measured in the same round; the median.
    pub fn ratio(&self, aspect: usize, peer: usize) -> f64 {
        self.quartiles(aspect, peer).median
    }

    /// The quartiles of that.
    pub fn quartiles(&self, aspect: usize, peer: usize) -> Quartiles {
        let mut ratios: Vec<_> = self.ratios(aspect, 0, peer).collect();
        ratios.sort_by(f64::total_cmp);
        let at = |quarter: usize| ratios[(quarter * ratios.len() / 4).min(ratios.len() - 1)];
        Quartiles {
            first: at(1),
            median: at(2),
            third: at(3),
        }
    }

    /// Of each round, how many times better one peer is than another.
    fn ratios(&self, aspect: usize, one: usize, other: usize) -> impl Iterator<Item = f64> {
        let more_is_better = self.question.aspects[aspect].more_is_better;
        self.samples.iter().map(move |round| {
            let (one, other) = (round[one].figures[aspect], round[other].figures[aspect]);
            if more_is_better {
                one / other
            } else {
                other / one
            }
        })
    }

    /// The peer that does best against us.
    pub fn best(&self, aspect: usize) -> Option<usize> {
        self.best_of(aspect, self.rivals())
    }

    /// The one that does best against us of those that a user would otherwise pick.
    pub fn best_of_usual(&self, aspect: usize) -> Option<usize> {
        let usual = |peer: &usize| USUAL.contains(&self.question.peers[*peer].0);
        self.best_of(aspect, self.rivals().filter(usual))
    }

    fn best_of(&self, aspect: usize, peers: impl Iterator<Item = usize>) -> Option<usize> {
        let ratio = |&peer: &usize| self.ratio(aspect, peer);
        peers
            .filter(|peer| !ratio(peer).is_nan())
            .min_by(|a, b| ratio(a).total_cmp(&ratio(b)))
    }

    /// Whether the first aspect's quartiles do not tell if ours is better than the best peer.
    pub fn is_undecided(&self) -> bool {
        let best = self.best(0);
        best.is_some_and(|best| self.quartiles(0, best).span_the_verdict())
    }

    /// How far the peer is from the best of this row, in the first aspect: its figure divided by the
    /// best one's, 1 for the best itself; the median of the rounds.
    pub fn regret(&self, peer: usize) -> Option<f64> {
        let figure = |peer| self.figure(0, peer);
        let known = (0..self.question.peers.len())
            .filter(|&peer| self.question.peers[peer].0 != Bare::NAME && !figure(peer).is_nan());
        let more_is_better = self.question.aspects[0].more_is_better;
        let best = known.max_by(|&a, &b| match more_is_better {
            true => figure(a).total_cmp(&figure(b)),
            false => figure(b).total_cmp(&figure(a)),
        })?;
        let regret = median(self.ratios(0, peer, best));
        (!regret.is_nan()).then_some(regret.min(1.0))
    }

    /// Processor seconds for a million operations, where they were measured; the median.
    pub fn cpu(&self, peer: usize) -> Option<f64> {
        self.samples[0][peer].cpu?;
        Some(self.median(|round| round[peer].cpu.unwrap_or(f64::NAN)))
    }

    /// Our processor time for an operation divided by the peer's, in the same round; the median.
    pub fn cpu_ratio(&self, peer: usize) -> Option<f64> {
        self.samples[0][0].cpu?;
        let cpu = |sample: &Sample| sample.cpu.unwrap_or(f64::NAN);
        Some(self.median(|round| cpu(&round[0]) / cpu(&round[peer])))
    }

    /// Our processor time divided by that of the peer that needs least.
    pub fn cpu_ratio_to_least(&self) -> Option<f64> {
        self.rivals()
            .filter_map(|peer| self.cpu_ratio(peer))
            .max_by(f64::total_cmp)
    }

    /// The peer's waits in all rounds together.
    pub fn waits(&self, peer: usize) -> Histogram<u64> {
        let of_rounds = self
            .samples
            .iter()
            .filter_map(|round| round[peer].waits.as_ref());
        of_rounds.fold(wait_times::histogram(), |mut all, waits| {
            all.add(waits).expect("all have the same bounds");
            all
        })
    }

    /// All but ourselves, and the floor, which is no lock that one could use.
    fn rivals(&self) -> impl Iterator<Item = usize> {
        (1..self.question.peers.len()).filter(|&peer| self.question.peers[peer].0 != Bare::NAME)
    }

    fn median(&self, of_round: impl Fn(&[Sample]) -> f64) -> f64 {
        median(self.samples.iter().map(|round| of_round(round)))
    }
}
