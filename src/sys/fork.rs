//! Empties the crate's tables in the child of a fork, where their threads do not exist.
//!
//! The tables belong to the process: which threads are parked, which were woken, how many spin. A
//! child begins with one thread, and with the tables as they were at the fork. Without this, a
//! wake-up could go to a parked thread that does not exist, and a missing designated waker would
//! block the others. So a handler empties the tables in the child before `fork` returns there. Then
//! two kinds of lock work in the child, whatever other threads were doing to them: a lock that was
//! free, and a lock that the forking thread held.
//!
//! - **Registered** when the program is loaded ([`crate::sys::load`]), before it has threads: a
//!   fork in the middle of a later registration would not run the handler. [`watch`] registers it
//!   in a program that was linked without that.
//! - **Idempotent**: the handler may run more than once in a child.
//! - **The handler** runs in the child's only thread. It allocates nothing and takes no lock.
//! - **Left to the user**: a lock that another thread held at the fork stays held in the child, as
//!   with every lock. A child that was made without the C library's handlers (`vfork`, `_Fork`, a
//!   raw system call) may not wait. A child that a signal handler forked in the middle of a wait
//!   may not return into that wait. (Where it costs nothing, the code allows for that all the
//!   same.)

#[cfg(all(unix, not(any(anteroom_models, miri))))]
pub(crate) use unix::{generation, watch};

#[cfg(all(unix, not(any(anteroom_models, miri))))]
mod unix {
    #[cfg(target_os = "linux")]
    use crate::parking::lot;
    use crate::policy::spin;
    use crate::sys::load;
    use crate::sys::{AtomicUsize, Ordering::Relaxed};
    use crate::{rwlock, waiters};

    static WATCHED: AtomicUsize = AtomicUsize::new(0);
    static GENERATION: AtomicUsize = AtomicUsize::new(0);

    /// From now on, the child of a fork begins with empty tables. Call it before writing to one.
    #[inline(always)]
    pub(crate) fn watch() {
        // ORDERING: Relaxed, here and below; a thread that misses the flag registers twice.
        if WATCHED.load(Relaxed) == 0 {
            register();
        }
    }

    #[cold]
    fn register() {
        load::link();
        // SAFETY: the handler does in a child only what any code may do there. (A C library without
        // memory for the handler returns an error. Then the child goes without.)
        unsafe { libc::pthread_atfork(None, None, Some(begin_child)) };
        // ORDERING: Relaxed; see `watch`.
        WATCHED.store(1, Relaxed);
    }

    /// The number of forks between the first process that used this crate and this one. A value
    /// from before the fork describes another process, whose threads are not here.
    pub(crate) fn generation() -> usize {
        // ORDERING: Relaxed; only the handler writes, while there is one thread.
        GENERATION.load(Relaxed)
    }

    extern "C" fn begin_child() {
        // ORDERING: Relaxed; see `generation`.
        GENERATION.fetch_add(1, Relaxed);
        #[cfg(target_os = "linux")]
        lot::begin_child();
        rwlock::bias::begin_child();
        spin::begin_child();
        waiters::begin_child();
    }
}

#[cfg(not(all(unix, not(any(anteroom_models, miri)))))]
pub(crate) fn watch() {}

#[cfg(any(miri, anteroom_models, not(unix)))]
pub(crate) fn generation() -> usize {
    0
}

#[cfg(all(test, unix, not(any(anteroom_models, miri))))]
pub(crate) mod tests {
    use crate::policy::spin::{self, Spin};

    /// Whether `life` returns true in a child, which then ends.
    pub(crate) fn is_true_in_a_child(life: impl FnOnce() -> bool) -> bool {
        // SAFETY: the child does nothing but `life`, which needs no other thread.
        match unsafe { libc::fork() } {
            0 => {
                let code = if life() { 0 } else { 1 };
                // SAFETY: ends the child, without the destructors of its parent.
                unsafe { libc::_exit(code) }
            }
            child => {
                let mut status = 0;
                // SAFETY: the child is ours, and has not been waited for.
                assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
                status == 0
            }
        }
    }

    #[test]
    fn child_counts_no_inherited_thread_as_spinning() {
        let spin = Spin::woken();
        assert!(spin::spinning() > 0);
        assert!(is_true_in_a_child(|| spin::spinning() == 0));
        drop(spin);
    }

    /// A signal handler may fork in the middle of a spin.
    #[test]
    fn spin_begun_in_the_parent_is_not_counted_in_the_child() {
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
