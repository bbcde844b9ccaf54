//! Messages of 64 bytes from one process to another.

use std::time::Duration;

use crate::common::shared::queue::Queue;
use crate::harness::row::{Question, Wanted};
use crate::harness::sample::{CPU, NANOSECONDS, Sample, THROUGHPUT};
use crate::peers::queues;
use crate::pictures::MESSAGES;
use crate::slice;

/// How many messages a queue has room for. Ten is what POSIX's have if the system is not told
/// otherwise, and 256 what System V's have.
const CAPACITIES: [usize; 4] = [1, 10, 256, MOST];
/// The most of them.
pub const MOST: usize = 1024;

pub fn questions() -> Vec<Question> {
    let mut questions = vec![
        Question::new(
            "message, to oneself",
            &[NANOSECONDS],
            queues!(Peer => to_oneself::<Peer>),
        ),
        crate::turns::question("message", queues!(Peer => to_and_fro::<Peer>)),
    ];
    for capacity in CAPACITIES {
        let name = format!("messages of 64 B, room for {capacity}");
        let peers = queues!(Peer => move |length| stream::<Peer>(capacity, length));
        let question = Question::new(name, &[THROUGHPUT, CPU], peers)
            .slices(4)
            .drawn(&MESSAGES, capacity as f64);
        questions.push(match capacity {
            1 => question,
            _ => question
                .wanted(Wanted::Times(8.0, "POSIX"))
                .wanted(Wanted::Times(8.0, "System V")),
        });
    }
    questions
}

/// The first process sends, the second receives.
fn stream<Q: Queue>(capacity: usize, length: Duration) -> Sample {
    let Ok(queue) = &Q::new(capacity) else {
        return Sample::figures(vec![f64::NAN]);
    };
    let slice = slice::measure(2, length, |index| {
        let mut number = 0;
        move || {
            if index == 0 {
                queue.send(&message(number));
            } else {
                assert_eq!(number_of(&queue.receive()), number);
            }
            number += 1;
            index as u64
        }
    });
    Sample::rate(&slice)
}

fn to_oneself<Q: Queue>(length: Duration) -> Sample {
    let queue = &Q::new(1).expect("no queue");
    let slice = slice::measure(1, length, |_| {
        let mut number = 0;
        move || {
            queue.send(&message(number));
            assert_eq!(number_of(&queue.receive()), number);
            number += 1;
            1
        }
    });
    Sample::cpu(&slice)
}

fn to_and_fro<Q: Queue>(length: Duration) -> Sample {
    let queue = || Q::new(1).expect("no queue");
    let [to, fro] = &[queue(), queue()];
    crate::turns::turns(length, |index| {
        let mut number = 0;
        move || {
            if index == 0 {
                to.send(&message(number));
                assert_eq!(number_of(&fro.receive()), number);
            } else {
                fro.send(&to.receive());
            }
            number += 1;
        }
    })
}

/// The message of this number.
fn message(number: u64) -> [u8; 64] {
    let mut message = [0; 64];
    message[..8].copy_from_slice(&number.to_ne_bytes());
    message
}

fn number_of(message: &[u8; 64]) -> u64 {
    u64::from_ne_bytes(*message.first_chunk().expect("it has 64"))
}
