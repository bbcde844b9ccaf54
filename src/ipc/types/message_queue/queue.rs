//! The message queue between processes: its public type.

use super::error::{ReceiveError, SendError};
use super::layout::{Front, Layout, PAYLOAD, front};
use crate::ipc::message_queue::raw::Queue;
use crate::ipc::message_queue::selector::{KINDS, Message, Selector};
use crate::ipc::message_queue::slots::{Memory, Nonsense, Slots};
use crate::ipc::types::fifo;
use crate::ipc::types::memory::OWNER_ONLY;
use crate::sys::deadline::Deadline;
use crate::sys::ipc::error::OpenError;
use crate::sys::ipc::region::Region;
use std::fmt;
use std::time::{Duration, Instant};

/// A queue of messages between processes, by name or with the children of a fork.
///
/// Its capacity, and the size of its messages, are decided when it is created. When it is full,
/// senders wait. A message has a type, a positive number. A receiver takes the first message, or
/// the first that a [`Selector`] picks, as System V's `msgrcv` does. Messages of one sender and one
/// type are received in the order in which they were sent. A queue with a name lives until
/// [`unlink`](Self::unlink), with its messages, however many processes come and go.
///
/// **Deaths.** A process may be killed at any instruction. A message that it was sending is then in
/// the queue, whole, or not at all. One that it was receiving is still there, or was received and
/// is gone with it. No other message is lost or doubled, no thread waits for the dead one, and
/// nothing needs to be repaired.
///
/// **Fairness.** None. Of the threads that wait for [any](Selector::Any) message, or for room, one
/// at a time is woken; those that select are all woken by each message.
///
/// **Memory ordering.** Receiving acquires what sending released.
///
/// While there are both room and messages, senders and receivers do not wait for each other. There
/// is no system call unless a thread must sleep or be woken. But a call, also one that only tries,
/// waits for a thread that is within a call of the same kind: if that one is stopped there
/// (`SIGSTOP`), until it goes on or is killed.
///
/// # Examples
/// ```
/// use anteroom::ipc::{MessageQueue, Selector};
///
/// # let name = format!("anteroom-doc-queue-{}", std::process::id());
/// let orders = MessageQueue::create(&name, 100, 64)?;
/// orders.send(2, b"bread")?;
/// orders.send(1, b"fire!")?;
///
/// // Another process:
/// let orders = MessageQueue::open(&name)?;
/// let mut buffer = [0; 64];
/// let urgent = orders.receive(Selector::UpTo(5), &mut buffer)?;
/// assert_eq!((urgent.kind, &buffer[..urgent.length]), (1, &b"fire!"[..]));
///
/// MessageQueue::unlink(&name)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MessageQueue {
    slots: Slots,
    region: Region,
}

// SAFETY: shared memory belongs to no thread; a lock guards what is not atomic in it.
unsafe impl Send for MessageQueue {}
// SAFETY: as above.
unsafe impl Sync for MessageQueue {}

impl MessageQueue {
    fn of(region: Region, layout: &Layout) -> Self {
        // SAFETY: the region has the size that the layout says.
        let first = unsafe { region.payload().add(size_of::<Front>()) };
        // SAFETY: as above, and it is mapped as long as this lives. A slot is atomic numbers, which
        // any bytes are.
        let memory = unsafe { Memory::new(first, layout.stride) };
        let slots = Slots::new(memory, layout.capacity, layout.message_size as usize);
        MessageQueue { slots, region }
    }

    /// Creates a queue with this name, of `capacity` messages of at most `message_size` bytes, for
    /// processes of the same user.
    ///
    /// # Errors
    /// [`AlreadyExists`](OpenError::AlreadyExists), [`SizeOutOfRange`](OpenError::SizeOutOfRange),
    /// an error of the name, or the system's.
    pub fn create(name: &str, capacity: usize, message_size: usize) -> Result<Self, OpenError> {
        Self::create_with_mode(name, OWNER_ONLY, capacity, message_size)
    }

    /// As [`create`](Self::create), with these permissions of a file (`0o660`: also for the group),
    /// less the process's umask.
    ///
    /// # Errors
    /// As `create`'s.
    pub fn create_with_mode(
        name: &str,
        mode: u32,
        capacity: usize,
        message_size: usize,
    ) -> Result<Self, OpenError> {
        let layout = Layout::new(capacity, message_size)?;
        let region = Region::create(name, mode, PAYLOAD, layout.size, layout.fill())?;
        Ok(Self::of(region, &layout))
    }

    /// Opens the queue that was created with this name, with its messages.
    ///
    /// # Errors
    /// [`NotFound`](OpenError::NotFound), [`PermissionDenied`](OpenError::PermissionDenied), the
    /// error that says what is there if it is not a queue, an error of the name, or the system's.
    pub fn open(name: &str) -> Result<Self, OpenError> {
        let region = Region::open(name, PAYLOAD)?;
        let layout = Layout::found_in(&region)?;
        Ok(Self::of(region, &layout))
    }

    /// Opens the queue with this name, whatever its size, or creates it if there is none. It
    /// refuses another user's queue, as
    /// [`Shared::open_or_create`](crate::ipc::Shared::open_or_create) does.
    ///
    /// # Errors
    /// As those of [`create`](Self::create) and [`open`](Self::open), or
    /// [`OtherOwner`](OpenError::OtherOwner).
    pub fn open_or_create(
        name: &str,
        capacity: usize,
        message_size: usize,
    ) -> Result<Self, OpenError> {
        let wanted = Layout::new(capacity, message_size)?;
        let region = Region::open_or_create(name, OWNER_ONLY, PAYLOAD, wanted.size, wanted.fill())?;
        let layout = Layout::found_in(&region)?;
        Ok(Self::of(region, &layout))
    }

    /// Creates a queue without a name, for this process and the children that it forks.
    ///
    /// # Errors
    /// [`SizeOutOfRange`](OpenError::SizeOutOfRange), or the system's.
    pub fn anonymous(capacity: usize, message_size: usize) -> Result<Self, OpenError> {
        let layout = Layout::new(capacity, message_size)?;
        let region = Region::anonymous(PAYLOAD, layout.size, layout.fill())?;
        Ok(Self::of(region, &layout))
    }

    /// Removes the name, whatever has it. Processes that have opened it keep it.
    ///
    /// # Errors
    /// [`NotFound`](OpenError::NotFound), [`PermissionDenied`](OpenError::PermissionDenied), an
    /// error of the name, or the system's.
    pub fn unlink(name: &str) -> Result<(), OpenError> {
        fifo::remove(name)
    }

    /// How many messages the queue takes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.slots.count() as usize
    }

    /// How many bytes a message may have.
    #[must_use]
    pub fn message_size(&self) -> usize {
        self.slots.room()
    }

    /// How many messages there are now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue().len() as usize
    }

    /// Whether there is no message now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn queue(&self) -> Queue<'_> {
        let (head, slots) = (&front(&self.region).head, &self.slots);
        Queue { head, slots }
    }

    /// Sends a message of this type, blocking until there is room for it.
    ///
    /// # Errors
    /// [`KindNotPositive`](SendError::KindNotPositive), [`TooLarge`](SendError::TooLarge), or
    /// [`Damaged`](SendError::Damaged).
    pub fn send(&self, kind: i64, bytes: &[u8]) -> Result<(), SendError> {
        self.send_before(kind, bytes, Deadline::NEVER)
    }

    /// Sends a message if there is room now.
    ///
    /// # Errors
    /// [`Full`](SendError::Full) if there is no room, or as [`send`](Self::send)'s.
    pub fn try_send(&self, kind: i64, bytes: &[u8]) -> Result<(), SendError> {
        self.check(kind, bytes)?;
        self.queue().try_send(kind, bytes)?.ok_or(SendError::Full)
    }

    /// Sends a message if there is room within this time. Zero is a try; too long for an `Instant`
    /// is for ever.
    ///
    /// # Errors
    /// [`TimedOut`](SendError::TimedOut) if there was no room, or as [`send`](Self::send)'s.
    pub fn try_send_for(
        &self,
        kind: i64,
        bytes: &[u8],
        timeout: Duration,
    ) -> Result<(), SendError> {
        self.send_before(kind, bytes, Deadline::after(timeout))
    }

    /// As [`try_send_for`](Self::try_send_for), until this instant.
    ///
    /// # Errors
    /// As there.
    pub fn try_send_until(
        &self,
        kind: i64,
        bytes: &[u8],
        deadline: Instant,
    ) -> Result<(), SendError> {
        self.send_before(kind, bytes, Deadline::at(deadline))
    }

    fn send_before(&self, kind: i64, bytes: &[u8], deadline: Deadline) -> Result<(), SendError> {
        self.check(kind, bytes)?;
        let sent = self.queue().send(kind, bytes, deadline)?;
        sent.ok_or(SendError::TimedOut)
    }

    fn check(&self, kind: i64, bytes: &[u8]) -> Result<(), SendError> {
        let most = self.message_size();
        if !KINDS.contains(&kind) {
            return Err(SendError::KindNotPositive);
        }
        if bytes.len() > most {
            return Err(SendError::TooLarge { most });
        }
        Ok(())
    }

    /// Receives a message that the selector picks into the buffer, blocking until there is one.
    ///
    /// # Errors
    /// [`KindNotPositive`](ReceiveError::KindNotPositive),
    /// [`BufferTooSmall`](ReceiveError::BufferTooSmall), or [`Damaged`](ReceiveError::Damaged).
    pub fn receive(&self, selector: Selector, buffer: &mut [u8]) -> Result<Message, ReceiveError> {
        self.receive_before(selector, buffer, Deadline::NEVER)
    }

    /// Receives a message if there is one now.
    ///
    /// # Errors
    /// [`Empty`](ReceiveError::Empty) if there is none, or as [`receive`](Self::receive)'s.
    pub fn try_receive(
        &self,
        selector: Selector,
        buffer: &mut [u8],
    ) -> Result<Message, ReceiveError> {
        check(selector)?;
        let received = self.queue().try_receive(selector, buffer)?;
        fits(received.ok_or(ReceiveError::Empty)?, buffer)
    }

    /// Receives a message if there is one within this time. Zero is a try; too long for an
    /// `Instant` is for ever.
    ///
    /// # Errors
    /// [`TimedOut`](ReceiveError::TimedOut) if there was none, or as [`receive`](Self::receive)'s.
    pub fn try_receive_for(
        &self,
        selector: Selector,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<Message, ReceiveError> {
        self.receive_before(selector, buffer, Deadline::after(timeout))
    }

    /// As [`try_receive_for`](Self::try_receive_for), until this instant.
    ///
    /// # Errors
    /// As there.
    pub fn try_receive_until(
        &self,
        selector: Selector,
        buffer: &mut [u8],
        deadline: Instant,
    ) -> Result<Message, ReceiveError> {
        self.receive_before(selector, buffer, Deadline::at(deadline))
    }

    fn receive_before(
        &self,
        selector: Selector,
        buffer: &mut [u8],
        deadline: Deadline,
    ) -> Result<Message, ReceiveError> {
        check(selector)?;
        let received = self.queue().receive(selector, buffer, deadline)?;
        fits(received.ok_or(ReceiveError::TimedOut)?, buffer)
    }
}

fn check(selector: Selector) -> Result<(), ReceiveError> {
    match selector.is_valid() {
        true => Ok(()),
        false => Err(ReceiveError::KindNotPositive),
    }
}

/// A message that does not fit was not received.
fn fits(message: Message, buffer: &[u8]) -> Result<Message, ReceiveError> {
    match message.length {
        needed if needed > buffer.len() => Err(ReceiveError::BufferTooSmall { needed }),
        _ => Ok(message),
    }
}

impl From<Nonsense> for SendError {
    fn from(_: Nonsense) -> Self {
        Self::Damaged
    }
}

impl From<Nonsense> for ReceiveError {
    fn from(_: Nonsense) -> Self {
        Self::Damaged
    }
}

impl fmt::Debug for MessageQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageQueue")
            .field("capacity", &self.capacity())
            .field("message_size", &self.message_size())
            .finish_non_exhaustive()
    }
}
