//! The C library's robust mutexes and ours, in one list.

use super::*;

/// A robust `pthread_mutex_t` in shared memory.
struct Pthread(*mut libc::pthread_mutex_t);

impl Pthread {
    fn new(memory: &Shared<[u64; 8]>) -> Self {
        let mutex = std::ptr::from_ref(&**memory)
            .cast_mut()
            .cast::<libc::pthread_mutex_t>();
        let mut how = std::mem::MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
        let how = how.as_mut_ptr();
        // SAFETY: attributes to be initialized.
        assert_eq!(unsafe { libc::pthread_mutexattr_init(how) }, 0);
        let robust = libc::PTHREAD_MUTEX_ROBUST;
        // SAFETY: initialized attributes.
        assert_eq!(unsafe { libc::pthread_mutexattr_setrobust(how, robust) }, 0);
        let shared = libc::PTHREAD_PROCESS_SHARED;
        // SAFETY: as above.
        let set = unsafe { libc::pthread_mutexattr_setpshared(how, shared) };
        assert_eq!(set, 0);
        // SAFETY: as above; the mutex is large and aligned enough, and used for nothing else.
        assert_eq!(unsafe { libc::pthread_mutex_init(mutex, how) }, 0);
        Pthread(mutex)
    }

    fn lock(&self) -> i32 {
        // SAFETY: made by `new`.
        unsafe { libc::pthread_mutex_lock(self.0) }
    }

    fn unlock(&self) {
        // SAFETY: as above; this thread holds it.
        assert_eq!(unsafe { libc::pthread_mutex_unlock(self.0) }, 0);
    }

    fn owner_died(&self) -> bool {
        let died = self.lock() == libc::EOWNERDEAD;
        if died {
            // SAFETY: as above.
            unsafe { libc::pthread_mutex_consistent(self.0) };
        }
        self.unlock();
        died
    }
}

/// Locks and unlocks two of each in every order of eight steps, and dies: what it held is told
/// of.
#[test]
fn all_are_let_go_of_by_the_kernel() {
    let memory = [0, 1].map(|_| shared([0_u64; 8]));
    let theirs = memory.each_ref().map(Pthread::new);
    let ours = shared([const { Mutex::new(0_u64) }; 2]);
    let mut random = fastrand::Rng::with_seed(13);
    for _ in 0..150 {
        let steps: Vec<usize> = (0..10).map(|_| random.usize(..4)).collect();
        let mut held = [false; 4];
        steps.iter().for_each(|it| held[*it] = !held[*it]);
        let child = Child::fork(|| {
            let mut held = [false; 4];
            for step in &steps {
                match (step, held[*step]) {
                    (0 | 1, false) => forget(ours[*step].lock().unwrap()),
                    // SAFETY: its guard was forgotten.
                    (0 | 1, true) => unsafe { ours[*step].force_unlock() },
                    (_, false) => assert_eq!(theirs[step - 2].lock(), 0),
                    (_, true) => theirs[step - 2].unlock(),
                }
                held[*step] = !held[*step];
            }
            // SAFETY: it kills this process.
            unsafe { libc::raise(libc::SIGKILL) };
        });
        assert_eq!(child.wait(), End::Killed(libc::SIGKILL));
        for (place, mutex) in ours.iter().enumerate() {
            let died = match mutex.try_lock() {
                Ok(_) => false,
                Err(TryLockError::OwnerDied(died)) => {
                    drop(died.repair());
                    true
                }
                Err(error) => panic!("{error}, after {steps:?}"),
            };
            assert_eq!(died, held[place], "ours, {place} after {steps:?}");
        }
        for (place, mutex) in theirs.iter().enumerate() {
            let died = mutex.owner_died();
            assert_eq!(died, held[place + 2], "theirs, {place} after {steps:?}");
        }
    }
}
