//! Checks that the numbers on the page `limits` are those of the source.

use crate::ipc::{Fifo, MAX_HELD, MessageQueue, OpenError, RwLock, Semaphore, Shareable, Shared};
use crate::ipc::{pipe, ring, rwlock};
use crate::limits::tests::{check, number};
use crate::sys::ipc::block::Block;
use crate::sys::ipc::region;

/// The longest name, in bytes, as the error of a call with a longer one says.
fn most(refused: Result<(), OpenError>) -> usize {
    match refused {
        Err(OpenError::NameTooLong { most }) => most,
        other => panic!("{other:?}"),
    }
}

#[test]
fn limits_between_processes_are_the_constants() {
    let threads = RwLock::<()>::MAX_THREADS;
    assert_eq!(threads, Semaphore::MAX_THREADS);
    let (long, longer) = ("x".repeat(240), "x".repeat(260));
    let pages = size_of::<Block>().next_multiple_of(4096);
    check(
        "Between processes",
        &[
            ("locks that one thread holds", &number(MAX_HELD)),
            ("threads that hold or wait", &number(threads)),
            ("`membarrier(2)` is refused", &number(threads)),
            ("`without_give_back`", "as many as the system has"),
            ("read guards", &number(rwlock::raw::READERS)),
            ("permits of a", &number(Semaphore::MAX_PERMITS)),
            ("permits that one thread holds", &number(u32::MAX)),
            (
                "bytes of a name",
                &number(most(Shared::<u8>::unlink(&longer))),
            ),
            (
                "bytes of a FIFO's name",
                &number(most(Fifo::create(&long, 1))),
            ),
            ("alignment", &number(region::MOST_ALIGN)),
            ("bytes of a region", "from 1 to `isize::MAX`"),
            (
                "messages that a",
                &format!("from 1 to {}", number(u32::MAX)),
            ),
            (
                "bytes of a message",
                &format!("from 0 to {}", number(u32::MAX)),
            ),
            ("type of a message", "from 1 to `i64::MAX`"),
            ("bytes of a pipe", "at least 1"),
            ("stay together", &number(pipe::ATOMIC)),
            ("one read loses", &number(ring::PIECE)),
            ("before it notices", &number(ring::ASK)),
            ("descriptors", "3 (an end of a FIFO 2)"),
            ("first call maps", &number(pages)),
        ],
    );
}

/// Has a larger alignment than a page.
#[repr(align(8192))]
struct Wide(#[allow(dead_code, reason = "it is never made")] [u8; 8192]);

// SAFETY: numbers.
unsafe impl Shareable for Wide {
    const FINGERPRINT: u64 = 0;
}

#[test]
fn sizes_beyond_the_limits_are_refused() {
    let refused = |error: Result<(), OpenError>| {
        assert!(matches!(error, Err(OpenError::SizeOutOfRange)), "{error:?}");
    };
    let queue = |capacity, size| MessageQueue::anonymous(capacity, size).map(drop);
    let most = u32::MAX as usize;
    refused(queue(0, 1));
    refused(queue(most + 1, 0));
    refused(queue(1, most + 1));
    if common::emulator().is_some() {
        common::skip("no robust list under an emulator");
    } else {
        assert!(queue(1, 0).is_ok());
    }
    refused(Shared::<Wide>::anonymous_with(|_| ()).map(drop));
    refused(crate::ipc::SharedMemory::anonymous(0).map(drop));
    refused(crate::ipc::SharedMemory::anonymous(isize::MAX as usize - 63).map(drop));
    refused(Fifo::create("never-made", 0));
    let no_bytes = pipe::pipe(0).map(drop).expect_err("a pipe without bytes");
    assert_eq!(no_bytes.kind(), std::io::ErrorKind::InvalidInput);
}
