//! Locks, semaphores, queues and pipes between processes: they survive `kill -9` anywhere.
//!
//! [`lifecycle`](crate::lifecycle) says what each primitive does when a process forks, ends or is
//! stopped; [`limits`](crate::limits) how many there may be of what.
//!
//! **Targets.** This module exists only on 64-bit Linux with glibc; a program that names it does
//! not compile elsewhere. The locks join the list that the C library has registered with the kernel
//! for each of its threads. musl registers one when a thread locks its first robust mutex. It would
//! silently replace ours, and locks of dead threads would stay held. Other libraries and 32-bit
//! targets lay their mutexes out otherwise.
//!
//! | what | instead of | when a process dies |
//! |---|---|---|
//! | [`SharedMemory`], [`Shared<T>`] | `shm_open`, `mmap` | the name and the memory stay |
//! | [`Mutex<T>`] | a robust `pthread_mutex_t` | the next holder repairs the data or poisons it |
//! | [`Condvar`] | a shared `pthread_cond_t` | a killed waiter's notification goes to another |
//! | [`RwLock<T>`] | a shared `pthread_rwlock_t` | its read locks are released; else as a mutex |
//! | [`Semaphore`] | a process-shared `sem_t`, `semop` with `SEM_UNDO` | its permits come back |
//! | [`MessageQueue`] | `mq_open`, `msgget` | each message was sent or received whole, or not |
//! | [`pipe`], [`Fifo`] | `pipe`, `mkfifo` | end of file, or a broken pipe, after the last one |
//!
//! # What is guaranteed
//! A thread that ends while it holds something, or within a call, counts as dead: by `SIGKILL`, by
//! the `exec` of its process's only thread, or by itself. At whatever instruction it ends:
//!
//! | the thread was | then |
//! |---|---|
//! | holding a mutex | [`LockError::OwnerDied`] tells the next holder; the data is as it was left |
//! | about to acquire a mutex | it may count as a holder; the data is as the last one left it |
//! | about to release a mutex | it may count as a holder, though the data is complete |
//! | holding permits or a read lock | they come back, each once; waiters for them are woken |
//! | about to acquire or give back these | it has them, and they come back; or it has not |
//! | holding a write lock | [`RwLockError::WriterDied`] tells the next writer; the data likewise |
//! | waiting to write, and keeping new readers out | these enter |
//! | giving back what another dead thread held | the next thread that looks goes on with that |
//! | asleep, waiting for a lock | the others do not notice |
//! | woken, but not yet running | another waiter is woken in its place |
//! | notifying one waiter or all | no waiter is notified, or all that were meant |
//! | woken by a notification, acquiring the mutex | it was notified; no waiter takes its place |
//! | sending a message | the message is in the queue, whole, or not at all |
//! | receiving a message | the message is in the queue still, or gone with the thread |
//! | writing to a pipe | the others read whole writes of up to 4096 bytes, or nothing of one |
//! | reading from a pipe | what it had not taken is there still; it takes up to 16 KiB at once |
//! | creating or removing by name | the name exists, with everything in it, or not at all |
//! | opening a FIFO | it has an end open until the system has closed that, or never had |
//!
//! No thread hangs, no lock has two holders, and no thread polls: the kernel wakes the threads
//! concerned. (It reads at a thread's end the list of what the thread holds; `set_robust_list(2)`.)
//!
//! # What is checked
//! - **Where a lock is.** A [`Mutex`], [`RwLock`], [`Semaphore`] or [`Condvar`] works only in
//!   memory that [`Shared`] or [`SharedMemory`] has mapped in this process. Elsewhere, every use of
//!   it by `&` panics before it changes anything; also within the closure of
//!   [`Shared::create_with`] and its kin, which makes it. The check is two loads for a page in
//!   which the thread has used a lock lately, and else a search of all mappings.
//! - **How many locks a thread holds**: at most [`MAX_HELD`]. One more is refused with
//!   `TooManyHeld`. The kernel releases 2,048 locks of a dead thread; the others are for robust
//!   mutexes of the C library. Each copy of this crate in a process (a plugin has its own) counts
//!   only its own locks: two of them stay below 2,048, and a third may exceed that.
//! - **Which process holds a lock.** A guard belongs to one process, whatever numbers threads have.
//!   In a child of a fork and its descendants, an inherited guard does nothing when it is dropped.
//!
//! # What is not promised
//! - **Hostile processes.** A process that may write to the memory can block others for ever, and
//!   change the data. It cannot make them read or write anywhere else: they do not believe sizes
//!   and positions in it, and record in their own memory which locks a thread holds. So it is safe
//!   to *open* and to *use* memory full of random bytes. Only the kernel follows addresses in it,
//!   when a thread ends that holds locks there. If these were changed, the kernel releases fewer
//!   locks than the thread held, of other regions as well; and it may set `FUTEX_OWNER_DIED` in a
//!   word of the dying process that equals the thread's number, wherever the address points.
//! - **Locks in a lock's data.** A guard gives them by `&` only ([`Shareable::HAS_LOCKS`]). Code
//!   with `unsafe` must not overwrite a held lock: the kernel would miss its holder's earlier ones.
//! - **Lent guards.** A thread must not lend `&mut` of a guard's data to other threads of its
//!   process for system calls that write there (`file.read(&mut guard[..])` on a scoped thread).
//!   When the process is killed, the kernel releases the lock as soon as its holder has ended, and
//!   the other thread ends when its call does: until then, the kernel writes into data that the
//!   next holder already has. (So it does with glibc's robust mutexes.)
//! - **Leaked guards.** A thread's end counts as its death also if it has leaked a guard
//!   (`Box::leak`). Then the next holder may change what references from that guard still show.
//!   Such a reference must not be used after that thread's end.
//! - **A replaced list.** If other code registers another robust list for a thread
//!   (`set_robust_list(2)`), the kernel does not learn what the thread holds. glibc does so only in
//!   a child of a fork, which is noticed.
//! - **Stopped processes.** A stopped process (`SIGSTOP`) keeps what it holds, and maybe a wake-up
//!   that others rely on, until it goes on or is killed.
//! - **PID namespaces.** A lock names its holder by the thread's number, which differs between
//!   namespaces. Memory that was made in one namespace is not opened in another
//!   ([`OpenError::PidNamespace`]), where `/proc` tells which is which. A child of a fork in
//!   another namespace than its parent must not use what it inherits, which is not checked.
//! - **Memory that is taken away from a dying process.** `process_mrelease(2)`, which Android's
//!   killer of processes uses, frees a process's memory during its death, maybe before the kernel
//!   has read there which locks it holds. These then stay held, as glibc's robust mutexes do. (The
//!   out-of-memory killer before Linux 5.18 could do the same; since then it leaves the process two
//!   seconds first.) Waiters do not ask whether a holder lives: its number may live again, and a
//!   zombie has one, too.
//! - **The kernel's unlock race.** A thread announces that it releases a lock, releases it, and
//!   takes the announcement back. If in between another thread unmaps the memory and maps something
//!   else there, and the process dies just then, the kernel may mark a word of that (glibc's bug
//!   14485). Here a guard borrows the memory until its release is over, so no thread can unmap it.
//! - **`exec` by one thread of many.** The kernel gives it another number before it looks at what
//!   it holds, which stays held for ever, as with glibc's. Release all before, or let the main
//!   thread do it.
//! - **Forks.** A child holds nothing that its parent holds, though it has the parent's guards:
//!   these do nothing when they are dropped. What they refer to must not be read or written there:
//!   the parent changes it. A child that a signal handler has forked must not return into a call of
//!   this module that the handler interrupted: it would go on as its parent, and take locks that
//!   are never released. Children made otherwise than by `fork`, which share the parent's memory
//!   (`vfork`, `CLONE_VM`), must not use this.
//! - **The memory's file.** If another program truncates it, the next access is `SIGBUS`.
//! - **Other layouts.** All programs must have been compiled with the same version of this crate,
//!   as opening checks. A thread whose registered list is laid out otherwise than glibc's panics.
//!
//! **Stacks.** A call on a pipe, a FIFO or a message queue needs at most 5 KiB of stack in a
//! release build. One that waits for permits of a semaphore or for an `RwLock` needs 13 KiB: more
//! than a thread with 16 KiB has left beside its thread-locals.
//!
//! **A thread's first call** on anything of this module maps 8 KiB, and panics where the system
//! refuses them (`RLIMIT_AS`, `vm.max_map_count`); nothing has changed then.
//!
//! **A process's first creation or opening** of anything of this module registers the process with
//! `membarrier(2)`. Beside other threads that takes up to 30 ms, once; later calls and locks do
//! not.
//!
//! **System.** It needs Linux 5.16 (`futex_waitv`). Where that is missing, or a sandbox refuses it,
//! nothing is created or opened ([`OpenError::Unsupported`]); where a sandbox refuses it later,
//! waiters look again every millisecond. For the promise about woken threads, it needs Linux 6.2 or
//! a stable kernel of 2022 or later ("futex: Resend potentially swallowed owner death
//! notification"). Where the system refuses `membarrier(2)`, waiters look again every millisecond.

pub(crate) mod gate;
pub(crate) mod ledger;
pub(crate) mod message_queue;
pub(crate) mod ring;
#[cfg(not(anteroom_models))]
pub(crate) mod types;

pub(crate) mod condvar {
    pub(crate) mod raw;
}
pub(crate) mod mutex {
    pub(crate) mod raw;
}
pub(crate) mod rwlock {
    pub(crate) mod raw;
}
pub(crate) mod semaphore {
    pub(crate) mod raw;
}

pub use message_queue::{Message, Selector};
#[cfg(not(anteroom_models))]
pub use types::*;

/// Models of what is in here: they look at what no user sees.
#[cfg(anteroom_models)]
#[doc(hidden)]
#[path = "../loom-tests/ipc/mod.rs"]
pub mod models;
