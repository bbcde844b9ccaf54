//! Memory of other users, in other namespaces, and where the system refuses it.

use super::*;

#[test]
fn permissions_are_as_asked_for() {
    let (mine, ours) = (Name::new("mine"), Name::new("ours"));
    let _mine = Shared::create(&mine, AtomicU64::new(0)).unwrap();
    let _ours = Shared::create_with_mode(&ours, 0o640, AtomicU64::new(0)).unwrap();
    let mode = |name: &str| fs::metadata(path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&mine), 0o600);
    // Less the umask, which no test sets to more than this.
    assert_eq!(mode(&ours) & !0o037, 0o640 & !0o037);
}

/// As another user than root.
#[test]
fn without_permission_it_is_refused() {
    // SAFETY: asks for this process's user.
    if unsafe { libc::geteuid() } != 0 {
        return common::skip("not root: cannot become another user");
    }
    let name = Name::new("refused");
    let _it = Shared::create(&name, AtomicU64::new(0)).unwrap();
    Child::fork(|| {
        // SAFETY: changes the user of the child.
        assert_eq!(unsafe { libc::setuid(65534) }, 0);
        assert!(matches!(
            Shared::<AtomicU64>::open(&name),
            Err(OpenError::PermissionDenied)
        ));
        assert!(matches!(
            Shared::<AtomicU64>::unlink(&name),
            Err(OpenError::PermissionDenied)
        ));
    })
    .succeed();
}

/// Becomes this user, in a child of root.
fn become_user(user: libc::uid_t) {
    // SAFETY: changes the user of this process, which has one thread.
    assert_eq!(unsafe { libc::setuid(user) }, 0);
}

#[track_caller]
fn is_root() -> bool {
    // SAFETY: asks for this process's user.
    let is_root = unsafe { libc::geteuid() } == 0;
    if !is_root {
        common::skip("not root, so this cannot become another user");
    }
    is_root
}

#[test]
fn what_another_user_planted_is_not_opened_or_created() {
    if !is_root() {
        return;
    }
    const STRANGER: u32 = 65_534;
    let planted = Name::new("planted");
    Child::fork(|| {
        become_user(STRANGER);
        // SAFETY: an option of this process.
        unsafe { libc::umask(0) };
        let made = Shared::create_with_mode(&planted, 0o666, AtomicU64::new(1)).unwrap();
        // Its own it takes.
        let same = Shared::open_or_create(&planted, AtomicU64::new(2)).unwrap();
        assert_eq!((made.load(SeqCst), same.load(SeqCst)), (1, 1));
    })
    .succeed();
    let refuse = || {
        let refused = Shared::open_or_create(&planted, AtomicU64::new(2)).err();
        let is_right = matches!(refused, Some(OpenError::OtherOwner { found: STRANGER }));
        assert!(is_right, "{refused:?}");
        let refused = SharedMemory::open_or_create(&planted, 8).err();
        assert!(matches!(refused, Some(OpenError::OtherOwner { .. })));
        let refused = MessageQueue::open_or_create(&planted, 8, 8).err();
        assert!(matches!(refused, Some(OpenError::OtherOwner { .. })));
        // To open it is a decision of its own.
        let open: Shared<AtomicU64> = Shared::open(&planted).unwrap();
        assert_eq!(open.load(SeqCst), 1);
    };
    refuse();
    Child::fork(|| {
        become_user(STRANGER - 1);
        refuse();
    })
    .succeed();
}

/// Root is trusted; and a user that has the permission opens what others made for it.
#[test]
fn what_root_made_is_opened_by_its_users() {
    if !is_root() {
        return;
    }
    let name = Name::new("roots");
    let made = Child::fork(|| {
        // SAFETY: an option of this process.
        unsafe { libc::umask(0) };
        drop(Shared::create_with_mode(&name, 0o666, AtomicU64::new(1)).unwrap());
    });
    made.succeed();
    Child::fork(|| {
        become_user(65_534);
        let opened = Shared::open_or_create(&name, AtomicU64::new(2)).unwrap();
        opened.fetch_add(1, SeqCst);
        Shared::<AtomicU64>::open(&name)
            .unwrap()
            .fetch_add(1, SeqCst);
    })
    .succeed();
    assert_eq!(Shared::<AtomicU64>::open(&name).unwrap().load(SeqCst), 3);
}

#[test]
fn a_process_of_another_pid_namespace_opens_nothing() {
    let (name, bytes) = (Name::new("namespace"), Name::new("namespace"));
    let here = Shared::create(&name, Mutex::new(0)).unwrap();
    let _bytes = SharedMemory::create(&bytes, 10).unwrap();
    Child::fork(|| {
        // SAFETY: concerns the children of this process.
        if unsafe { libc::unshare(libc::CLONE_NEWPID) } != 0 {
            return common::skip("no PID namespace can be made here");
        }
        Child::fork(|| {
            let refused = Shared::<Mutex<i32>>::open(&name).err();
            let is_right = matches!(
                refused,
                Some(OpenError::PidNamespace { expected, found }) if expected != found
            );
            assert!(is_right, "{refused:?}");
            let refused = Shared::open_or_create(&name, Mutex::new(0)).err();
            assert!(matches!(refused, Some(OpenError::PidNamespace { .. })));
            let refused = SharedMemory::open(&bytes).err();
            assert!(matches!(refused, Some(OpenError::PidNamespace { .. })));
            // Its own it uses.
            let own = Name::new("inner");
            let made = Shared::create(&own, Mutex::new(0)).unwrap();
            let opened = Shared::<Mutex<i32>>::open(&own).unwrap();
            *opened.lock().unwrap() += 1;
            assert_eq!(*made.lock().unwrap(), 1);
        })
        .succeed();
    })
    .succeed();
    assert_eq!(*here.lock().unwrap(), 0);
}

#[test]
fn without_its_folder_nothing_is_created_and_says_why() {
    if !is_root() {
        return;
    }
    let root = std::env::temp_dir().join(format!("anteroom-no-shm-{}", std::process::id()));
    fs::create_dir(&root).unwrap();
    let within = std::ffi::CString::new(root.to_str().unwrap()).unwrap();
    let child = Child::fork(|| {
        // SAFETY: a path; it changes the root of this process, a child of the test.
        assert_eq!(unsafe { libc::chroot(within.as_ptr()) }, 0);
        std::env::set_current_dir("/").unwrap();
        let created = [
            SharedMemory::create("x", 10).map(drop),
            SharedMemory::open_or_create("x", 10).map(drop),
            Shared::create("x", AtomicU64::new(0)).map(drop),
            MessageQueue::create("x", 1, 1).map(drop),
            anteroom::ipc::Fifo::create("x", 10),
        ];
        for created in created {
            let refused = created.unwrap_err();
            assert!(
                matches!(refused, OpenError::Unsupported { .. }),
                "{refused:?}"
            );
            assert!(refused.to_string().contains("/dev/shm"), "{refused}");
        }
    });
    let end = child.wait();
    fs::remove_dir(&root).unwrap();
    assert_eq!(end, common::processes::End::Exited(0));
}

#[test]
fn what_is_larger_than_the_limit_on_files_is_refused() {
    let name = Name::new("too-large-a-file");
    Child::fork(|| {
        let limit = libc::rlimit {
            rlim_cur: 5_000,
            rlim_max: 5_000,
        };
        // SAFETY: lowers a limit of this process, a child of the test.
        let set = unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) };
        assert_eq!(set, 0);
        let refused = SharedMemory::create(&name, 5_000).unwrap_err();
        let OpenError::System(error) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(error.raw_os_error(), Some(libc::EFBIG));
        SharedMemory::create(&name, 4_000).unwrap();
    })
    .succeed();
}
