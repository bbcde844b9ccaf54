//! The errors of sending and receiving.

use std::{error, fmt};

/// Why a message was not sent. The queue is as it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SendError {
    /// The message's type is zero or negative.
    KindNotPositive,
    /// The message has more bytes than the queue's messages may have.
    TooLarge {
        /// The limit, in bytes.
        most: usize,
    },
    /// The queue is full. Only from the form that does not wait.
    Full,
    /// The queue was full until the deadline.
    TimedOut,
    /// A process has written nonsense into the queue's memory.
    Damaged,
}

/// Why no message was received. The queue is as it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The selector's type is zero or negative, which no message's is.
    KindNotPositive,
    /// The message has more bytes than the buffer. It stays in the queue.
    BufferTooSmall {
        /// Its length, in bytes.
        needed: usize,
    },
    /// There is no such message. Only from the form that does not wait.
    Empty,
    /// There was no such message until the deadline.
    TimedOut,
    /// A process has written nonsense into the queue's memory.
    Damaged,
}

const KIND_NOT_POSITIVE: &str = "a message's type is positive";
const DAMAGED: &str = "the queue's memory is being written to from outside";

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KindNotPositive => f.write_str(KIND_NOT_POSITIVE),
            Self::TooLarge { most } => write!(f, "the message has more than {most} bytes"),
            Self::Full => f.write_str("the queue is full"),
            Self::TimedOut => f.write_str("the queue was full for too long"),
            Self::Damaged => f.write_str(DAMAGED),
        }
    }
}

impl fmt::Display for ReceiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KindNotPositive => f.write_str(KIND_NOT_POSITIVE),
            Self::BufferTooSmall { needed } => {
                write!(
                    f,
                    "the buffer is too small for the message's {needed} bytes"
                )
            }
            Self::Empty => f.write_str("the queue has no such message"),
            Self::TimedOut => f.write_str("the queue had no such message for too long"),
            Self::Damaged => f.write_str(DAMAGED),
        }
    }
}

impl error::Error for SendError {}
impl error::Error for ReceiveError {}
