//! The kernel's pipes, FIFOs and message queues, and its bare memory.

use super::*;
use crate::subjects::{Channel, Subject};
use libc::c_int;
use std::ffi::CString;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

c_peer!(KernelMemory, AtomicU64, "kernel_memory", true, |_| ());

impl Channel for KernelMemory {
    fn wait(&self) {
        while !self.try_wait() {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
    fn try_wait(&self) -> bool {
        let less = |signals: u64| signals.checked_sub(1);
        // SAFETY: mapped for ever; a number that all threads may change.
        let number = unsafe { &*self.0.get() };
        number.fetch_update(SeqCst, SeqCst, less).is_ok()
    }
    fn signal(&self) {
        // SAFETY: as above.
        unsafe { &*self.0.get() }.fetch_add(1, SeqCst);
    }
}

/// `pipe(2)`, both ends.
pub(crate) struct KernelPipe(c_int, c_int);

impl Subject for KernelPipe {
    const NAME: &'static str = "kernel_pipe";
    fn make(_: &str) -> Self {
        let mut ends = [0; 2];
        c!(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC));
        KernelPipe(ends[0], ends[1])
    }
}

/// A FIFO of the kernel's, in the folder of shared memory.
pub(crate) struct KernelFifo(c_int);

impl Subject for KernelFifo {
    const NAME: &'static str = "kernel_fifo";
    fn make(name: &str) -> Self {
        let path = CString::new(format!("/dev/shm/{name}")).unwrap();
        c!(libc::mkfifo(path.as_ptr(), 0o600));
        Self::open(name).unwrap()
    }
    fn open(name: &str) -> Option<Self> {
        let path = CString::new(format!("/dev/shm/{name}")).unwrap();
        // SAFETY: a path that ends with a zero byte.
        let file = unsafe { libc::open(path.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) };
        assert!(file >= 0);
        Some(KernelFifo(file))
    }
}

macro_rules! kernel_channel {
    ($type:ident, $writer:tt) => {
        impl Channel for $type {
            fn wait(&self) {
                let mut byte = 0_u8;
                // SAFETY: one byte, of this function's own.
                let count = unsafe { libc::read(self.0, (&raw mut byte).cast(), 1) };
                assert_eq!(count, 1, "{}", std::io::Error::last_os_error());
            }
            fn try_wait(&self) -> bool {
                let mut ready = libc::pollfd {
                    fd: self.0,
                    events: libc::POLLIN,
                    revents: 0,
                };
                // SAFETY: one of them.
                let is_one = unsafe { libc::poll(&raw mut ready, 1, 0) } == 1;
                if is_one {
                    self.wait();
                }
                is_one
            }
            fn signal(&self) {
                // SAFETY: one byte.
                let count = unsafe { libc::write(self.$writer, c"x".as_ptr().cast(), 1) };
                assert_eq!(count, 1);
            }
        }
    };
}

kernel_channel!(KernelPipe, 1);
kernel_channel!(KernelFifo, 0);

/// A message queue of the kernel's, `mq_open(3)`.
pub(crate) struct KernelQueue(libc::mqd_t);

fn open_queue(name: &str, flags: c_int) -> KernelQueue {
    let name = CString::new(format!("/{name}")).unwrap();
    let mut sizes = MaybeUninit::<libc::mq_attr>::zeroed();
    // SAFETY: zeros are a value of it.
    let sizes = unsafe { sizes.assume_init_mut() };
    (sizes.mq_maxmsg, sizes.mq_msgsize) = (10, 8);
    // SAFETY: a name that ends with a zero byte, and what the flags want.
    let queue = unsafe { libc::mq_open(name.as_ptr(), flags, 0o600, &raw mut *sizes) };
    assert!(queue >= 0, "{}", std::io::Error::last_os_error());
    KernelQueue(queue)
}

/// Removes the queues that a test's process has named.
pub(crate) fn remove_queues(process: i32) {
    for number in 0..200 {
        let name = format!("/anteroom-test-lifecycle-{process}-{number}");
        let name = CString::new(name).unwrap();
        // SAFETY: a name that ends with a zero byte.
        if unsafe { libc::mq_unlink(name.as_ptr()) } != 0 {
            break;
        }
    }
}

impl Subject for KernelQueue {
    const NAME: &'static str = "kernel_queue";
    fn make(name: &str) -> Self {
        open_queue(name, libc::O_RDWR | libc::O_CREAT | libc::O_EXCL)
    }
    fn open(name: &str) -> Option<Self> {
        Some(open_queue(name, libc::O_RDWR))
    }
}

impl Drop for KernelQueue {
    fn drop(&mut self) {
        c!(libc::mq_close(self.0));
    }
}

impl Channel for KernelQueue {
    fn wait(&self) {
        let mut bytes = [0; 8];
        // SAFETY: as many bytes as a message may have.
        let count =
            unsafe { libc::mq_receive(self.0, bytes.as_mut_ptr(), 8, std::ptr::null_mut()) };
        assert!(count >= 0, "{}", std::io::Error::last_os_error());
    }
    fn try_wait(&self) -> bool {
        let past = MaybeUninit::<libc::timespec>::zeroed();
        let mut bytes = [0; 8];
        // SAFETY: as above; a time in the past is a try.
        let count = unsafe {
            libc::mq_timedreceive(
                self.0,
                bytes.as_mut_ptr(),
                8,
                std::ptr::null_mut(),
                past.as_ptr(),
            )
        };
        count >= 0
    }
    fn signal(&self) {
        c!(libc::mq_send(self.0, c"signal".as_ptr(), 6, 0));
    }
}
