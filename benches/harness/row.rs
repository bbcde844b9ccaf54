//! A row of the table: one question, put to the peers in turn, and what comes out.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::cell::Cell;
use super::chart::Chart;
use super::sample::{Aspect, Counts, Sample};
use super::wait_times;
use crate::common::side_by_side::others_busy;

/// Measures one peer for so long.
pub type Measure = Box<dyn Fn(Duration) -> Sample>;

/// The locks that are compared: each one's name, and how to measure it. Ours comes first.
pub type Peers = Vec<(&'static str, Measure)>;

/// What ours should reach in the first aspect.
pub enum Wanted {
    /// So many times better than the peer of this name.
    Times(f64, &'static str),
    /// No more than this.
    AtMost(f64),
}

/// The primitives, each of which has a regret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Primitive {
    Mutex,
    RwLock,
    Condvar,
    Semaphore,
}

impl Primitive {
    pub const ALL: [Self; 4] = [Self::Mutex, Self::RwLock, Self::Condvar, Self::Semaphore];

    /// As the names of its rows begin.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mutex => "mutex",
            Self::RwLock => "rwlock",
            Self::Condvar => "condvar",
            Self::Semaphore => "semaphore",
        }
    }
}

/// A question, and how to answer it.
pub struct Question {
    pub name: String,
    pub aspects: Vec<Aspect>,
    pub peers: Peers,
    /// What ours should reach.
    pub wanted: Vec<Wanted>,
    /// How many slices of time one measurement takes.
    pub slices: u32,
    /// At most so many rounds.
    pub rounds: usize,
    /// The primitive in whose regret it counts.
    pub primitive: Option<Primitive>,
    /// Whether it is one of the mutex's matrix.
    pub in_matrix: bool,
    /// The pictures that show it, and where.
    pub drawn: Vec<(&'static Chart, f64)>,
}

impl Question {
    /// A question with one measurement a slice and as many rounds as the options say.
    pub fn new(name: impl Into<String>, aspects: &[Aspect], peers: Peers) -> Self {
        Self {
            name: name.into(),
            aspects: aspects.into(),
            peers,
            wanted: Vec::new(),
            slices: 1,
            rounds: usize::MAX,
            primitive: None,
            in_matrix: false,
            drawn: Vec::new(),
        }
    }

    /// Longer measurements, where more threads have to have their turn on the processor.
    pub fn with_threads(self, threads: usize) -> Self {
        self.slices(match threads {
            ..=4 => 1,
            5..=32 => 2,
            _ => 4,
        })
    }

    /// Measurements of so many slices.
    pub fn slices(self, slices: u32) -> Self {
        Self { slices, ..self }
    }

    /// No more rounds than these.
    pub fn rounds(self, rounds: usize) -> Self {
        Self { rounds, ..self }
    }

    /// Counts in the regret of this primitive.
    pub fn of(self, primitive: Primitive) -> Self {
        let primitive = Some(primitive);
        Self { primitive, ..self }
    }

    /// With one more thing that ours should reach.
    pub fn wanted(mut self, wanted: Wanted) -> Self {
        self.wanted.push(wanted);
        self
    }

    /// Shown in a picture.
    pub fn drawn(mut self, chart: &'static Chart, x: f64) -> Self {
        self.drawn.push((chart, x));
        self
    }

    /// About how long the rounds take that every row has, with the warm-up.
    pub fn takes(&self, plan: &Plan) -> Duration {
        self.round_takes(plan) * self.rounds.min(plan.rounds) as u32
    }

    fn round_takes(&self, plan: &Plan) -> Duration {
        plan.slice * self.slices * 11 / 10 * self.peers.len() as u32
    }

    /// Measures the peers in turn, A B C, B C A, …, so that what slows one down slows them all
    /// down. While a verdict is open it goes on, at most for as long as `spare` and as often as the
    /// plan says.
    pub fn ask(self, plan: &Plan, spare: Duration) -> Row {
        let length = plan.slice * self.slices;
        let least = self.rounds.min(plan.rounds);
        let most = self.rounds.min(plan.rounds * plan.extension);
        let end = Instant::now() + self.takes(plan) + spare;
        let mut row = Row {
            question: self,
            samples: Vec::new(),
            others: 0.0,
        };
        let goes_on = |row: &Row| {
            let rounds = row.samples.len();
            let has_time = || Instant::now() + row.question.round_takes(plan) < end;
            rounds < least || (rounds < most && row.is_undecided() && has_time())
        };
        row.others = others_busy(|| {
            while goes_on(&row) {
                let peers = &row.question.peers;
                let first = row.samples.len() % peers.len();
                let mut round: Vec<_> = (0..peers.len())
                    .map(|turn| peers[(first + turn) % peers.len()].1(length))
                    .collect();
                round.rotate_right(first);
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
    /// At most so many times as often, where the verdict is open.
    pub extension: usize,
    /// How long a turn takes, where a row does not need a longer one.
    pub slice: Duration,
    /// How long all rows together may take, but for the rounds that every row has.
    pub budget: Duration,
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
    /// Where this picture shows it.
    pub fn place_in(&self, chart: &Chart) -> Option<f64> {
        let mut drawn = self.question.drawn.iter();
        drawn.find_map(|(drawn, x)| (*drawn == chart).then_some(*x))
    }

    /// What all peers reached in one aspect.
    pub fn cell(&self, aspect: usize) -> Cell {
        let of_round = |round: &Vec<Sample>| {
            let figures = round.iter().map(|sample| sample.figures.get(aspect));
            figures
                .map(|figure| figure.copied().unwrap_or(f64::NAN))
                .collect()
        };
        let Aspect {
            name,
            more_is_better,
            ..
        } = self.question.aspects[aspect];
        Cell {
            name: format!("{}{name}", self.question.name),
            peers: self.question.peers.iter().map(|(name, _)| *name).collect(),
            more_is_better,
            rounds: self.samples.iter().map(of_round).collect(),
        }
    }

    /// The cells of the aspects that count in this.
    pub fn cells(&self, counts: Counts) -> impl Iterator<Item = Cell> {
        let aspects = self.question.aspects.iter().enumerate();
        aspects
            .filter(move |(_, aspect)| aspect.counts == counts)
            .map(|(index, _)| self.cell(index))
    }

    /// Whether a cell that counts in the regret is undecided.
    fn is_undecided(&self) -> bool {
        self.cells(Counts::Speed).any(|cell| cell.is_undecided())
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
}
