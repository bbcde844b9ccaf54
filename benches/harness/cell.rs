//! A cell: what all peers reached in one respect, round by round, and how they compare.

use super::statistics::{Quartiles, Verdict, geometric_mean, median};

/// The locks that a user would otherwise pick.
pub const USUAL: [&str; 3] = ["std", "parking_lot", "usync"];

/// A peer that shows the least that any lock costs, and is no lock to choose.
pub const FLOOR: &str = "bare";

/// No lock is regretted more than a thousandfold: one that did nothing in a short slice might have
/// done something in a longer one.
const MOST_REGRET: f64 = 1e-3;

/// With which peers one is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Among {
    Usual,
    All,
}

/// What all peers reached in one respect.
pub struct Cell {
    pub name: String,
    /// Ours comes first.
    pub peers: Vec<&'static str>,
    pub more_is_better: bool,
    /// Of each round, a figure for each peer; NaN where it could not be measured.
    pub rounds: Vec<Vec<f64>>,
}

impl Cell {
    /// The peer's figure: the median of the rounds.
    pub fn figure(&self, peer: usize) -> f64 {
        median(self.rounds.iter().map(|round| round[peer]))
    }

    /// How many times better one peer is than another, both in the same round.
    pub fn ratio(&self, one: usize, other: usize) -> Option<Quartiles> {
        Quartiles::of(self.rounds.iter().map(|round| {
            if self.more_is_better {
                round[one] / round[other]
            } else {
                round[other] / round[one]
            }
        }))
    }

    /// The other peer that does best against this one, and how many times better than it this one
    /// is.
    pub fn best_against(&self, peer: usize, among: Among) -> Option<(usize, Quartiles)> {
        let is_rival = |&other: &usize| {
            let name = self.peers[other];
            other != peer && name != FLOOR && (among == Among::All || USUAL.contains(&name))
        };
        let rivals = (0..self.peers.len()).filter(is_rival);
        rivals
            .filter_map(|other| Some((other, self.ratio(peer, other)?)))
            .min_by(|(_, a), (_, b)| a.median.total_cmp(&b.median))
    }

    /// Ours against the best of those.
    pub fn ours(&self, among: Among) -> Option<Quartiles> {
        self.best_against(0, among).map(|(_, quartiles)| quartiles)
    }

    /// Whether it is open if ours is better than the best of the usual, or than the best of all.
    pub fn is_undecided(&self) -> bool {
        let is_open = |among| {
            self.ours(among)
                .is_some_and(|ours| ours.verdict() == Verdict::Undecided)
        };
        is_open(Among::Usual) || is_open(Among::All)
    }

    fn peer(&self, name: &str) -> Option<usize> {
        self.peers.iter().position(|peer| *peer == name)
    }
}

/// What is lost by choosing one peer for all cells.
#[derive(Clone, PartialEq, Debug)]
pub struct Regret {
    pub peer: &'static str,
    /// The geometric mean of its figure divided by the best figure of the cell.
    pub mean: f64,
    /// The smallest of these quotients among the cells where another peer is better for certain,
    /// and the cell's name; none if there is no such cell.
    pub worst: Option<(f64, String)>,
}

impl Regret {
    /// That of a peer that every cell has.
    fn of(peer: &'static str, cells: &[&Cell]) -> Option<Self> {
        let of_cell = |cell: &&Cell| {
            let (_, ratio) = cell.best_against(cell.peer(peer)?, Among::All)?;
            Some((ratio, cell.name.clone()))
        };
        let of_cells: Option<Vec<_>> = cells.iter().map(of_cell).collect();
        let of_cells = of_cells?;
        let quotient = |ratio: &Quartiles| ratio.median.clamp(MOST_REGRET, 1.0);
        let mean = geometric_mean(of_cells.iter().map(|(ratio, _)| quotient(ratio)))?;
        let lost = of_cells
            .iter()
            .filter(|(ratio, _)| ratio.verdict() == Verdict::Lost);
        let worst = lost
            .map(|(ratio, name)| (quotient(ratio), name.clone()))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        Some(Self { peer, mean, worst })
    }

    /// The worst quotient, 1 where none is lost for certain.
    pub fn worst(&self) -> f64 {
        self.worst.as_ref().map_or(1.0, |(worst, _)| *worst)
    }
}

/// The regret of each peer that every cell has, that with the best mean first.
pub fn regrets(cells: &[&Cell]) -> Vec<Regret> {
    let names = cells.first().map_or(&[][..], |cell| &cell.peers);
    let choices = names.iter().filter(|name| **name != FLOOR);
    let mut regrets: Vec<_> = choices.filter_map(|peer| Regret::of(peer, cells)).collect();
    regrets.sort_by(|a, b| b.mean.total_cmp(&a.mean));
    regrets
}

/// How ours compares with another choice over many cells.
pub struct Score {
    /// The geometric mean of the ratios.
    pub mean: f64,
    /// Cells by their verdicts.
    pub won: usize,
    pub lost: usize,
    pub undecided: usize,
    /// The smallest decided ratio, and the cell's name.
    pub worst: Option<(f64, String)>,
    /// The largest.
    pub best: Option<(f64, String)>,
}

/// Of the cells that have such a ratio.
pub fn score(cells: &[&Cell], ratio: impl Fn(&Cell) -> Option<Quartiles>) -> Option<Score> {
    let ours = cells
        .iter()
        .filter_map(|cell| Some((ratio(cell)?, &cell.name)))
        .collect::<Vec<_>>();
    let mean = geometric_mean(
        ours.iter()
            .map(|(ratio, _)| ratio.median.clamp(MOST_REGRET, 1.0 / MOST_REGRET)),
    )?;
    let count = |verdict| {
        let of_it = ours.iter().filter(|(ratio, _)| ratio.verdict() == verdict);
        of_it.count()
    };
    let decided = ours
        .iter()
        .filter(|(ratio, _)| ratio.verdict() != Verdict::Undecided)
        .map(|(ratio, name)| (ratio.median, String::from(*name)));
    let mut decided: Vec<_> = decided.collect();
    decided.sort_by(|a, b| a.0.total_cmp(&b.0));
    Some(Score {
        mean,
        won: count(Verdict::Won),
        lost: count(Verdict::Lost),
        undecided: count(Verdict::Undecided),
        worst: decided.first().cloned(),
        best: decided.last().cloned(),
    })
}
