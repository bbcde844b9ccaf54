//! Ratios that hold on a machine whose speed drifts: two things measured in turn, A B A B …, so that
//! what slows one down slows the other down too.

use std::time::Duration;

/// Enough for the median to be a round that nobody disturbed.
const ROUNDS: usize = 11;

/// Prints what the columns of [`print`] are.
pub fn print_head() {
    let head = format!("A and B side by side, median of {ROUNDS} rounds");
    let [a, b, ratio, difference] = ["A ns", "B ns", "A / B", "A - B ns"];
    println!("{head:<52} {a:>10} {b:>10} {ratio:>7} {difference:>9}");
}

/// Prints how long `a` and `b` take for each of so many `times` a round, and how they compare.
pub fn print(name: &str, times: u64, a: impl Fn(u64) -> Duration, b: impl Fn(u64) -> Duration) {
    let nanoseconds = |elapsed: Duration| elapsed.as_secs_f64() * 1e9 / times as f64;
    let rounds = [(); ROUNDS].map(|()| (nanoseconds(a(times)), nanoseconds(b(times))));
    println!(
        "{name:<52} {:>10.2} {:>10.2} {:>7.2} {:>9.2}",
        median(rounds.map(|(a, _)| a)),
        median(rounds.map(|(_, b)| b)),
        median(rounds.map(|(a, b)| a / b)),
        median(rounds.map(|(a, b)| a - b)),
    );
}

fn median(mut values: [f64; ROUNDS]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[ROUNDS / 2]
}
