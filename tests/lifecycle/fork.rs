//! A process forks while a lock is free, held, or waited for.

use crate::subjects::{Broadcast, Channel, Condvar, Entry, Lock, ReadLocked};
use crate::tools::{Event, Thread, fork_with_outcome, make};
use common::processes::{Child, End, counter, until};
use std::sync::atomic::Ordering::SeqCst;

/// In how many children the lock must have been free at the fork.
const CHILDREN: usize = 12;

/// What a child answers that finds the lock held, which is no premise for this test.
const HELD: i32 = 3;

/// A thread waits for the lock and gets it in the end.
fn check_contended<L: Lock>(lock: &'static L) {
    let guard = lock.hold();
    let waiter = Thread::asleep(|| assert_eq!(lock.enter(), Entry::Cleanly));
    assert!(!waiter.is_done());
    drop(guard);
    waiter.join();
}

/// Forks when a waiter has just been woken and has not acquired yet: the child has no such thread.
pub(crate) fn while_free<L: Lock>() {
    let (lock, _name) = make::<L>();
    let mut children = 0;
    for _ in 0..100 * CHILDREN {
        let guard = lock.hold();
        let waiter = Thread::asleep(|| assert_eq!(lock.enter(), Entry::Cleanly));
        drop(guard);
        let child = fork_with_outcome(|| {
            if !lock.is_free() {
                return HELD;
            }
            check_contended(lock);
            0
        });
        let end = child.wait();
        waiter.join();
        match end {
            End::Exited(0) => children += 1,
            end => assert_eq!(end, End::Exited(HELD), "the child's contended lock"),
        }
        if children == CHILDREN {
            return;
        }
    }
    assert!(children > 0, "the lock was held at every fork");
}

/// As `while_free`, with a lock that the parent and the child go on sharing.
pub(crate) fn while_free_between<L: Lock>() {
    const ROUNDS: usize = 100;
    let (lock, _name) = make::<L>();
    for _ in 0..CHILDREN {
        let guard = lock.hold();
        let waiter = Thread::asleep(|| assert_eq!(lock.enter(), Entry::Cleanly));
        drop(guard);
        let enter = || (0..ROUNDS).for_each(|_| assert_eq!(lock.enter(), Entry::Cleanly));
        let child = Child::fork(|| {
            enter();
            check_contended(lock);
        });
        enter();
        child.succeed();
        waiter.join();
    }
}

/// No thread waits, but a waiter has just been woken. (It has its mutex again: at a fork before
/// that, the child's copy of the mutex may be held by a thread that the child does not have.)
pub(crate) fn condvar_while_free<C: Channel>() {
    let (condvar, _name) = make::<C>();
    for _ in 0..CHILDREN {
        let waiter = Thread::asleep(|| condvar.wait());
        condvar.signal();
        waiter.join();
        let child = Child::fork(|| {
            let waiter = Thread::asleep(|| condvar.wait());
            condvar.signal();
            waiter.join();
        });
        child.succeed();
    }
}

/// A waiter has just been woken. The parent and the child signal each other.
pub(crate) fn channel_while_free_between<C: Channel>() {
    let (channel, _name) = make::<C>();
    for _ in 0..CHILDREN {
        let waiter = Thread::asleep(|| channel.wait());
        channel.signal();
        let child = Child::fork(|| channel.wait());
        channel.signal();
        child.succeed();
        waiter.join();
        let child = Child::fork(|| channel.signal());
        channel.wait();
        child.succeed();
    }
}

/// The child has a copy of the lock and of its holder, which is the forking thread.
pub(crate) fn while_held_by_the_forker<L: Lock>() {
    let (lock, _name) = make::<L>();
    let mut guard = Some(lock.hold());
    let child = Child::fork(|| {
        assert!(!lock.try_enter());
        drop(guard.take());
        assert!(lock.try_enter());
        check_contended(lock);
    });
    child.succeed();
    assert!(!lock.try_enter(), "the child's release is not the parent's");
    drop(guard.take());
    check_contended(lock);
}

/// The child holds nothing: its copy of the guard is inert.
pub(crate) fn while_held_by_the_forker_between<L: Lock>() {
    let (lock, _name) = make::<L>();
    let steps = counter();
    let mut guard = Some(lock.hold());
    let child = Child::fork(|| {
        assert!(!lock.try_enter());
        drop(guard.take());
        assert!(!lock.try_enter(), "the parent's lock was released");
        steps.store(1, SeqCst);
        assert_eq!(lock.enter(), Entry::Cleanly);
    });
    until("the child has dropped its copy", || {
        child.has_ended() || steps.load(SeqCst) == 1
    });
    child.until_asleep_or_done();
    assert!(!child.has_ended());
    drop(guard.take());
    child.succeed();
    assert!(lock.try_enter());
}

/// The child releases its copy of the mutex, and both go on, each with its own.
pub(crate) fn condvar_while_mutex_held() {
    let (condvar, _name) = make::<Condvar>();
    let mut guard = Some(condvar.0.lock());
    let child = Child::fork(|| {
        drop(guard.take());
        let waiter = Thread::asleep(|| condvar.wait());
        condvar.signal();
        waiter.join();
    });
    child.succeed();
    assert!(condvar.0.is_locked());
    drop(guard.take());
    let waiter = Thread::asleep(|| condvar.wait());
    condvar.signal();
    waiter.join();
}

/// A signal that no thread has taken is there once, for the parent and the child together.
pub(crate) fn channel_while_holding<C: Channel>() {
    let (channel, _name) = make::<C>();
    channel.signal();
    Child::fork(|| channel.wait()).succeed();
    assert!(!channel.try_wait(), "it came twice");
}

/// The child has no thread that could release its copy of the lock: it stays held, trying says so,
/// and the process can end. The parent does not notice.
pub(crate) fn while_held_by_another_thread<L: Lock>() {
    let (lock, _name) = make::<L>();
    let (held, release) = (Event::new(), Event::new());
    let holder = {
        let (held, release) = (held.clone(), release.clone());
        Thread::spawn(move || {
            let guard = lock.hold();
            held.happen();
            release.wait();
            drop(guard);
        })
    };
    held.wait();
    let child = Child::fork(|| assert!(!lock.try_enter()));
    child.succeed();
    assert!(!lock.try_enter());
    release.happen();
    holder.join();
    check_contended(lock);
}

/// The holder is a thread of the parent, and its release reaches the child.
pub(crate) fn while_held_by_another_thread_between<L: Lock>() {
    let (lock, _name) = make::<L>();
    let (held, release) = (Event::new(), Event::new());
    let holder = {
        let (held, release) = (held.clone(), release.clone());
        Thread::spawn(move || {
            let guard = lock.hold();
            held.happen();
            release.wait();
            drop(guard);
        })
    };
    held.wait();
    let child = Child::fork(|| {
        assert!(!lock.try_enter());
        assert_eq!(lock.enter(), Entry::Cleanly);
    });
    child.until_asleep_or_done();
    release.happen();
    child.succeed();
    holder.join();
}

/// Other threads are in the middle of calls at each fork. Children send and take what is theirs.
pub(crate) fn channel_in_the_middle_of_a_call<C: Channel>() {
    let (channel, _name) = make::<C>();
    let end = Event::new();
    let busy = {
        let end = end.clone();
        Thread::spawn(move || {
            while !end.has_happened() {
                channel.signal();
                channel.wait();
            }
        })
    };
    let children: Vec<_> = (0..CHILDREN)
        .map(|_| {
            Child::fork(|| {
                for _ in 0..20 {
                    channel.signal();
                    channel.wait();
                }
            })
        })
        .collect();
    children.into_iter().for_each(Child::succeed);
    end.happen();
    busy.join();
    assert!(!channel.try_wait(), "a signal came twice");
}

/// In the child, the copies of the waiters are no threads. Its release does not depend on them.
pub(crate) fn while_waited_for<L: Lock>() {
    let (lock, _name) = make::<L>();
    for _ in 0..3 {
        let guard = lock.hold();
        let waiters: Vec<_> = (0..2)
            .map(|_| Thread::asleep(|| assert_eq!(lock.enter(), Entry::Cleanly)))
            .collect();
        let mut guard = Some(guard);
        let child = Child::fork(|| {
            drop(guard.take());
            for _ in 0..3 {
                check_contended(lock);
            }
        });
        child.succeed();
        drop(guard);
        waiters.into_iter().for_each(Thread::join);
    }
}

/// The waiters are threads of the parent. A child that ends changes nothing for them.
pub(crate) fn while_waited_for_between<L: Lock>() {
    let (lock, _name) = make::<L>();
    let guard = lock.hold();
    let waiters: Vec<_> = (0..2)
        .map(|_| Thread::asleep(|| assert_eq!(lock.enter(), Entry::Cleanly)))
        .collect();
    Child::fork(|| assert!(!lock.try_enter())).succeed();
    let child = Child::fork(|| assert_eq!(lock.enter(), Entry::Cleanly));
    child.until_asleep_or_done();
    drop(guard);
    child.succeed();
    waiters.into_iter().for_each(Thread::join);
}

/// A signal of the child reaches a waiter in the parent.
pub(crate) fn channel_while_waited_for<C: Channel>() {
    let (channel, _name) = make::<C>();
    let waiters: Vec<_> = (0..2).map(|_| Thread::asleep(|| channel.wait())).collect();
    Child::fork(|| ()).succeed();
    Child::fork(|| (0..2).for_each(|_| channel.signal())).succeed();
    waiters.into_iter().for_each(Thread::join);
}

/// In the child, the copies of the waiters are no threads, and may get the first notifications: as
/// many as there were waiters. `notify_all` reaches all threads at once.
pub(crate) fn condvar_while_waited_for<C: Broadcast>() {
    let (condvar, _name) = make::<C>();
    let waiter = Thread::asleep(|| condvar.wait());
    let child = Child::fork(|| {
        let waiter = Thread::asleep(|| condvar.wait());
        condvar.signal_all();
        waiter.join();
    });
    child.succeed();
    condvar.signal();
    waiter.join();
}

/// In the child, the copies of the writers that wait keep no reader out while its copy of the read
/// is held, nor for ever when it has left.
pub(crate) fn readers_while_writers_wait() {
    let (lock, _name) = make::<ReadLocked>();
    let mut guard = Some(lock.hold());
    let writers: Vec<_> = (0..2)
        .map(|_| Thread::asleep(|| assert_eq!(lock.enter(), Entry::Cleanly)))
        .collect();
    let child = Child::fork(|| {
        Thread::spawn(|| drop(lock.hold())).join();
        drop(guard.take());
        Thread::spawn(|| drop(lock.hold())).join();
        check_contended(lock);
    });
    child.succeed();
    drop(guard);
    writers.into_iter().for_each(Thread::join);
}
