//! System V's objects, which outlive their processes unless a process removes them.

use std::{fs, io};

/// From here on this process's objects, and its POSIX queues, are in a namespace that ends with it,
/// so that nothing is left even if it is killed; and have room for so many messages. Where that is
/// not permitted, the objects are removed when they are dropped, and the system's limits hold.
pub fn keep_to_ourselves(messages: usize) {
    // SAFETY: this process has no objects yet.
    if unsafe { libc::unshare(libc::CLONE_NEWIPC) } == 0 {
        let bytes = messages * 64;
        // Of the namespace. Where these may not be written, there is less room.
        let _ = fs::write("/proc/sys/fs/mqueue/msg_max", messages.to_string());
        let _ = fs::write("/proc/sys/kernel/msgmnb", bytes.to_string());
    }
}

/// A set of one semaphore, of one permit or none.
pub struct Semaphore(libc::c_int);

impl Semaphore {
    pub fn new(permits: libc::c_int) -> Self {
        // SAFETY: the call touches no memory of ours.
        let id = unsafe { libc::semget(libc::IPC_PRIVATE, 1, 0o600) };
        assert!(id >= 0, "semget: {}", io::Error::last_os_error());
        let semaphore = Self(id);
        // SAFETY: as above; this command's argument is a number.
        let set = unsafe { libc::semctl(id, 0, libc::SETVAL, permits) };
        assert_eq!(set, 0);
        semaphore
    }

    /// Adds to the count, as soon as it is not below zero then.
    pub fn add(&self, change: i16, flags: libc::c_int) {
        let mut operation = libc::sembuf {
            sem_num: 0,
            sem_op: change,
            sem_flg: flags as i16,
        };
        // SAFETY: one operation, which the call reads.
        let done = unsafe { libc::semop(self.0, &raw mut operation, 1) };
        assert_eq!(done, 0);
    }
}

impl Drop for Semaphore {
    fn drop(&mut self) {
        // SAFETY: our own, which no process uses after us.
        unsafe { libc::semctl(self.0, 0, libc::IPC_RMID) };
    }
}

/// A message queue, of messages of 64 bytes.
pub struct Queue(libc::c_int);

/// As `msgsnd` and `msgrcv` want it.
#[repr(C)]
struct Message {
    kind: libc::c_long,
    text: [u8; 64],
}

impl Queue {
    /// For so many messages.
    ///
    /// # Errors
    /// Above the system's limit, if the process may not exceed it.
    pub fn new(capacity: usize) -> io::Result<Self> {
        // SAFETY: the call touches no memory of ours.
        let id = unsafe { libc::msgget(libc::IPC_PRIVATE, 0o600) };
        if id < 0 {
            return Err(io::Error::last_os_error());
        }
        let queue = Self(id);
        // SAFETY: plain numbers.
        let mut state: libc::msqid_ds = unsafe { std::mem::zeroed() };
        // SAFETY: it is good for writes.
        let read = unsafe { libc::msgctl(id, libc::IPC_STAT, &raw mut state) };
        assert_eq!(read, 0);
        state.msg_qbytes = (capacity * 64) as u64;
        // SAFETY: read just now.
        match unsafe { libc::msgctl(id, libc::IPC_SET, &raw mut state) } {
            0 => Ok(queue),
            _ => Err(io::Error::last_os_error()),
        }
    }

    pub fn send(&self, text: &[u8; 64]) {
        let message = Message {
            kind: 1,
            text: *text,
        };
        // SAFETY: the text is of this size.
        let sent = unsafe { libc::msgsnd(self.0, (&raw const message).cast(), 64, 0) };
        assert_eq!(sent, 0);
    }

    pub fn receive(&self) -> [u8; 64] {
        let (kind, text) = (0, [0; 64]);
        let mut message = Message { kind, text };
        // SAFETY: as above.
        let size = unsafe { libc::msgrcv(self.0, (&raw mut message).cast(), 64, 0, 0) };
        assert_eq!(size, 64);
        message.text
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: our own, which no process uses after us.
        unsafe { libc::msgctl(self.0, libc::IPC_RMID, std::ptr::null_mut()) };
    }
}
