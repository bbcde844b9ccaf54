//! Quartiles of paired ratios, the verdict that they allow, and the geometric mean.

/// Fewer rounds than these decide nothing.
pub const FEWEST: usize = 5;

/// Whether ours is better than another lock in one cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Won,
    Lost,
    /// The quartiles lie on both sides of 1, or there are too few rounds.
    Undecided,
}

/// The quartiles of a ratio whose two sides were measured in the same round. Above 1 the first
/// lock is better.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Quartiles {
    pub first: f64,
    pub median: f64,
    pub third: f64,
    rounds: usize,
}

impl Quartiles {
    /// Of the values that are numbers; none if there are no such values.
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<_> = values.filter(|value| !value.is_nan()).collect();
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        let at = |quarter: usize| {
            let position = quarter as f64 / 4.0 * last as f64;
            let (below, above) = (
                values[position.floor() as usize],
                values[position.ceil() as usize],
            );
            // (An infinite value minus itself is no number.)
            match below == above {
                true => below,
                false => below + (above - below) * position.fract(),
            }
        };
        Some(Self {
            first: at(1),
            median: at(2),
            third: at(3),
            rounds: values.len(),
        })
    }

    /// A win or a loss only if three quarters of the rounds agree.
    pub fn verdict(&self) -> Verdict {
        match self {
            _ if self.rounds < FEWEST => Verdict::Undecided,
            _ if self.first > 1.0 => Verdict::Won,
            _ if self.third < 1.0 => Verdict::Lost,
            _ => Verdict::Undecided,
        }
    }
}

/// The median; NaN without values.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    Quartiles::of(values).map_or(f64::NAN, |quartiles| quartiles.median)
}

/// The geometric mean; none without values.
pub fn geometric_mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0_usize, 0.0), |(count, sum), value| {
        (count + 1, sum + value.ln())
    });
    (count > 0).then(|| (sum / count as f64).exp())
}
