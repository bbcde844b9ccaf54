//! The ring: a queue of bytes between processes, with readers and writers in turns at its two ends.
//!
//! Each side has a *place*: how many bytes it has read or written since the beginning. It never
//! wraps. The bytes between the two places can be read, and the rest of the capacity can be
//! written. So both sides run the same code: a writer is a reader of room, ahead of the readers by
//! the capacity. A thread that *passes* bytes
//! 1. takes the turn of its side, a robust mutex that no thread holds while it sleeps;
//! 2. copies bytes to or from the ring;
//! 3. looks whether a thread of the other side *waits* for what it is about to do, and if so rings;
//! 4. stores its side's new place;
//! 5. goes on from step 2 with the next [piece](PIECE), up to what it found at first, and gives the
//!    turn back.
//!
//! (R1) A thread that is killed before step 4 has passed nothing of the piece; after it, all of it.
//! So no bytes are torn, and there is nothing to repair.
//!
//! **Sleeping.** A thread must notice that there is something for it, and also that no thread is
//! left that could bring it. Only the kernel knows the latter, of descriptors, and it lets no
//! thread wait for a descriptor and for a word in memory at once. So both sides sleep on
//! descriptors ([`bells`](crate::sys::ipc::bells)). One thread of each side does: the holder of the
//! side's `sleeper` mutex. The others wait for that mutex.
//!
//! The sleeper may be stopped. So the others, too, look for themselves at [times](awake::behind).
//!
//! **Small writes beside large ones.** The sleeper may need more room than another writer that
//! waits for its mutex. So before it sleeps beside room that is too small for it, it counts its
//! *news* up and wakes the others. They attempt their own writes again, as they do whenever they
//! begin to wait. News that a dead sleeper did not tell is told by its successor, which looks at
//! the same room. (Model: `a_short_write_passes_a_long_one`.)
//!
//! (R2) **Ringing comes before the place is stored.** In the other order, a thread that is killed
//! in between would leave a sleeper that does not know of its bytes: for ever, if another writer
//! lives and writes nothing. In this order, the sleeper may be woken too early, or after its look
//! the place may be stored without another ring. So before it sleeps, it
//! 1. says that it waits, and runs a fence, which pairs with that of a thread that takes a turn;
//! 2. looks whether a thread of the other side has the turn, which may have looked before step 1.
//!    That thread will be done soon, or is dead, which its mutex tells: it waits for that;
//! 3. looks whether there is something for it;
//! 4. looks whether it still says that it waits. If not, a thread rang, took the word back, and was
//!    killed before it stored its place: it begins again. (A model found this:
//!    `a_killed_writer_leaves_no_reader_asleep`.)
//!
//! A thread that takes the turn later sees the word, and rings.
//!
//! **Leaving.** The kernel tells a sleeper at once that it is alone. But a writer that finds room
//! does not ask the kernel, which would cost more than the write. It asks when a reader waits, when
//! a reader has said that it leaves, and else every [`ASK`] bytes.

mod wait;

use super::mutex::raw::RawMutex;
use crate::sys::Ordering::{Acquire, Relaxed, Release};
use crate::sys::deadline::Deadline;
use crate::sys::ipc::Stop;
use crate::sys::ipc::bells::Bells;
use crate::sys::ipc::me::Me;
use crate::sys::mortal::{AtomicU32, AtomicU64};
use crate::sys::{const_fn, fence, only_in_models, sizes};

/// Keeps the sides' writes two cache lines apart: processors fetch a line's neighbour along.
#[repr(C, align(128))]
struct Apart<T>(T);

/// The readers or the writers. All zeros are a side that has passed nothing yet.
#[repr(C)]
struct Side {
    turn: Apart<Turn>,
    place: Apart<AtomicU64>,
    /// What the other side must know: [`WAITING`], [`LEFT`].
    calls: Apart<AtomicU32>,
    sleeper: RawMutex,
    /// How often the sleeper has told the others of its side that there is something for them.
    news: AtomicU32,
}

#[repr(C)]
struct Turn {
    mutex: RawMutex,
    /// The other side's place, as this one last saw it.
    seen: AtomicU64,
}

/// A thread of this side sleeps, or is about to.
const WAITING: u32 = 1;
/// A thread of this side has left, maybe the last. Only a hint: a killed thread does not set it.
const LEFT: u32 = 2;

/// How many bytes can be written at most after the last reader was killed.
pub(crate) const ASK: u64 = 4096;

/// How many bytes are copied before the other side may copy them.
pub(crate) const PIECE: u64 = sizes::PIECE;

#[repr(C)]
pub(crate) struct Ring {
    readers: Side,
    writers: Side,
}

/// How many bytes are to be passed in one turn.
#[derive(Clone, Copy)]
pub(crate) struct Amount {
    /// One; or more, if they must be passed in one turn or not at all.
    pub(crate) least: u64,
    pub(crate) most: u64,
}

/// One thread's access to one side.
pub(crate) struct Port<'a> {
    me: Me,
    own: &'a Side,
    other: &'a Side,
    bells: &'a Bells,
    capacity: u64,
    /// How far this side may be ahead, in bytes: the capacity for writers, zero for readers.
    lead: u64,
}

impl Side {
    const_fn! {
        const fn new() -> Self {
            Side {
                turn: Apart(Turn {
                    mutex: RawMutex::new(),
                    seen: AtomicU64::new(0),
                }),
                place: Apart(AtomicU64::new(0)),
                calls: Apart(AtomicU32::new(0)),
                sleeper: RawMutex::new(),
                news: AtomicU32::new(0),
            }
        }
    }
}

impl Ring {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Ring { readers: Side::new(), writers: Side::new() }
        }
    }

    /// The calling thread as a reader. This process knows the capacity by itself.
    #[inline]
    pub(crate) fn reader<'a>(&'a self, capacity: u64, bells: &'a Bells) -> Port<'a> {
        Port {
            me: Me::get(),
            own: &self.readers,
            other: &self.writers,
            bells,
            capacity,
            lead: 0,
        }
    }

    /// The calling thread as a writer; as [`reader`](Self::reader).
    #[inline]
    pub(crate) fn writer<'a>(&'a self, capacity: u64, bells: &'a Bells) -> Port<'a> {
        Port {
            me: Me::get(),
            own: &self.writers,
            other: &self.readers,
            bells,
            capacity,
            lead: capacity,
        }
    }

    /// Says that a reader has closed its descriptors, and may have been the last.
    pub(crate) fn reader_left(&self) {
        // ORDERING: Release pairs with the Acquire in `answer`: the descriptors are closed before.
        self.readers.calls.0.fetch_or(LEFT, Release);
    }

    only_in_models! {
        pub(crate) fn written(&self) -> u64 {
            // ORDERING: Relaxed; the caller has waited for the writers.
            self.writers.place.0.load(Relaxed)
        }

        pub(crate) fn read(&self) -> u64 {
            // ORDERING: as above.
            self.readers.place.0.load(Relaxed)
        }
    }

    /// Forgets the bytes that were not read. No thread has either side open.
    pub(crate) fn discard(&self) {
        // ORDERING: Relaxed; a thread opens the ring after this, under a lock.
        let place = self.writers.place.0.load(Relaxed);
        // ORDERING: as above.
        self.readers.place.0.store(place, Relaxed);
    }
}

impl Port<'_> {
    /// Passes bytes, piece by piece. `copy` gets the place of a piece, how many bytes of this call
    /// come before it, and how many it has. Waits until there are enough, or the deadline passes.
    #[inline]
    pub(crate) fn pass(
        &self,
        amount: Amount,
        deadline: Deadline,
        mut copy: impl FnMut(u64, u64, u64),
    ) -> Result<u64, Stop> {
        match self.attempt(amount, deadline, &mut copy)? {
            Some(count) => Ok(count),
            None => self.wait(amount, deadline, &mut copy),
        }
    }

    /// Passes bytes if there are enough now.
    #[inline]
    fn attempt(
        &self,
        amount: Amount,
        deadline: Deadline,
        copy: &mut impl FnMut(u64, u64, u64),
    ) -> Result<Option<u64>, Stop> {
        // A dead predecessor does not matter: there is nothing to repair (R1).
        let turn = &self.own.turn.0;
        turn.mutex.lock(self.me, deadline).ok_or(Stop::TimedOut)?;
        let passed = self.attempt_in_turn(amount, copy);
        turn.mutex.unlock(self.me);
        passed
    }

    #[inline]
    fn attempt_in_turn(
        &self,
        amount: Amount,
        copy: &mut impl FnMut(u64, u64, u64),
    ) -> Result<Option<u64>, Stop> {
        // Orders the mutex's exchange before the look at `calls`; pairs with `sleep`'s fence (R2).
        fence::after_exchange();
        let (own, seen) = (&self.own.place.0, &self.own.turn.0.seen);
        // ORDERING: Relaxed, both; only this side writes them, in turn.
        let (place, other) = (own.load(Relaxed), seen.load(Relaxed));
        let mut ready = self.between(place, other);
        if ready < amount.most || ready > self.capacity {
            // ORDERING: Acquire pairs with the Release in `pass_piece`: the other side has copied.
            let other = self.other.place.0.load(Acquire);
            // ORDERING: Relaxed; only this side writes it, in turn.
            seen.store(other, Relaxed);
            ready = self.between(place, other);
        }
        if ready > self.capacity {
            return Err(Stop::Damaged);
        }
        if ready < amount.least {
            return Ok(None);
        }
        let all = ready.min(amount.most);
        let first = all.min(PIECE);
        self.pass_piece(place, 0, first, copy)?;
        match first < all {
            true => Ok(Some(self.pass_rest(place, first, all, copy))),
            false => Ok(Some(first)),
        }
    }

    /// In turn, passes the rest in pieces. Returns how much has been passed in all: less if a piece
    /// fails, which the next call finds, too.
    #[cold]
    fn pass_rest(
        &self,
        place: u64,
        mut passed: u64,
        all: u64,
        copy: &mut impl FnMut(u64, u64, u64),
    ) -> u64 {
        while passed < all {
            let count = (all - passed).min(PIECE);
            let piece = self.pass_piece(place.wrapping_add(passed), passed, count, copy);
            if piece.is_err() {
                break;
            }
            passed += count;
        }
        passed
    }

    /// In turn, passes one piece.
    #[inline]
    fn pass_piece(
        &self,
        place: u64,
        passed: u64,
        count: u64,
        copy: &mut impl FnMut(u64, u64, u64),
    ) -> Result<(), Stop> {
        copy(place, passed, count);
        let end = place.wrapping_add(count);
        // ORDERING: Relaxed; after the fence. A later caller waits for the turn's end (R2).
        let is_called = self.other.calls.0.load(Relaxed) != 0;
        let asks = self.is_writer() && (place ^ end) >= ASK;
        if is_called || asks {
            self.answer()?;
        }
        // ORDERING: Release pairs with the other side's Acquire.
        self.own.place.0.store(end, Release);
        Ok(())
    }

    /// How many bytes this side may pass between these places.
    #[inline]
    fn between(&self, own: u64, other: u64) -> u64 {
        other.wrapping_add(self.lead).wrapping_sub(own)
    }

    #[inline]
    fn is_writer(&self) -> bool {
        self.lead != 0
    }

    /// Rings if the other side waits. For a writer, asks the kernel whether there is a reader.
    #[cold]
    fn answer(&self) -> Result<(), Stop> {
        let calls = &self.other.calls.0;
        // ORDERING: Relaxed; the fence before has ordered this look.
        let call = calls.load(Relaxed);
        if call & WAITING != 0 {
            self.bells.ring()?;
        }
        if call != 0 {
            // A thread that is killed before this has rung, and the next one rings again.
            // ORDERING: Acquire pairs with the Release in `reader_left`, also if that came after
            // the load above. A sleeper without its mark finds the turn held, or given back.
            calls.fetch_and(!(WAITING | LEFT), Acquire);
        }
        if self.is_writer() && self.bells.is_alone()? {
            // The next write must ask, too. (The last reader may have left between the two.)
            // ORDERING: Relaxed; the mutex orders it before the next turn.
            calls.fetch_or(LEFT, Relaxed);
            return Err(Stop::Alone);
        }
        Ok(())
    }
}
