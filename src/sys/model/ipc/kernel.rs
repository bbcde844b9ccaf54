//! The kernel and the calling thread in a model, over `src/sys/model/mortal.rs`.

pub(crate) use crate::sys::mortal::{
    Watched, add_one_and_wake, clear_and_wake_all, is_alive, wait, wake,
};

use crate::sys::Ordering::Relaxed;
use crate::sys::deadline::Deadline;
use crate::sys::ipc::robust::Entry;
use crate::sys::robust_word::OWNER;
use crate::sys::{fence, mortal};
use std::ops::Range;

/// As many as a model needs.
pub(crate) const MOST_WORDS: usize = 8;

/// So that models have both cases.
pub(crate) const FEW_WORDS: usize = 4;

/// The calling thread.
#[derive(Clone, Copy)]
pub(crate) struct Me(u32);

impl Me {
    pub(crate) fn get() -> Self {
        Me(mortal::my_id())
    }

    pub(crate) fn of(generation: u32) -> Option<Self> {
        let me = Self::get();
        (me.generation() == generation).then_some(me)
    }

    /// In a model everything is where it must be.
    pub(crate) fn for_lock<T>(_: &T, _: &str) -> Self {
        Self::get()
    }

    pub(crate) fn of_at_once(generation: u32) -> Option<Self> {
        Self::of(generation)
    }

    pub(crate) fn for_lock_at_once<T>(_: &T) -> Option<Self> {
        Some(Self::get())
    }

    pub(crate) fn id(self) -> u32 {
        self.0
    }

    /// Each thread stands for a process.
    pub(crate) fn generation(self) -> u32 {
        mortal::my_generation()
    }

    /// Each thread has mapped the memory once, so it has listed what it holds.
    pub(crate) fn has_listed(self, entry: &Entry, _: Range<usize>) -> bool {
        // ORDERING: Relaxed; only the thread itself writes its number.
        entry.word.load(Relaxed) & OWNER == self.0
    }

    pub(crate) fn has_room(self) -> bool {
        true
    }

    pub(crate) fn light(self) {
        fence::light();
    }
}

pub(crate) fn heavy_until() -> Deadline {
    assert!(fence::heavy_for_others());
    Deadline::NEVER
}
