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

    /// About how long the answer takes, with the warm-up.
    pub fn takes(&self, plan: &Plan) -> Duration {
        let measurements = self.rounds.min(plan.rounds) * self.peers.len();
        plan.slice * self.slices * 11 / 10 * measurements as u32
    }

    /// Measures the peers in turn, A B C, A B C, …, so that what slows one down slows them all down.
    pub fn ask(self, plan: &Plan) -> Row {
        let (length, mut samples) = (plan.slice * self.slices, Vec::new());
        let others = others_busy(|| {
            for _ in 0..self.rounds.min(plan.rounds) {
                let round = self.peers.iter().map(|(_, measure)| measure(length));
                samples.push(round.collect());
            }
        });
        Row {
            question: self,
            samples,
            others,
        }
    }
}

/// How much is measured.
pub struct Plan {
    pub rounds: usize,
    pub slice: Duration,
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
        let more_is_better = self.question.aspects[aspect].more_is_better;
        self.median(|round| {
            let (ours, theirs) = (round[0].figures[aspect], round[peer].figures[aspect]);
            if more_is_better {
                ours / theirs
            } else {
                theirs / ours
            }
        })
    }

    /// The peer that does best against us.
    pub fn best(&self, aspect: usize) -> Option<usize> {
        let ratio = |&peer: &usize| self.ratio(aspect, peer);
        self.rivals()
            .filter(|peer| !ratio(peer).is_nan())
            .min_by(|a, b| ratio(a).total_cmp(&ratio(b)))
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
