//! How long the memory of locks stays mapped.

use super::*;

/// Another thread unmaps the region; something else is mapped where it was.
#[test]
fn memory_that_another_thread_unmapped_is_outside() {
    alone(|| {
        let region = shared(Mutex::new(0_u64));
        drop(region.lock().unwrap());
        let start = std::ptr::from_ref(&*region) as usize & !4095;
        std::thread::scope(|s| s.spawn(move || drop(region)).join().unwrap());
        // SAFETY: nothing is mapped there: `MAP_FIXED_NOREPLACE` makes sure.
        let there = unsafe {
            libc::mmap(
                start as *mut _,
                4096,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE,
                -1,
                0,
            )
        };
        // No other test runs in this process, so that nothing else has been mapped there.
        assert_eq!(there as usize, start);
        // SAFETY: mapped, zero, and for this test alone.
        let mutex = unsafe { &*there.cast::<Mutex<u64>>() };
        assert!(is_refused(|| mutex.lock().is_ok()));
    });
}

#[test]
fn memory_in_which_another_thread_holds_a_lock_stays_mapped() {
    let (region, other) = (Arc::new(shared(Mutex::new(0))), shared(Mutex::new(0)));
    let start = address(&**region);
    let (forgotten, is_forgotten) = mpsc::channel();
    let (dropped, is_dropped) = mpsc::channel();
    std::thread::scope(|s| {
        let (other, its) = (&other, region.clone());
        let thread = s.spawn(move || {
            forget(its.lock().unwrap());
            drop(its);
            forgotten.send(()).unwrap();
            is_dropped.recv().unwrap();
            drop(other.lock().unwrap());
        });
        is_forgotten.recv().unwrap();
        drop(region);
        assert!(is_mapped(start));
        dropped.send(()).unwrap();
        thread.join().unwrap();
    });
}

/// The kernel has walked its list.
#[test]
fn memory_of_a_thread_that_has_ended_is_unmapped() {
    Child::fork(|| {
        let region = shared(Mutex::new(0));
        let start = address(&*region);
        let thread = std::thread::scope(|s| {
            let life = || {
                forget(region.lock().unwrap());
                rustix::thread::gettid().as_raw_nonzero()
            };
            s.spawn(life).join().unwrap()
        });
        let task = format!("/proc/self/task/{thread}");
        until("ended", || !std::path::Path::new(&task).exists());
        assert!(matches!(region.lock(), Err(LockError::OwnerDied(_))));
        drop(region);
        assert!(!is_mapped(start));
    })
    .succeed();
}

#[test]
fn memory_is_unmapped_after_guards_released_in_any_order() {
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        Child::fork(|| {
            let regions = [0, 1, 2].map(|it| shared(Mutex::new(it)));
            let starts = regions.each_ref().map(|it| address(&**it));
            let mut guards = regions.each_ref().map(|it| Some(it.lock().unwrap()));
            for place in order {
                guards[place] = None;
            }
            drop(guards);
            drop(regions);
            assert!(!starts.into_iter().any(is_mapped));
        })
        .succeed();
    }
}

/// Also where it is not the newest: the others go on.
#[test]
fn memory_with_a_forgotten_guard_stays_while_others_change() {
    let others = shared([const { Mutex::new(0) }; 8]);
    std::thread::scope(|s| {
        for _ in 0..3 {
            let others = &others;
            s.spawn(move || {
                for round in 0..2000 {
                    let region = shared(Mutex::new(0));
                    let start = address(&*region);
                    let older = others[round % 4].lock().unwrap();
                    forget(region.lock().unwrap());
                    let newer = others[4 + round % 4].lock().unwrap();
                    let dropper = (round % 100 == 0).then(|| {
                        let region = region;
                        s.spawn(move || {
                            drop(region);
                            assert!(is_mapped(start));
                        })
                    });
                    drop(older);
                    drop(newer);
                    drop(others[round % 8].lock().unwrap());
                    if let Some(dropper) = dropper {
                        dropper.join().unwrap();
                        // It holds it until its end: enough.
                        if round >= 900 {
                            return;
                        }
                    }
                }
            });
        }
    });
}

/// A child inherits what was pending for its parent's thread. Another thread of the child unmaps
/// the memory, and something else is mapped there before the first thread ends.
#[test]
fn what_a_child_inherits_as_pending_is_not_marked_later() {
    let region = shared(Mutex::new(0_u64));
    let start = address(&*region) & !4095;
    let _held = region.lock().unwrap();
    Child::fork(|| {
        let first = rustix::process::getpid().as_raw_nonzero().get();
        let region = SendIt(std::ptr::from_ref(&region));
        let watches = std::thread::spawn(move || {
            let region = region;
            // SAFETY: the child's copy, which it does not use again.
            drop(unsafe { region.0.read() });
            // SAFETY: nothing is mapped there: `MAP_FIXED_NOREPLACE` makes sure.
            let there = unsafe {
                libc::mmap(
                    start as *mut _,
                    4096,
                    libc::PROT_READ | libc::PROT_WRITE,
                    libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE,
                    -1,
                    0,
                )
            };
            assert_eq!(there as usize, start);
            // SAFETY: mapped, and for this thread alone.
            let words = unsafe { std::slice::from_raw_parts_mut(there.cast::<u32>(), 1024) };
            words.fill(first.cast_unsigned());
            until("ended", || common::processes::state(first) == Some('Z'));
            let is_same = words.iter().all(|word| *word == first.cast_unsigned());
            // SAFETY: ends the process.
            unsafe { libc::_exit(if is_same { 0 } else { 1 }) }
        });
        forget(watches);
        // SAFETY: ends this thread only.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
    })
    .succeed();
}

struct SendIt(*const Shared<Mutex<u64>>);
// SAFETY: the thread that has sent it ends.
unsafe impl Send for SendIt {}
