//! What the first use of shared memory in a process asks of the system: no other test is in this
//! process, which would have asked before.
//!
//! Adversary 45.
use anteroom::ipc::{MessageQueue, Mutex, OpenError, Semaphore, Shared, pipe};
use common::alone::alone;
use common::processes::{Child, Name, shared};
use common::sandbox::Refusal::Fails;
use common::sandbox::refuse;

/// Else the first lock would panic, and so would the drop of the memory.
#[test]
fn refused_madvise_refuses_the_memory() {
    alone(|| {
        for error in [libc::EPERM, libc::EINVAL] {
            Child::fork(|| {
                refuse(&[(libc::SYS_madvise, None)], Fails(error));
                let refused = Shared::anonymous(Semaphore::new(1)).err();
                let is_right = matches!(
                    &refused,
                    Some(OpenError::Unsupported { call }) if call.contains("madvise")
                );
                assert!(is_right, "{refused:?}");
            })
            .succeed();
        }
        let semaphore = Shared::anonymous(Semaphore::new(1)).unwrap();
        drop(semaphore.acquire().unwrap());
    });
}

/// Registering takes up to tens of milliseconds in a process with threads: a timed lock would
/// overshoot by that. (And each thread's first call registers once more, for nothing.)
#[test]
fn what_creates_or_opens_memory_registers_the_process() {
    alone(|| {
        let name = Name::new("registers");
        let created: [&dyn Fn(); 4] = [
            &|| drop(shared(Mutex::new(0))),
            &|| drop(pipe(1).unwrap()),
            &|| drop(MessageQueue::create(&name, 1, 1).unwrap()),
            &|| drop(MessageQueue::open(&name).unwrap()),
        ];
        for create in created {
            Child::fork(|| {
                let registered = || {
                    const GET_REGISTRATIONS: i32 = 1 << 9;
                    // SAFETY: the call only asks.
                    let asked =
                        unsafe { libc::syscall(libc::SYS_membarrier, GET_REGISTRATIONS, 0, 0) };
                    assert!(asked >= 0, "this test needs Linux 6.3");
                    asked as i32 & libc::MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED != 0
                };
                assert!(!registered());
                create();
                assert!(registered());
            })
            .succeed();
        }
    });
}
