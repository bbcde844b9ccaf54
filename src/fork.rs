//! What the child of a fork inherits from threads that it does not have, and how it forgets that.
//!
//! The tables of this crate are the process's: which threads are parked, which are awake, how many
//! spin. A child begins with one thread, and with the tables as they were at the fork. A parked
//! thread that does not exist would be woken in place of one that does; a woken one would be waited
//! for. So a handler empties the tables in the child, before `fork` returns there. A lock that was
//! free at the fork then works in the child, and so does a lock that the forking thread held,
//! whatever the other threads were doing to it.
//!
//! - **Registered** when the program is loaded ([`crate::load`]), before it has threads: a fork in
//!   the middle of a later registration does not run the handler. [`watch`] is for a program that
//!   was linked without that.
//! - **Twice is harmless**: the handler may run more than once in a child.
//! - **The handler** is in the child's only thread. It allocates nothing and takes no lock.
//! - **Left to the user**: a lock that another thread held at the fork stays held in the child for
//!   ever, as with every other lock; a child made without the C library's handlers (`vfork`,
//!   `_Fork`, a raw system call) may not wait; and a signal handler that interrupted a wait may not
//!   fork.

#[cfg(all(unix, not(any(loom, miri))))]
pub(crate) use unix::{generation, watch};

#[cfg(all(unix, not(any(loom, miri))))]
mod unix {
    #[cfg(target_os = "linux")]
    use crate::parking::lot;
    use crate::primitive::{AtomicUsize, Ordering::Relaxed};
    use crate::{load, rwlock, spin, waiters};

    static WATCHED: AtomicUsize = AtomicUsize::new(0);
    static GENERATION: AtomicUsize = AtomicUsize::new(0);

    /// From now on, the child of a fork begins with empty tables. To be called before a table is
    /// written.
    #[inline(always)]
    pub(crate) fn watch() {
        // ORDERING: Relaxed, here and below: a thread that does not see the flag registers once
        // more, as it may.
        if WATCHED.load(Relaxed) == 0 {
            register();
        }
    }

    #[cold]
    fn register() {
        load::link();
        // SAFETY: the handler does in a child what any code may do there. (A C library without
        // memory for one more handler says so. Then the child is as it would be without this.)
        unsafe { libc::pthread_atfork(None, None, Some(begin_child)) };
        // ORDERING: as above.
        WATCHED.store(1, Relaxed);
    }

    /// How many forks lie between this process and the first one that used this crate. A value from
    /// before the fork tells of another process, whose threads are not here.
    pub(crate) fn generation() -> usize {
        // ORDERING: Relaxed; only the handler writes, while there is one thread.
        GENERATION.load(Relaxed)
    }

    extern "C" fn begin_child() {
        // ORDERING: as in `generation`.
        GENERATION.fetch_add(1, Relaxed);
        #[cfg(target_os = "linux")]
        lot::begin_child();
        rwlock::bias::begin_child();
        spin::begin_child();
        waiters::begin_child();
    }
}

#[cfg(not(all(unix, not(any(loom, miri)))))]
pub(crate) fn watch() {}

#[cfg(any(miri, loom, not(unix)))]
pub(crate) fn generation() -> usize {
    0
}

#[cfg(all(test, unix, not(any(loom, miri))))]
mod tests {
    use crate::spin::{self, Spin};

    /// Whether `life` returns true in a child, which then ends.
    fn is_true_in_a_child(life: impl FnOnce() -> bool) -> bool {
        // SAFETY: the child does nothing but `life`, which needs no other thread.
        match unsafe { libc::fork() } {
            0 => {
                let code = if life() { 0 } else { 1 };
                // SAFETY: ends the child, without its parent's destructors.
                unsafe { libc::_exit(code) }
            }
            child => {
                let mut status = 0;
                // SAFETY: our own child, which has not been waited for.
                assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
                status == 0
            }
        }
    }

    #[test]
    fn a_child_counts_no_thread_as_spinning_that_it_does_not_have() {
        let spin = Spin::woken();
        assert!(spin::spinning() > 0);
        assert!(is_true_in_a_child(|| spin::spinning() == 0));
        drop(spin);
    }

    /// As when a signal handler forks.
    #[test]
    fn a_spin_that_began_in_the_parent_is_not_counted_in_the_child() {
        let spin = Spin::woken();
        assert!(is_true_in_a_child(|| {
            drop(spin);
            spin::spinning() == 0
        }));
    }

    #[test]
    fn each_child_is_a_generation() {
        let here = super::generation();
        assert!(is_true_in_a_child(|| {
            let next = super::generation() == here + 1;
            next && is_true_in_a_child(|| super::generation() == here + 2)
        }));
        assert_eq!(super::generation(), here);
    }
}
