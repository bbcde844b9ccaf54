//! When a bias is worth its price.
//!
//! A bias is an investment. The next write pays its price, and the reads until then pay it back. A
//! thread begins a bias only when its reads without one have cost about ten times that price. So
//! whatever comes, at most a tenth is lost.
//!
//! A read that meets no other thread earns less if the thread's read before was of another lock. A
//! thread that reads many locks by itself makes one biased after the other, each for few reads, and
//! its processor cannot foretell which are. (One thread, 16 locks, one write in 100: 0.75 times as
//! fast if such a read earned as much.)

use super::{ALONE, ALONE_ELSEWHERE, ASYMMETRIC, BESIDE_OTHERS, BIAS, BIAS_OF_A_ROW};
use crate::sys::thread_locals;
use std::cell::Cell;

/// Whether a counted reader met other threads at the word.
#[derive(Clone, Copy)]
pub(crate) enum Earned {
    Alone,
    BesideOthers,
}

/// What a thread remembers of its reads.
#[derive(Clone, Copy)]
struct Reads {
    /// The address of the last lock for which it counted itself.
    lock: usize,
    /// What a bias would have saved its counted reads.
    earned: usize,
    /// Biased reads with a full fence in a row.
    fenced: u32,
}

thread_locals! {
    static READS: Cell<Reads> = Cell::new(Reads { lock: 0, earned: 0, fenced: 0 });
}

/// Whether the calling thread, which has just counted itself, is to make the lock at this address
/// biased. `rows` tells how many rows are in use.
#[inline(always)]
pub(crate) fn begins(lock: usize, earned: Earned, rows: fn() -> usize) -> bool {
    READS.with(|reads| {
        let mut now = reads.get();
        now.earned += match earned {
            Earned::Alone if now.lock == lock => ALONE,
            Earned::Alone => ALONE_ELSEWHERE,
            Earned::BesideOthers => BESIDE_OTHERS,
        };
        now.lock = lock;
        reads.set(now);
        now.earned >= BIAS && is_enough(reads, rows)
    })
}

#[cold]
fn is_enough(reads: &Cell<Reads>, rows: fn() -> usize) -> bool {
    let mut now = reads.get();
    let enough = now.earned >= BIAS + BIAS_OF_A_ROW * rows();
    if enough {
        now.earned = 0;
        reads.set(now);
    }
    enough
}

/// Whether a lock for which the calling thread has just published itself, with a full fence, is to
/// become asymmetric: the thread has read so [`ASYMMETRIC`] times.
#[inline(always)]
pub(crate) fn promotes() -> bool {
    READS.with(|reads| {
        let mut now = reads.get();
        now.fenced += 1;
        let promotes = now.fenced == ASYMMETRIC;
        if promotes {
            now.fenced = 0;
        }
        reads.set(now);
        promotes
    })
}
