//! When a bias is worth its price.
//!
//! A bias is an investment. The next write pays its price, and the reads until then pay it back. A
//! thread begins a bias only when its reads without one have cost about ten times that price. So
//! whatever comes, at most a tenth is lost.

#[cfg(not(loom))]
use {super::rows_in_use, crate::primitive::thread_locals, std::cell::Cell};

#[cfg(loom)]
use crate::primitive::modeled::{Bias, bias};

/// What a bias would have saved a counted read. The unit is what it saves a lone reader: a few ns.
#[derive(Clone, Copy)]
pub(in crate::rwlock) enum Earned {
    Alone = 1,
    /// It met other threads at the word, and so pulled the cache line from another core.
    BesideOthers = 64,
}

/// What a thread remembers of its reads.
#[cfg(not(loom))]
#[derive(Clone, Copy)]
struct Reads {
    /// What a bias would have saved its counted reads.
    earned: usize,
    /// Biased reads with a full fence in a row.
    fenced: u32,
}

#[cfg(not(loom))]
thread_locals! {
    static READS: Cell<Reads> = Cell::new(Reads { earned: 0, fenced: 0 });
}

/// Ten times what a writer pays to end a bias: without the rows, and for each row.
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

/// Whether a lock for which the calling thread has just published itself, with a full fence, is to
/// become asymmetric: the thread has read so `RUN` times.
#[inline(always)]
pub(in crate::rwlock) fn promotes() -> bool {
    /// This many times what a full fence costs more than a light one is about ten times what a
    /// heavy fence costs the next writer.
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
