//! Ratios that hold on a machine whose speed drifts: the peers measured in turn, A B C, A B C, …,
//! so that what slows one down slows the others down too.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Enough for the median to be an undisturbed round.
const ROUNDS: usize = 7;

/// How long one peer is measured in one round: long enough for every thread to get its turn on the
/// processor.
const SLICE: Duration = Duration::from_millis(100);

/// The unit of time in /proc.
const TICKS_PER_SECOND: f64 = 100.0;

/// How long something takes so many times.
pub type Measure<'a> = Box<dyn Fn(u64) -> Duration + 'a>;

/// The lines of the table so far.
static TABLE: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Adds a line to the table: how many processors others kept busy meanwhile, the nanoseconds that
/// each peer takes, and the first peer's divided by them; medians of all rounds.
pub fn compare(question: &str, peers: &[(&str, Measure)]) {
    if peers.is_empty() {
        return;
    }
    let peers: Vec<_> = peers
        .iter()
        .map(|(name, measure)| (name, measure, times_in_a_slice(measure)))
        .collect();
    let mut rounds = Vec::new();
    let others = others_busy(|| {
        for _ in 0..ROUNDS {
            let measured = peers
                .iter()
                .map(|&(_, measure, times)| measure(times).as_secs_f64() * 1e9 / times as f64);
            rounds.push(measured.collect::<Vec<_>>());
        }
    });
    let mut line = format!("{question:<48} {others:>3.1} ");
    for (peer, (name, ..)) in peers.iter().enumerate() {
        let nanoseconds = median(rounds.iter().map(|round| round[peer]));
        let ratio = median(rounds.iter().map(|round| round[0] / round[peer]));
        line += &format!(" {:<26}", format!("{name} {nanoseconds:.2} ({ratio:.2})"));
    }
    TABLE.lock().unwrap().push(line.trim_end().into());
}

/// Prints the table.
pub fn print_table() {
    let table = TABLE.lock().unwrap();
    if !table.is_empty() {
        println!(
            "\nSide by side: how many processors others kept busy meanwhile (then contention is \
             less than it says);\neach peer's nanoseconds, and in brackets the first peer's \
             divided by them."
        );
        println!("{}", table.join("\n"));
    }
}

fn times_in_a_slice(measure: &Measure) -> u64 {
    let mut times = 1;
    loop {
        let elapsed = measure(times);
        if elapsed >= SLICE / 8 {
            return (times as f64 * SLICE.div_duration_f64(elapsed)).ceil() as u64;
        }
        times *= 2;
    }
}

/// How many processors other processes keep busy during `action`.
pub fn others_busy(action: impl FnOnce()) -> f64 {
    let (start, elsewhere) = (Instant::now(), ticks_elsewhere());
    action();
    let elsewhere = (ticks_elsewhere() - elsewhere).max(0.0) / TICKS_PER_SECOND;
    elsewhere / start.elapsed().as_secs_f64()
}

/// The processor time used by all but this process and the children that it has waited for, as the
/// kernel counts it.
fn ticks_elsewhere() -> f64 {
    let sum = |path, fields: &[usize]| {
        let text = std::fs::read_to_string(path).expect("needs Linux's /proc");
        let words: Vec<_> = text.split_whitespace().collect();
        let ticks = fields.iter().map(|&field| words[field].parse::<f64>());
        ticks.sum::<Result<f64, _>>().expect("ticks are numbers")
    };
    // User, nice, system, irq, softirq and steal of all processors; user and system of our own, and
    // of the children that we have waited for.
    sum("/proc/stat", &[1, 2, 3, 6, 7, 8]) - sum("/proc/self/stat", &[13, 14, 15, 16])
}

/// The value in the middle, the upper one of two.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
