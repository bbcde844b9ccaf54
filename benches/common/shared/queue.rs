//! Queues of messages of 64 bytes between processes: ours, POSIX's, System V's.

use std::ffi::CString;
use std::io;

use anteroom::ipc::{MessageQueue, Selector};

use super::system_v;

/// First in, first out.
pub trait Queue: Sized {
    /// What the peer is called in the results.
    const NAME: &'static str;

    /// Empty, for so many messages.
    ///
    /// # Errors
    /// If the system does not permit so many.
    fn new(capacity: usize) -> io::Result<Self>;

    /// Waits while it is full.
    fn send(&self, message: &[u8; 64]);

    /// Waits while it is empty.
    fn receive(&self) -> [u8; 64];
}

impl Queue for MessageQueue {
    const NAME: &'static str = "anteroom";

    fn new(capacity: usize) -> io::Result<Self> {
        Ok(Self::anonymous(capacity, 64)?)
    }

    fn send(&self, message: &[u8; 64]) {
        self.send(1, message).expect("cannot send");
    }

    fn receive(&self) -> [u8; 64] {
        let mut message = [0; 64];
        let received = self.receive(Selector::Any, &mut message);
        assert_eq!(received.expect("cannot receive").length, 64);
        message
    }
}

/// POSIX's.
pub struct Posix(libc::mqd_t);

impl Queue for Posix {
    const NAME: &'static str = "POSIX";

    fn new(capacity: usize) -> io::Result<Self> {
        let name = CString::new(format!("/anteroom-bench-{}", std::process::id()))?;
        // SAFETY: plain numbers.
        let mut limits: libc::mq_attr = unsafe { std::mem::zeroed() };
        limits.mq_maxmsg = capacity as i64;
        limits.mq_msgsize = 64;
        let flags = libc::O_CREAT | libc::O_EXCL | libc::O_RDWR;
        // SAFETY: a name that ends in zero, a mode, and limits that the call reads.
        let queue = unsafe { libc::mq_open(name.as_ptr(), flags, 0o600, &raw mut limits) };
        if queue < 0 {
            return Err(io::Error::last_os_error());
        }
        // It needs no name any more.
        // SAFETY: as above.
        unsafe { libc::mq_unlink(name.as_ptr()) };
        Ok(Self(queue))
    }

    fn send(&self, message: &[u8; 64]) {
        // SAFETY: so many bytes are there.
        let sent = unsafe { libc::mq_send(self.0, message.as_ptr().cast(), 64, 0) };
        assert_eq!(sent, 0);
    }

    fn receive(&self) -> [u8; 64] {
        let mut message = [0; 64];
        let (to, priority) = (message.as_mut_ptr().cast(), std::ptr::null_mut());
        // SAFETY: there is room for so many.
        let size = unsafe { libc::mq_receive(self.0, to, 64, priority) };
        assert_eq!(size, 64);
        message
    }
}

impl Drop for Posix {
    fn drop(&mut self) {
        // SAFETY: our own, which no process uses after us.
        unsafe { libc::mq_close(self.0) };
    }
}

impl Queue for system_v::Queue {
    const NAME: &'static str = "System V";

    fn new(capacity: usize) -> io::Result<Self> {
        Self::new(capacity)
    }

    fn send(&self, message: &[u8; 64]) {
        self.send(message);
    }

    fn receive(&self) -> [u8; 64] {
        self.receive()
    }
}
