//! The waits of many threads, counted by their length.

use std::sync::Mutex;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::sample::Sample;
use super::slice::Slice;

/// The longest wait that is told from a longer one: a minute, in nanoseconds.
const LONGEST: u64 = 60_000_000_000;
/// How many of the digits of a wait count.
const DIGITS: u8 = 3;
/// The waits of all threads.
pub struct WaitTimes(Mutex<Histogram<u64>>);

/// The waits of one thread, added to the others' when it ends.
pub struct OwnWaits<'a> {
    own: Histogram<u64>,
    all: &'a WaitTimes,
}

/// For waits in nanoseconds.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(LONGEST, DIGITS).expect("three digits are possible")
}

impl Default for WaitTimes {
    fn default() -> Self {
        Self(Mutex::new(histogram()))
    }
}

impl WaitTimes {
    /// For a thread to record its own.
    pub fn of_thread(&self) -> OwnWaits<'_> {
        OwnWaits {
            own: histogram(),
            all: self,
        }
    }

    /// Throughput without the first so many threads; the longest wait, 99.9 % of the waits, and the
    /// median, in microseconds.
    pub fn sample(&self, slice: &Slice, without: usize) -> Sample {
        let waits = self.0.lock().unwrap().clone();
        let microseconds = |nanoseconds: u64| nanoseconds as f64 / 1e3;
        let longest = microseconds(waits.max());
        let [most, median] =
            [0.999, 0.5].map(|quantile| microseconds(waits.value_at_quantile(quantile)));
        let figures = vec![slice.rate_without(without), longest, most, median];
        Sample {
            waits: Some(waits),
            ..Sample::of(slice, figures)
        }
    }
}

impl OwnWaits<'_> {
    /// One more.
    pub fn record(&mut self, waited: Duration) {
        self.own.saturating_record(waited.as_nanos() as u64);
    }
}

impl Drop for OwnWaits<'_> {
    fn drop(&mut self) {
        let mut all = self.all.0.lock().unwrap();
        all.add(&self.own).expect("both have the same bounds");
    }
}
