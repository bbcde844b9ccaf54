//! FIFOs of several users.

use super::*;

fn become_nobody() {
    // SAFETY: changes the user of this process, which is a test's child.
    assert_eq!(unsafe { libc::setuid(65534) }, 0);
}

fn is_root() -> bool {
    // SAFETY: asks for this process's user.
    unsafe { libc::geteuid() == 0 }
}

/// Of another user's FIFO that every user may use.
#[test]
fn refused_unlink_changes_nothing() {
    let _turn = turn();
    if !is_root() {
        return common::skip("not root: cannot become another user");
    }
    let name = Name::new("refused-unlink");
    // SAFETY: an attribute of this process.
    let mask = unsafe { libc::umask(0) };
    Fifo::create_with_mode(&name, 0o666, 100).unwrap();
    // SAFETY: as above.
    unsafe { libc::umask(mask) };
    let before = files(&name).len();
    type Unlink = fn(&str) -> Result<(), OpenError>;
    let all: [Unlink; 4] = [
        Fifo::unlink,
        SharedMemory::unlink,
        Shared::<u64>::unlink,
        MessageQueue::unlink,
    ];
    for unlink in all {
        Child::fork(|| {
            become_nobody();
            let refused = unlink(&name);
            assert!(
                matches!(refused, Err(OpenError::PermissionDenied)),
                "{refused:?}"
            );
            let alone = Fifo::try_open_writer_for(&name, NOW);
            assert!(matches!(alone, Err(OpenError::TimedOut)), "{alone:?}");
        })
        .succeed();
        assert_eq!(files(&name).len(), before);
        assert_works(&name);
    }
    Fifo::unlink(&name).unwrap();
    assert_no_files(&name);
}

/// Nothing of a FIFO belongs to a user that only opened it.
#[test]
fn owner_removes_what_others_opened_first() {
    let _turn = turn();
    if !is_root() {
        return common::skip("not root: cannot become another user");
    }
    let name = Name::new("owners");
    // SAFETY: an attribute of this process.
    let mask = unsafe { libc::umask(0) };
    Child::fork(|| {
        // SAFETY: changes the user of the child.
        assert_eq!(unsafe { libc::setuid(65533) }, 0);
        Fifo::create_with_mode(&name, 0o666, 100).unwrap();
        Child::fork(|| _ = Fifo::try_open_reader_for(&name, NOW)).succeed();
    })
    .succeed();
    // SAFETY: as above.
    unsafe { libc::umask(mask) };
    Child::fork(|| {
        become_nobody();
        assert_works(&name);
    })
    .succeed();
    Child::fork(|| {
        // SAFETY: changes the user of the child.
        assert_eq!(unsafe { libc::setuid(65533) }, 0);
        Fifo::unlink(&name).unwrap();
    })
    .succeed();
    assert_no_files(&name);
}

/// And so could not look what it is.
#[test]
fn owner_removes_what_its_mode_does_not_let_it_open() {
    let _turn = turn();
    if !is_root() {
        return common::skip("not root: cannot become another user");
    }
    let name = Name::new("modeless");
    Child::fork(|| {
        become_nobody();
        Fifo::create_with_mode(&name, 0, 100).unwrap();
        let refused = Fifo::try_open_writer_for(&name, NOW);
        assert!(
            matches!(refused, Err(OpenError::PermissionDenied)),
            "{refused:?}"
        );
        Fifo::unlink(&name).unwrap();
    })
    .succeed();
    assert_no_files(&name);
}
