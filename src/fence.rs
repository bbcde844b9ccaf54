//! A pair of fences, one of which costs nothing: [`light`] and [`heavy`].
//!
//! The two sides of a store-load race ("I release, then look for waiters"; "I say that I wait, then
//! look at the lock") each need a full fence, or both may miss the other. Unlocking is common and
//! waiting is rare, so the unlocker's fence only holds the compiler back, and the waiter's makes up
//! for it: it runs a full barrier on every core that is now running a thread of this process. If a
//! thread is not running, the switch that stopped it was a full barrier.
//!
//! - **Guarantee.** If thread A stores x, calls `light`, loads y, and thread B stores y, calls
//!   `heavy` (which returns true), loads x, then at least one of them sees the other's store.
//! - **Source.** The asymmetric fences of C++ (P1202, D. Goldblatt, 2018); on Linux the
//!   `membarrier` system call (M. Desnoyers, 2010–2017), command `PRIVATE_EXPEDITED`.
//! - **Where there is no membarrier** (another system) both are sequentially consistent fences. On
//!   a Linux that refuses it (an old kernel, a sandbox, from the start or from some time on),
//!   `heavy` returns false, and the waiter must not rely on being seen: it sleeps for short times
//!   and looks again. The unlocker never asks which case it is.
//! - **Between processes** the command is `GLOBAL_EXPEDITED`, which reaches those that have
//!   registered for it.
//! - **In a model** both are sequentially consistent fences. That is stronger than the truth in one
//!   respect: two `light` fences order each other there, and here they do not.

use crate::primitive::AtomicUsize;

/// The unlocker's side: keeps the compiler from moving the load that follows above the store before
/// it.
#[cfg(all(target_os = "linux", not(any(loom, miri))))]
#[inline(always)]
pub(crate) fn light() {
    // ORDERING: with `heavy` in the waiter, as the module says.
    std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
}

/// The waiter's side. True if every thread's `light` is now paired with it, false if the system
/// refused, or if this process is not registered.
///
/// Costs a fraction of a microsecond when no other core runs this process, about ten when they do.
/// It never registers: that takes so long that no waiter could make up for it.
#[cfg(all(target_os = "linux", not(any(loom, miri))))]
#[cold]
pub(crate) fn heavy() -> bool {
    use rustix::thread::{MembarrierCommand, membarrier};

    membarrier(MembarrierCommand::PrivateExpedited).is_ok()
}

/// As `heavy`, for a caller that cannot look again later: where the system refuses, it waits until
/// the same has come about by itself. A store leaves its processor within a microsecond once it is
/// at the head of the store buffer, however busy the memory, and every thread that is interrupted
/// passes a barrier. Ten milliseconds are a thousand times what the rest of the buffer takes.
///
/// Source: A. Morrison and Y. Afek, ASPLOS 2015 (temporally bounded store buffers).
#[cold]
pub(crate) fn heavy_or_wait() {
    if !heavy() {
        full();
        std::thread::sleep(std::time::Duration::from_millis(10));
        full();
    }
}

/// From now on `heavy` works in this process, and in the children that it forks. Takes half a
/// microsecond in a process with one thread. Beside others it waits until every processor has
/// switched threads, 7 to 28 ms, so it is for [`crate::load`] alone. If the system refuses, `heavy`
/// says so later.
#[cfg(all(unix, not(any(loom, miri))))]
pub(crate) fn register() {
    #[cfg(target_os = "linux")]
    // SAFETY: it has no arguments, and changes nothing that a program sees. (Not through rustix,
    // which has not been made ready on every target by when a program is loaded.)
    unsafe {
        libc::syscall(
            libc::SYS_membarrier,
            libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
            0,
            0,
        )
    };
}

/// As `heavy`, paired with `light` in all processes that have called [`join_others`].
#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    not(loom)
))]
#[cold]
pub(crate) fn heavy_for_others() -> bool {
    use rustix::thread::{MembarrierCommand, membarrier};

    membarrier(MembarrierCommand::GlobalExpedited).is_ok()
}

/// From now on this process is one of those. False if the system refused: then `light` is not
/// enough here.
#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    not(loom)
))]
pub(crate) fn join_others() -> bool {
    use rustix::thread::{MembarrierCommand, membarrier};

    membarrier(MembarrierCommand::RegisterGlobalExpedited).is_ok()
}

#[cfg(all(anteroom_models, not(shuttle)))]
pub(crate) fn heavy_for_others() -> bool {
    heavy()
}

#[cfg(any(not(target_os = "linux"), loom, miri))]
#[inline]
pub(crate) fn light() {
    full();
}

#[cfg(any(not(target_os = "linux"), loom, miri))]
#[inline]
pub(crate) fn heavy() -> bool {
    full();
    true
}

/// Whether `heavy` is an ordinary fence, which never fails.
pub(crate) const IS_CHEAP: bool = cfg!(all(any(not(target_os = "linux"), miri), not(loom)));

/// Whether `light` is cheaper than `full`, and `heavy` is there to pair with it. Runs one.
pub(crate) fn is_asymmetric() -> bool {
    cfg!(any(all(target_os = "linux", not(miri)), loom)) && heavy()
}

/// A sequentially consistent fence.
#[inline]
pub(crate) fn full() {
    #[cfg(not(loom))]
    // ORDERING: as the name says, and as everywhere in this module the caller says what for.
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
    #[cfg(loom)]
    crate::primitive::modeled::fence_seq_cst();
}

/// [`full`], right after a successful exchange or compare-exchange of any ordering, which on x86-64
/// is a full fence by itself.
#[cfg(any(
    all(
        target_os = "linux",
        target_env = "gnu",
        target_pointer_width = "64",
        not(loom)
    ),
    all(anteroom_models, not(shuttle))
))]
#[inline(always)]
pub(crate) fn after_exchange() {
    #[cfg(all(target_arch = "x86_64", not(loom), not(miri)))]
    // ORDERING: the exchange's, which the compiler is not to undo.
    std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
    #[cfg(any(not(target_arch = "x86_64"), loom, miri))]
    full();
}

/// Stores with Release, and orders that before a sequentially consistent load that follows: one
/// exchange, which is cheaper than a store and a fence.
#[inline(always)]
pub(crate) fn store_then_full(atomic: &AtomicUsize, value: usize) {
    #[cfg(not(loom))]
    // ORDERING: SeqCst, against `full` between another thread's store and its load.
    atomic.swap(value, std::sync::atomic::Ordering::SeqCst);
    #[cfg(loom)]
    {
        // Loom knows sequentially consistent fences, but takes such accesses for acquiring and
        // releasing ones.
        // ORDERING: Release, and the fence, as above.
        atomic.store(value, crate::primitive::Ordering::Release);
        full();
    }
}

/// Loads with Acquire, ordered after a [`store_then_full`] before it.
#[inline(always)]
pub(crate) fn load_after_full(atomic: &AtomicUsize) -> usize {
    #[cfg(not(loom))]
    // ORDERING: SeqCst, as the store: no other load is held back by that store. It costs what
    // Acquire does.
    let value = atomic.load(std::sync::atomic::Ordering::SeqCst);
    #[cfg(loom)]
    // ORDERING: Acquire; the fence in `store_then_full` does the rest.
    let value = atomic.load(crate::primitive::Ordering::Acquire);
    value
}
