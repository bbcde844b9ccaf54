//! Ratios that hold on a machine whose speed drifts: the peers measured in turn, A B C, A B C, …, so
//! that what slows one down slows the others down too.

use std::sync::Mutex;
use std::time::Duration;

/// Enough for the median to be a round that nobody disturbed.
const ROUNDS: usize = 7;

/// How long one peer is measured in one round: long enough for every thread to get its turn on the
/// processor.
const SLICE: Duration = Duration::from_millis(100);

/// How long something takes so many times.
pub type Measure<'a> = Box<dyn Fn(u64) -> Duration + 'a>;

/// The lines of the table so far.
static TABLE: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Adds a line to the table: the nanoseconds that each peer takes, and the first one's as a part of
/// them; medians of all rounds.
pub fn compare(question: &str, peers: &[(&str, Measure)]) {
    let times: Vec<_> = peers.iter().map(|(_, measure)| fill(measure)).collect();
    let rounds = [(); ROUNDS].map(|()| {
        let measured = peers.iter().zip(&times);
        let nanoseconds = measured.map(|((_, measure), &times)| nanoseconds(measure, times));
        nanoseconds.collect::<Vec<_>>()
    });
    let mut line = format!("{question:<40}");
    for (peer, (name, _)) in peers.iter().enumerate() {
        let nanoseconds = median(rounds.each_ref().map(|round| round[peer]));
        let ratio = median(rounds.each_ref().map(|round| round[0] / round[peer]));
        line += &format!("  {name} {nanoseconds:.2} ({ratio:.2})");
    }
    TABLE.lock().unwrap().push(line);
}

/// Prints the table.
pub fn print_table() {
    let table = TABLE.lock().unwrap();
    if let [first, ..] = &table[..] {
        println!(
            "Side by side: nanoseconds, and in brackets the first peer's time divided by this one's.\n{}",
            table.join("\n")
        );
    }
}

/// How many times fill a slice.
fn fill(measure: &Measure) -> u64 {
    let mut times = 1;
    while measure(times) < SLICE / 8 {
        times *= 2;
    }
    times * 8
}

fn nanoseconds(measure: &Measure, times: u64) -> f64 {
    measure(times).as_secs_f64() * 1e9 / times as f64
}

fn median(mut values: [f64; ROUNDS]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[ROUNDS / 2]
}
