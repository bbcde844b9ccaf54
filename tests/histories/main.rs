//! Random programs on real threads, whose histories are checked for linearizability.
//!
//! Two to four threads call the operations of one primitive at random, twelve in all, and note when
//! each began and ended, by a clock that they share, and what it returned. Then a search
//! ([`checker`]) looks for an order of the operations that a sequential specification of the
//! primitive allows, and that keeps every one between its beginning and its end. If there is none,
//! the primitive is wrong, or it does not do what its specification says.
//!
//! A specification says what may happen, not what must: an operation that waits takes effect when
//! it can, and one whose time is up need not have any. Whether it takes effect in the end is for
//! the programs to show: they cannot deadlock by themselves, so one that does not end has found a
//! lost wake-up.
//!
//! ```text
//! # A sample:
//! cargo test --test histories
//! # Ten million, of four primitives:
//! ANTEROOM_HISTORIES=2500000 cargo test --release --test histories
//! # One program, again and again:
//! ANTEROOM_SEED=123 cargo test --release --test histories condvar
//! ```

mod checker;
mod condvar;
mod crew;
mod mutex;
mod rwlock;
mod semaphore;

#[test]
fn mutex_histories_are_linearizable() {
    crew::run::<mutex::Subject>();
}

#[test]
fn rwlock_histories_are_linearizable() {
    crew::run::<rwlock::Subject>();
}

#[test]
fn semaphore_histories_are_linearizable() {
    crew::run::<semaphore::Subject>();
}

#[test]
fn condvar_histories_are_linearizable() {
    crew::run::<condvar::Subject>();
}
