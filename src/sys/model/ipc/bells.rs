//! Bells in a model: words of the modelled kernel, on which threads wait. A model
//! [closes](Bells::close) by hand what a dead thread had open.

use crate::sys::Ordering::{Acquire, Relaxed};
use crate::sys::deadline::Deadline;
use crate::sys::ipc::kernel;
use crate::sys::ipc::{Heard, Stop};
use crate::sys::mortal::AtomicU32;
use std::sync::Arc;
use std::sync::atomic;

struct Bell {
    rung: AtomicU32,
    is_hung_up: AtomicU32,
    /// How many ends could ring it. No part of the model's state: it changes with `is_hung_up`.
    ringers: atomic::AtomicU32,
}

impl Bell {
    fn new(ringers: u32) -> Arc<Self> {
        Arc::new(Bell {
            rung: AtomicU32::new(0),
            is_hung_up: AtomicU32::new(0),
            ringers: atomic::AtomicU32::new(ringers),
        })
    }
}

/// The bells of one end.
#[derive(Clone)]
pub(crate) struct Bells {
    own: Arc<Bell>,
    other: Arc<Bell>,
}

impl Bells {
    /// The bells of so many readers and of so many writers.
    pub(crate) fn of(readers: u32, writers: u32) -> (Self, Self) {
        let (news, room) = (Bell::new(writers), Bell::new(readers));
        let reader = Bells {
            own: news.clone(),
            other: room.clone(),
        };
        let writer = Bells {
            own: room,
            other: news,
        };
        (reader, writer)
    }

    /// Closes one end of this side.
    pub(crate) fn close(&self) {
        // ORDERING: Relaxed; this and the next line are one step of the model.
        if self.other.ringers.fetch_sub(1, atomic::Ordering::Relaxed) == 1 {
            kernel::add_one_and_wake(&self.other.is_hung_up, usize::MAX);
        }
    }

    pub(crate) fn ring(&self) -> Result<(), Stop> {
        kernel::add_one_and_wake(&self.other.rung, usize::MAX);
        Ok(())
    }

    pub(crate) fn is_alone(&self) -> Result<bool, Stop> {
        // ORDERING: Acquire; the kernel closes what the dead had open after their last store.
        Ok(self.own.is_hung_up.load(Acquire) != 0)
    }

    pub(crate) fn wait(&self, deadline: Deadline) -> Result<Heard, Stop> {
        let (rung, is_hung_up) = (&self.own.rung, &self.own.is_hung_up);
        let woken = kernel::wait(&[(rung, 0), (is_hung_up, 0)], deadline);
        // As poll(2), which reports both at once.
        let is_alone = self.is_alone()?;
        // ORDERING: Relaxed; a sleeper looks at the ring again, whatever it sees here.
        rung.swap(0, Relaxed);
        Ok(match (is_alone, woken) {
            (true, _) => Heard::HungUp,
            (false, true) => Heard::Bell,
            (false, false) => Heard::Deadline,
        })
    }
}
