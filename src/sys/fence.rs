//! An asymmetric fence: a light side that costs nothing ([`light`]) and a heavy side ([`heavy`]).
//!
//! A store-load race has two sides: "I release, then look for waiters", and "I announce that I
//! wait, then look at the lock". Each needs a full fence, or both may miss the other. Unlocking is
//! common and waiting is rare. So the unlocker's fence only holds the compiler back. The waiter's
//! fence does the work of both: it runs a full barrier on every core that runs a thread of this
//! process at that moment. A thread that does not run has passed a full barrier when it was
//! switched out.
//!
//! - **Guarantee.** Thread A stores x, calls `light`, loads y. Thread B stores y, calls `heavy`
//!   (which returns true), loads x. Then at least one of them sees the other's store. So if A's
//!   load misses B's store, then all that A did before `light` is visible after B's `heavy`: to B,
//!   and to each thread that acquires what B releases later.
//! - **Source.** The asymmetric fences of C++ (P1202, D. Goldblatt, 2018). On Linux: the
//!   `membarrier` system call (M. Desnoyers, 2010–2017), command `PRIVATE_EXPEDITED`.
//! - **Where there is no membarrier** (another system) both sides are sequentially consistent
//!   fences. On a Linux that refuses it (an old kernel, a sandbox, from the start or later) `heavy`
//!   returns false. Then the waiter must not rely on being seen: it sleeps for short times and
//!   looks again. The unlocker does not ask which case it is.
//! - **Between processes** the command is `GLOBAL_EXPEDITED`, which reaches registered processes.
//!   In a process that could not register, unlockers run a full fence ([`join_others`]).
//! - **In a model** both sides are sequentially consistent fences. That is stronger than the truth
//!   in one respect: in a model two `light` fences order each other, on real threads they do not.

use crate::sys::AtomicUsize;

/// The unlocker's side: keeps the compiler from moving a later load above an earlier store.
#[cfg(all(target_os = "linux", not(any(anteroom_models, miri))))]
#[inline(always)]
pub(crate) fn light() {
    // ORDERING: pairs with `heavy` in the waiter; see the module.
    std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
}

/// The waiter's side. True if every thread's `light` is paired with it; false if the system
/// refuses, or if this process is not registered.
///
/// Costs a fraction of a microsecond if no other core runs this process, else about ten. It never
/// registers the process: beside other threads that takes longer than most waits ([`register`]).
#[cfg(all(target_os = "linux", not(any(anteroom_models, miri))))]
#[cold]
pub(crate) fn heavy() -> bool {
    use rustix::thread::{MembarrierCommand, membarrier};

    membarrier(MembarrierCommand::PrivateExpedited).is_ok()
}

/// As `heavy`, for a caller that cannot look again later. Where the system refuses, it waits until
/// all stores have become visible by themselves. However busy the memory, a store leaves its
/// processor within a microsecond once it is the oldest in the store buffer; and every interrupted
/// thread passes a barrier. Ten milliseconds are about a hundred times what a full buffer takes.
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

/// Registers this process, and the children that it forks, so that `heavy` works. Takes half a
/// microsecond in a process with one thread. Beside other threads it waits until every processor
/// has switched threads, 7 to 28 ms, so only [`crate::sys::load`] calls it. If the system refuses
/// to register the process, each later `heavy` returns false.
#[cfg(all(unix, not(any(anteroom_models, miri))))]
pub(crate) fn register() {
    #[cfg(target_os = "linux")]
    // SAFETY: the call has no pointer arguments, and changes nothing that a program sees. (Not
    // through rustix, which is not initialized on every target when a program is loaded.)
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
    not(anteroom_models)
))]
#[cold]
pub(crate) fn heavy_for_others() -> bool {
    use rustix::thread::{MembarrierCommand, membarrier};

    membarrier(MembarrierCommand::GlobalExpedited).is_ok()
}

/// Makes [`heavy_for_others`] reach this process from now on. False if the system refuses: then
/// this process's threads need a full fence in the place of `light`.
#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    not(anteroom_models)
))]
pub(crate) fn join_others() -> bool {
    use rustix::thread::{MembarrierCommand, membarrier};

    membarrier(MembarrierCommand::RegisterGlobalExpedited).is_ok()
}

#[cfg(all(anteroom_models, not(shuttle)))]
pub(crate) fn heavy_for_others() -> bool {
    heavy()
}

#[cfg(any(not(target_os = "linux"), anteroom_models, miri))]
#[inline]
pub(crate) fn light() {
    full();
}

#[cfg(any(not(target_os = "linux"), anteroom_models, miri))]
#[inline]
pub(crate) fn heavy() -> bool {
    full();
    true
}

/// Whether `heavy` is an ordinary fence, which never fails and interrupts no core, so that a waiter
/// runs it at once. False in a model, so that models have the paths where it comes later.
pub(crate) const IS_CHEAP: bool = cfg!(all(
    any(not(target_os = "linux"), miri),
    not(anteroom_models)
));

/// Whether `light` is cheaper than `full`. True in a model, where `light` stands for such a fence.
const IS_ASYMMETRIC: bool = cfg!(any(all(target_os = "linux", not(miri)), anteroom_models));

/// Whether `light` is cheaper than `full`, and `heavy` works. Runs one `heavy`. True in a model,
/// where all three are the same: so models have the paths of asymmetric fences.
pub(crate) fn is_asymmetric() -> bool {
    IS_ASYMMETRIC && heavy()
}

/// A sequentially consistent fence.
#[inline]
pub(crate) fn full() {
    #[cfg(not(anteroom_models))]
    // ORDERING: SeqCst; in this whole module, the caller says what for.
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
    #[cfg(anteroom_models)]
    crate::sys::model::fence_seq_cst();
}

/// [`full`], right after a successful exchange or compare-exchange of any ordering. On x86-64 such
/// an instruction is a full fence already.
#[cfg(any(
    all(
        target_os = "linux",
        target_env = "gnu",
        target_pointer_width = "64",
        not(anteroom_models)
    ),
    all(anteroom_models, not(shuttle))
))]
#[inline(always)]
pub(crate) fn after_exchange() {
    #[cfg(all(target_arch = "x86_64", not(anteroom_models), not(miri)))]
    // ORDERING: the exchange is a full fence for the processor, and this is one for the compiler.
    std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
    #[cfg(any(not(target_arch = "x86_64"), anteroom_models, miri))]
    full();
}

/// Stores with Release, ordered before the calling thread's next [`load_after_full`]. One exchange
/// is cheaper than a store and a fence.
#[inline(always)]
pub(crate) fn store_then_full(atomic: &AtomicUsize, value: usize) {
    #[cfg(not(anteroom_models))]
    // ORDERING: SeqCst; pairs with `full` between another thread's store and its load.
    atomic.swap(value, std::sync::atomic::Ordering::SeqCst);
    #[cfg(anteroom_models)]
    {
        // Loom supports sequentially consistent fences, but no such accesses.
        // ORDERING: Release, and the fence; together as the exchange above.
        atomic.store(value, crate::sys::Ordering::Release);
        full();
    }
}

/// Loads with Acquire, ordered after the calling thread's preceding [`store_then_full`].
#[inline(always)]
pub(crate) fn load_after_full(atomic: &AtomicUsize) -> usize {
    #[cfg(not(anteroom_models))]
    // ORDERING: SeqCst, as the exchange in `store_then_full`. A weaker load could move above that
    // exchange. On x86-64 this load costs what one with Acquire does.
    let value = atomic.load(std::sync::atomic::Ordering::SeqCst);
    #[cfg(anteroom_models)]
    // ORDERING: Acquire; the fence in `store_then_full` does the rest.
    let value = atomic.load(crate::sys::Ordering::Acquire);
    value
}
