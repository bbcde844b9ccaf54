//! The kernel and the calling thread in a model, over `src/sys/model/mortal.rs`.

pub(super) use crate::sys::mortal::{
    Watched, add_one_and_wake, clear_and_wake_all, is_alive, wait, wake,
};

use crate::sys::deadline::Deadline;
use crate::sys::fence;
use crate::sys::mortal;

/// As many as a model needs.
pub(super) const MOST_WORDS: usize = 8;

/// So that models have both cases.
pub(super) const FEW_WORDS: usize = 4;

/// The calling thread.
#[derive(Clone, Copy)]
pub(crate) struct Me(u32);

impl Me {
    pub(crate) fn get() -> Self {
        Me(mortal::my_id())
    }

    pub(super) fn of(generation: u32) -> Option<Self> {
        let me = Self::get();
        (me.generation() == generation).then_some(me)
    }

    /// In a model everything is where it must be.
    pub(crate) fn for_lock<T>(_: &T, _: &str) -> Self {
        Self::get()
    }

    pub(super) fn of_at_once(generation: u32) -> Option<Self> {
        Self::of(generation)
    }

    pub(crate) fn for_lock_at_once<T>(_: &T) -> Option<Self> {
        Some(Self::get())
    }

    pub(super) fn id(self) -> u32 {
        self.0
    }

    /// Each thread stands for a process.
    pub(super) fn generation(self) -> u32 {
        mortal::my_generation()
    }

    pub(super) fn has_room(self) -> bool {
        true
    }

    pub(super) fn light(self) {
        fence::light();
    }
}

pub(super) fn heavy_until() -> Deadline {
    assert!(fence::heavy_for_others());
    Deadline::NEVER
}
