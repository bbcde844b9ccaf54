//! What one measurement has counted.

use std::time::Duration;

/// What threads or processes did again and again while a clock ran.
pub struct Slice {
    /// What each did while the clock ran.
    pub counts: Vec<u64>,
    /// What each did, while they warmed up too.
    pub totals: Vec<u64>,
    /// How long the clock ran.
    pub elapsed: Duration,
    /// The processor time that they used meanwhile.
    pub cpu: Duration,
    /// How often they gave up the processor meanwhile, and how often they lost it, where it is
    /// known.
    pub switches: Option<[u64; 2]>,
}

impl Slice {
    /// What all did while the clock ran.
    fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// What all did, while they warmed up too.
    pub fn total(&self) -> u64 {
        self.totals.iter().sum()
    }

    /// Millions a second, of all.
    pub fn rate(&self) -> f64 {
        self.rate_without(0)
    }

    /// Millions a second, of all but the first so many.
    pub fn rate_without(&self, first: usize) -> f64 {
        let count: u64 = self.counts[first..].iter().sum();
        count as f64 / self.elapsed.as_secs_f64() / 1e6
    }

    /// How long one operation takes its thread.
    pub fn nanoseconds(&self) -> f64 {
        self.counts.len() as f64 * 1e3 / self.rate()
    }

    /// Processor seconds for a million.
    pub fn cpu(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.count() as f64
    }

    /// Voluntary and involuntary switches for a thousand operations.
    pub fn switches(&self) -> [f64; 2] {
        let count = self.count() as f64;
        self.switches.map_or([f64::NAN; 2], |switches| {
            switches.map(|switches| switches as f64 * 1e3 / count)
        })
    }
}
