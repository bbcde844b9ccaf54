//! The statistics of the benchmarks: quartiles, verdicts, regret. (A benchmark has no tests of its
//! own, so its modules are tested from here.)

use crate::harness::cell::{Among, Cell, regrets, score};
use crate::harness::statistics::{FEWEST, Quartiles, Verdict, geometric_mean, median};
use proptest::prelude::*;

fn quartiles(values: &[f64]) -> Quartiles {
    Quartiles::of(values.iter().copied()).expect("there are values")
}

fn verdict(values: &[f64]) -> Verdict {
    quartiles(values).verdict()
}

/// A cell of these peers, with the same figures in each of ten rounds.
fn steady(name: &str, more_is_better: bool, figures: &[(&'static str, f64)]) -> Cell {
    let (peers, figures): (Vec<_>, Vec<_>) = figures.iter().copied().unzip();
    Cell {
        name: name.into(),
        peers,
        more_is_better,
        rounds: vec![figures; 10],
    }
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

#[test]
fn quartiles_lie_a_quarter_into_the_sorted_values() {
    let Quartiles {
        first,
        median,
        third,
        ..
    } = quartiles(&[5.0, 1.0, 4.0, 2.0, 3.0]);
    assert_eq!((first, median, third), (2.0, 3.0, 4.0));
    let Quartiles {
        first,
        median,
        third,
        ..
    } = quartiles(&[1.0, 2.0]);
    assert_eq!((first, median, third), (1.25, 1.5, 1.75));
}

#[test]
fn values_that_are_no_numbers_are_left_out() {
    assert!(Quartiles::of([f64::NAN; 10].into_iter()).is_none());
    assert_eq!(median([f64::NAN, 2.0, f64::NAN].into_iter()), 2.0);
    assert!(median([].into_iter()).is_nan());
    assert_eq!(
        median([f64::INFINITY, f64::INFINITY].into_iter()),
        f64::INFINITY
    );
}

#[test]
fn verdict_needs_three_quarters_of_the_rounds() {
    assert_eq!(verdict(&[1.1, 1.2, 1.3, 1.4, 0.9]), Verdict::Won);
    assert_eq!(verdict(&[0.9, 0.8, 0.7, 0.6, 1.1]), Verdict::Lost);
    assert_eq!(verdict(&[0.8, 0.9, 1.1, 1.2, 1.3]), Verdict::Undecided);
    assert_eq!(verdict(&[1.0; 10]), Verdict::Undecided);
}

#[test]
fn too_few_rounds_decide_nothing() {
    assert_eq!(verdict(&[2.0; FEWEST - 1]), Verdict::Undecided);
    assert_eq!(verdict(&[2.0; FEWEST]), Verdict::Won);
    // Rounds without a figure are none.
    let mut values = [f64::NAN; 10];
    values[0] = 2.0;
    assert_eq!(verdict(&values), Verdict::Undecided);
}

#[test]
fn ratio_is_of_the_same_round() {
    // The machine is ten times slower in every second round, for both.
    let rounds = (0..10).map(|round| {
        let speed = if round % 2 == 0 { 1.0 } else { 10.0 };
        vec![1.1 * speed, speed]
    });
    let cell = Cell {
        name: "drifting".into(),
        peers: vec!["anteroom", "std"],
        more_is_better: true,
        rounds: rounds.collect(),
    };
    let ratio = cell.ratio(0, 1).expect("both have figures");
    assert!(near(ratio.median, 1.1) && ratio.verdict() == Verdict::Won);
}

#[test]
fn ratio_is_above_one_where_the_first_is_better() {
    let figures = [("anteroom", 2.0), ("std", 4.0)];
    let ratio = |more_is_better| {
        let cell = steady("", more_is_better, &figures);
        cell.ratio(0, 1).expect("both have figures").median
    };
    assert_eq!((ratio(true), ratio(false)), (0.5, 2.0));
}

#[test]
fn usual_and_all_are_told_apart_and_the_floor_is_no_rival() {
    let figures = [
        ("anteroom", 4.0),
        ("std", 2.0),
        ("ShardedLock", 8.0),
        ("bare", 100.0),
    ];
    let cell = steady("", true, &figures);
    let ours = |among| cell.ours(among).expect("there is a rival").median;
    assert_eq!((ours(Among::Usual), ours(Among::All)), (2.0, 0.5));
}

#[test]
fn a_peer_without_figures_is_no_rival() {
    let figures = [("anteroom", 4.0), ("std", f64::NAN), ("usync", 2.0)];
    let cell = steady("", true, &figures);
    let (best, _) = cell.best_against(0, Among::All).expect("usync is one");
    assert_eq!(cell.peers[best], "usync");
}

#[test]
fn regret_is_the_mean_and_the_worst_of_what_is_lost() {
    let cells = [
        steady("a", true, &[("anteroom", 4.0), ("std", 2.0), ("bare", 9.0)]),
        steady("b", false, &[("anteroom", 4.0), ("std", 1.0)]),
    ];
    let cells: Vec<_> = cells.iter().collect();
    let regrets = regrets(&cells);
    let of = |peer| {
        let mut of_all = regrets.iter();
        of_all.find(|regret| regret.peer == peer).expect("a choice")
    };
    let (ours, std) = (of("anteroom"), of("std"));
    assert!(near(ours.mean, 0.5) && near(std.mean, 0.5_f64.sqrt()));
    assert_eq!(ours.worst, Some((0.25, "b".into())));
    assert_eq!(std.worst, Some((0.5, "a".into())));
    assert_eq!((regrets.len(), regrets[0].peer), (2, "std"));
}

#[test]
fn regret_names_no_undecided_cell_as_the_worst() {
    let rounds = [0.1, 0.2, 0.5, 2.0, 3.0].map(|figure| vec![figure, 1.0]);
    let open = Cell {
        name: "open".into(),
        peers: vec!["anteroom", "std"],
        more_is_better: true,
        rounds: rounds.into(),
    };
    let regret = regrets(&[&open]).remove(1);
    assert_eq!((regret.peer, &regret.worst), ("anteroom", &None));
    assert!(near(regret.mean, 0.5));
    assert!(open.is_undecided());
    let score = score(&[&open], |cell| cell.ours(Among::All)).expect("one cell");
    assert_eq!((score.won, score.lost, score.undecided), (0, 0, 1));
    assert_eq!(score.worst, None);
}

#[test]
fn score_finds_the_mean_the_worst_and_the_best() {
    let cells = [("a", 0.5), ("b", 2.0), ("c", 1.0)]
        .map(|(name, ours)| steady(name, true, &[("anteroom", ours), ("std", 1.0)]));
    let cells: Vec<_> = cells.iter().collect();
    let score = score(&cells, |cell| cell.ratio(0, 1)).expect("three cells");
    assert!(near(score.mean, 1.0));
    assert_eq!((score.won, score.lost, score.undecided), (1, 1, 1));
    assert_eq!(score.worst, Some((0.5, "a".into())));
    assert_eq!(score.best, Some((2.0, "b".into())));
}

#[test]
fn peer_that_a_cell_lacks_has_no_regret() {
    let cells = [
        steady(
            "a",
            true,
            &[("anteroom", 1.0), ("std", 1.0), ("sem_t", 1.0)],
        ),
        steady("b", true, &[("anteroom", 1.0), ("std", 1.0)]),
    ];
    let cells: Vec<_> = cells.iter().collect();
    let names: Vec<_> = regrets(&cells).iter().map(|regret| regret.peer).collect();
    assert_eq!(names, ["anteroom", "std"]);
}

#[test]
fn nothing_done_in_a_slice_is_a_bounded_regret() {
    let cell = steady("a", true, &[("anteroom", 0.0), ("std", 5.0)]);
    let regrets = regrets(&[&cell]);
    assert_eq!(regrets[1].worst(), 1e-3);
    assert!(regrets[0].mean == 1.0 && near(regrets[1].mean, 1e-3));
}

proptest! {
    #[test]
    fn quartiles_are_in_order_and_values_lie_between(
        values in prop::collection::vec(1e-6..1e6, 1..50),
    ) {
        let Quartiles { first, median, third, .. } = quartiles(&values);
        prop_assert!(first <= median && median <= third);
        let below = values.iter().filter(|value| **value <= first).count();
        let above = values.iter().filter(|value| **value >= third).count();
        prop_assert!(4 * below >= values.len() && 4 * above >= values.len());
    }

    #[test]
    fn geometric_mean_of_reciprocals_is_the_reciprocal(
        values in prop::collection::vec(1e-3..1e3, 1..50),
    ) {
        let mean = geometric_mean(values.iter().copied()).expect("there are values");
        let of_reciprocals = geometric_mean(values.iter().map(|value| 1.0 / value));
        let product = mean * of_reciprocals.expect("there are values");
        prop_assert!((product - 1.0).abs() < 1e-6);
    }

    #[test]
    fn no_lock_has_a_regret_above_one_and_one_is_never_regretted_in_a_cell(
        figures in prop::collection::vec(0.1..10.0, 3),
        more_is_better: bool,
    ) {
        let peers = ["anteroom", "std", "usync"];
        let figures: Vec<_> = peers.into_iter().zip(figures).collect();
        let regrets = regrets(&[&steady("a", more_is_better, &figures)]);
        prop_assert!(regrets.iter().all(|regret| regret.mean <= 1.0));
        prop_assert!(near(regrets[0].mean, 1.0));
    }
}
