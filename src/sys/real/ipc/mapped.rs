//! The table of the memory that regions have mapped in this process. A lock works nowhere else.
//!
//! A *piece* is a run of pages, packed into one number: its start and its length. So it is in the
//! table or not, and never half. A large region is several pieces.
//!
//! **Unmapping** takes the pieces out, then changes the process's
//! [stamp](crate::sys::ipc::process), then unmaps. A thread relies on a piece that it found for as
//! long as the stamp equals the one that it read *before* it looked. If the address belongs to
//! another mapping by now, that was made after the unmapping, so the thread sees the new stamp, or
//! the table without the piece.

use crate::sys::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::sys::{AtomicPtr, AtomicU64, AtomicUsize};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
use std::ops::Range;
use std::ptr;

/// The unit of pieces, in bytes: every page size is a multiple of it.
pub(crate) const UNIT: usize = 4096;
const LENGTH_BITS: u32 = 20;
/// In units.
const LONGEST: usize = (1 << LENGTH_BITS) - 1;

const PIECES: usize = 509;

/// One page of the table.
#[repr(C)]
struct Part {
    next: AtomicPtr<Part>,
    /// The places from this one on have never been in use.
    used: AtomicUsize,
    pieces: [AtomicU64; PIECES],
}

static TABLE: Part = Part {
    next: AtomicPtr::new(ptr::null_mut()),
    used: AtomicUsize::new(0),
    pieces: [const { AtomicU64::new(0) }; PIECES],
};

fn pack(start: usize, units: usize) -> u64 {
    ((start / UNIT) as u64) << LENGTH_BITS | units as u64
}

fn unpack(piece: u64) -> Range<usize> {
    let start = (piece >> LENGTH_BITS) as usize * UNIT;
    let units = piece as usize & LONGEST;
    start..start + units * UNIT
}

/// The pieces of this memory, which begins at the start of a page.
fn pieces(memory: &Range<usize>) -> impl Iterator<Item = u64> {
    let memory = memory.clone();
    memory.clone().step_by(LONGEST * UNIT).map(move |start| {
        let units = (memory.end - start).div_ceil(UNIT).min(LONGEST);
        pack(start, units)
    })
}

fn parts() -> impl Iterator<Item = &'static Part> {
    std::iter::successors(Some(&TABLE), |part| {
        // ORDERING: Acquire pairs with the Release in `grow`.
        // SAFETY: parts are never unmapped.
        unsafe { part.next.load(Acquire).as_ref() }
    })
}

impl Part {
    fn used(&self) -> &[AtomicU64] {
        // ORDERING: Acquire; a thread that knows that a region is mapped sees its piece below this.
        &self.pieces[..self.used.load(Acquire)]
    }

    fn add(&self, piece: u64) -> bool {
        let free = self.pieces.iter().position(|place| {
            // ORDERING: Relaxed, both; the store below releases it.
            place.load(Relaxed) == 0 && place.compare_exchange(0, piece, Relaxed, Relaxed).is_ok()
        });
        if let Some(place) = free {
            // ORDERING: Release pairs with the Acquire in `used`.
            self.used.fetch_max(place + 1, Release);
        }
        free.is_some()
    }

    /// Adds a part to the end of the table.
    fn grow(&self) -> Result<(), Errno> {
        let (access, kind) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        // SAFETY: a new mapping of any address replaces none.
        let part = unsafe { mmap_anonymous(ptr::null_mut(), size_of::<Self>(), access, kind) }?;
        let part = part.cast::<Self>();
        let mut at = self;
        // ORDERING: Release pairs with the Acquire in `parts`; Acquire with another Release here.
        while let Err(next) = at
            .next
            .compare_exchange(ptr::null_mut(), part, AcqRel, Acquire)
        {
            // SAFETY: parts are never unmapped.
            at = unsafe { &*next };
        }
        Ok(())
    }
}

/// Enters this memory in the table, so that locks in it work. After an error, call [`remove`].
pub(crate) fn add(memory: &Range<usize>) -> Result<(), Errno> {
    for piece in pieces(memory) {
        while !parts().any(|part| part.add(piece)) {
            TABLE.grow()?;
        }
    }
    Ok(())
}

/// Takes this memory, which is still mapped, out of the table.
pub(crate) fn remove(memory: &Range<usize>) {
    for piece in pieces(memory) {
        parts().flat_map(Part::used).any(|place| {
            // ORDERING: Relaxed; the change of the stamp, which follows, releases it.
            place.compare_exchange(piece, 0, Relaxed, Relaxed).is_ok()
        });
    }
}

pub(crate) fn find(address: usize) -> Option<Range<usize>> {
    let pieces = parts().flat_map(Part::used);
    pieces
        // ORDERING: Relaxed; a thread that uses a region's memory knows that it is mapped.
        .map(|place| unpack(place.load(Relaxed)))
        .find(|piece| piece.contains(&address))
}
