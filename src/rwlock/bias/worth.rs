//! When a bias is worth its price.
//!
//! A bias is an investment: the next write pays for it, and it is paid back by the reads until
//! then. A thread makes it only when what its reads have cost without one is about ten times that
//! price. So whatever comes, at most a tenth is lost.

#[cfg(not(loom))]
use {super::rows_in_use, crate::primitive::thread_locals, std::cell::Cell};

#[cfg(loom)]
use crate::primitive::modeled::{Bias, bias};

/// What a counted read would have saved by a bias. The unit is what it saves alone: a few
/// nanoseconds.
#[derive(Clone, Copy)]
pub(in crate::rwlock) enum Earned {
    Alone = 1,
    /// It met others at the word, and so pulled the cache line from another core.
    BesideOthers = 64,
}

/// What a thread remembers of its reads.
#[cfg(not(loom))]
#[derive(Clone, Copy)]
struct Reads {
    /// What its counted reads would have saved.
    earned: usize,
    /// Biased reads with a full fence in a row.
    fenced: u32,
}

#[cfg(not(loom))]
thread_locals! {
    static READS: Cell<Reads> = Cell::new(Reads { earned: 0, fenced: 0 });
}

/// Ten times what a writer pays to end a bias, without the rows, and for each row.
#[cfg(not(loom))]
const PRICE: usize = 256;
#[cfg(not(loom))]
const PRICE_OF_A_ROW: usize = 16;

/// Whether the calling thread, which has just counted itself, is to make the lock biased.
#[inline(always)]
pub(in crate::rwlock) fn begins(earned: Earned) -> bool {
    #[cfg(loom)]
    return bias() == Bias::Warming && earned as usize > 0;
    #[cfg(not(loom))]
    READS.with(|reads| {
        let earned = reads.get().earned + earned as usize;
        let mut now = reads.get();
        now.earned = earned;
        reads.set(now);
        earned >= PRICE && is_enough(reads)
    })
}

#[cfg(not(loom))]
#[cold]
fn is_enough(reads: &Cell<Reads>) -> bool {
    let mut now = reads.get();
    let enough = now.earned >= PRICE + PRICE_OF_A_ROW * rows_in_use();
    if enough {
        now.earned = 0;
        reads.set(now);
    }
    enough
}

/// Whether a lock that the calling thread has just published itself for, with a full fence, is to
/// become asymmetric: it has read so for [`RUN`] times.
#[inline(always)]
pub(in crate::rwlock) fn promotes() -> bool {
    /// What a full fence costs more than a light one, so many times, is about ten times what a
    /// heavy one costs the next writer.
    #[cfg(not(loom))]
    const RUN: u32 = 1 << 14;

    #[cfg(loom)]
    return bias() == Bias::Warming;
    #[cfg(not(loom))]
    READS.with(|reads| {
        let mut now = reads.get();
        now.fenced += 1;
        let promotes = now.fenced == RUN;
        if promotes {
            now.fenced = 0;
        }
        reads.set(now);
        promotes
    })
}
