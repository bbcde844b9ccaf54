//! The message queue. A message's bytes are all as its type says, so that half of one is found; and in the storm each has a number,
//! so that one is found that comes twice or not at all.

use crate::processes::shared;
use crate::storm::{self, Storm};
use crate::trace::{Common, Scenario, own};
use anteroom::shared::{MessageQueue, ReceiveError, Selector, Shared};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

const CAPACITY: usize = 3;
const BYTES: usize = 48;

fn empty() -> Common<MessageQueue> {
    own(MessageQueue::anonymous(CAPACITY, BYTES).unwrap())
}

fn send(queue: &MessageQueue, kind: u8) {
    queue.send(kind.into(), &[kind; BYTES]).unwrap();
}

fn receive(queue: &MessageQueue, selector: Selector) -> u8 {
    let mut bytes = [0; BYTES];
    let message = queue.receive(selector, &mut bytes).unwrap();
    assert_eq!(bytes, [message.kind as u8; BYTES], "half of a message");
    bytes[0]
}

/// All that is left, in order.
fn rest(queue: &MessageQueue) -> Vec<i64> {
    let mut kinds = Vec::new();
    loop {
        let mut bytes = [0; BYTES];
        match queue.try_receive(Selector::Any, &mut bytes) {
            Ok(message) => {
                assert_eq!(bytes, [message.kind as u8; BYTES], "half of a message");
                kinds.push(message.kind);
            }
            Err(ReceiveError::Empty) => return kinds,
            Err(error) => panic!("{error}"),
        }
    }
}

fn nothing(_: &MessageQueue) {}

fn send_5(queue: &MessageQueue) {
    send(queue, 5);
}

fn send_7(queue: &MessageQueue) {
    send(queue, 7);
}

fn receive_any(queue: &MessageQueue) {
    receive(queue, Selector::Any);
}

fn receive_two(queue: &MessageQueue) {
    receive_any(queue);
    receive_any(queue);
}

fn fill(queue: &MessageQueue) {
    for kind in 1..=CAPACITY {
        send(queue, kind as u8);
    }
}

const SEND: Scenario<MessageQueue> = Scenario {
    name: "queue: send",
    new: empty,
    // What a process does only once is done before.
    before: |queue| assert!(queue.try_receive(Selector::Any, &mut [0; BYTES]).is_err()),
    operation: send_7,
    others: &[],
    hold: nothing,
    let_go: nothing,
    check: |queue| assert!([&[][..], &[7]].contains(&&*rest(queue))),
};

const SCENARIOS: &[Scenario<MessageQueue>] = &[
    SEND,
    Scenario {
        name: "queue: send, one sleeps for it",
        others: &[receive_any],
        let_go: send_5,
        // The one who slept has one of them.
        check: |queue| assert!(rest(queue).len() <= 1),
        ..SEND
    },
    Scenario {
        name: "queue: send, two sleep for it, one of them for a type",
        others: &[receive_any, |queue| {
            receive(queue, Selector::UpTo(5));
        }],
        let_go: |queue| {
            send_5(queue);
            send_5(queue);
        },
        check: |queue| assert!(rest(queue).len() <= 1),
        ..SEND
    },
    Scenario {
        name: "queue: send, full, beside one who sleeps",
        before: |queue| assert!(queue.try_send(9, b"").is_err()),
        others: &[send_5],
        hold: fill,
        let_go: receive_two,
        check: |queue| {
            let mut kinds = rest(queue);
            kinds.sort_unstable();
            assert!([&[3, 5][..], &[3, 5, 7]].contains(&&*kinds), "{kinds:?}");
        },
        ..SEND
    },
    Scenario {
        name: "queue: receive the first",
        before: |queue| {
            send_5(queue);
            fill_two(queue);
        },
        operation: receive_any,
        check: |queue| assert!([&[5, 1, 2][..], &[1, 2]].contains(&&*rest(queue))),
        ..SEND
    },
    Scenario {
        name: "queue: receive by type, others in front",
        before: |queue| {
            fill_two(queue);
            send_5(queue);
        },
        operation: |queue| assert_eq!(receive(queue, Selector::Kind(2)), 2),
        check: |queue| assert!([&[1, 2, 5][..], &[1, 5]].contains(&&*rest(queue))),
        ..SEND
    },
    Scenario {
        name: "queue: receive, empty, beside one who sleeps",
        operation: receive_any,
        others: &[receive_any],
        let_go: |queue| {
            send_5(queue);
            send_7(queue);
        },
        check: |queue| assert!(rest(queue).len() <= 1),
        ..SEND
    },
    Scenario {
        name: "queue: receive, full, one sleeps for room",
        before: nothing,
        operation: receive_any,
        others: &[send_5],
        hold: fill,
        let_go: receive_any,
        check: |queue| {
            let kinds = rest(queue);
            assert!([&[2, 3, 5][..], &[3, 5]].contains(&&*kinds), "{kinds:?}");
        },
        ..SEND
    },
];

fn fill_two(queue: &MessageQueue) {
    send(queue, 1);
    send(queue, 2);
}

#[test]
fn killed_after_every_instruction() {
    crate::kill_everywhere(SCENARIOS);
}

/// How many numbers there are for messages, 64 in a word.
const WORDS: usize = 16_384;

/// Which numbers are of messages that have been sent, or almost, and not been received, or not quite.
struct Post {
    queue: MessageQueue,
    on_the_way: Shared<[AtomicU64; WORDS]>,
}

impl Post {
    /// Sends a message with a number that no other has, unless the queue is full.
    fn send(&self) {
        let (word, bit) = (fastrand::usize(..WORDS), 1_u64 << fastrand::u32(..64));
        if self.on_the_way[word].fetch_or(bit, SeqCst) & bit != 0 {
            return;
        }
        let number = (word * 64) as u64 + u64::from(bit.trailing_zeros());
        let bytes = [number, !number, number].map(u64::to_ne_bytes).concat();
        if self
            .queue
            .try_send(1 + (number % 3) as i64, &bytes)
            .is_err()
        {
            self.on_the_way[word].fetch_and(!bit, SeqCst);
        }
    }

    /// Receives one, of any type or one of three.
    fn receive(&self, selector: Selector) {
        let mut bytes = [0; BYTES];
        let Ok(message) = self.queue.try_receive(selector, &mut bytes) else {
            return;
        };
        let part = |place: usize| u64::from_ne_bytes(bytes[8 * place..][..8].try_into().unwrap());
        let number = part(0);
        assert_eq!(
            (part(1), part(2), message.length),
            (!number, number, 24),
            "torn"
        );
        assert_eq!(message.kind, 1 + (number % 3) as i64, "of another type");
        let (word, bit) = ((number / 64) as usize, 1 << (number % 64));
        let before = self.on_the_way[word].fetch_and(!bit, SeqCst);
        assert_ne!(before & bit, 0, "{number} came twice, or from nowhere");
    }

    fn live(&self) {
        match fastrand::u8(..6) {
            0..3 => self.send(),
            3 | 4 => self.receive(Selector::Any),
            _ => self.receive(Selector::Kind(fastrand::i64(1..=3))),
        }
    }
}

#[test]
fn a_storm_of_kills() {
    let post = storm::rage(Storm {
        new: || {
            own(Post {
                queue: MessageQueue::anonymous(50, BYTES).unwrap(),
                on_the_way: shared([const { AtomicU64::new(0) }; WORDS]),
            })
        },
        life: Post::live,
        processes: 6,
    });
    while !post.queue.is_empty() {
        post.receive(Selector::Any);
    }
    let left = post
        .on_the_way
        .iter()
        .map(|word| word.load(SeqCst).count_ones() as usize);
    let left: usize = left.sum();
    // Whoever was killed had one in its hands at most.
    assert!(left <= storm::kills() + 6, "{left} messages were lost");
    println!("queue: {left} messages died with whoever had them in their hands");
}
