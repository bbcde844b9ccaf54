//! What the first use of shared memory in a process asks of the system: no other test is in this
//! process, which would have asked before.
//!
//! Adversary 45.
use anteroom::shared::{OpenError, Semaphore, Shared};
use common::alone::alone;
use common::processes::Child;
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
