//! Why a message was not sent, or not received.

use std::{error, fmt};

/// Why a message was not sent. The queue is as it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SendError {
    /// The message's type is zero or negative.
    KindNotPositive,
    /// The message has more bytes than one of this queue may have.
    TooLarge {
        /// How many it may have.
        most: usize,
    },
    /// There are as many messages in the queue as it takes, and this was only a try.
    Full,
    /// There were so many for so long.
    TimedOut,
    /// Somebody writes into the queue's memory who should not.
    Damaged,
}

/// Why no message was received. The queue is as it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The selector's type is zero or negative, as that of no message is.
    KindNotPositive,
    /// The message has more bytes than the buffer. It stays where it is.
    BufferTooSmall {
        /// How many bytes it has.
        needed: usize,
    },
    /// There is no such message, and this was only a try.
    Empty,
    /// There was none for so long.
    TimedOut,
    /// Somebody writes into the queue's memory who should not.
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
