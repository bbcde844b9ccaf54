//! The message queue. A message's bytes are all as its type says, so that half of one is found; and
//! in the storm each has a number.

use crate::numbers::{self, Numbers};
use crate::scenario::{Common, Scenario, own};
use crate::storm::Storm;
use anteroom::ipc::{MessageQueue, ReceiveError, Selector};

const CAPACITY: usize = 3;
const BYTES: usize = 48;

fn empty() -> Common<MessageQueue> {
    own(MessageQueue::anonymous(CAPACITY, BYTES).unwrap())
}

/// It has room for one message: what is stuck there is not pushed on by another.
fn for_one() -> Common<MessageQueue> {
    own(MessageQueue::anonymous(1, BYTES).unwrap())
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
        new: for_one,
        others: &[receive_any],
        // A process that sleeps here though the dead has sent something sleeps for ever.
        let_go: |queue| {
            let _ = queue.try_send(5, &[5; BYTES]);
        },
        // The one that slept has one of them.
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
        name: "queue: send, full, beside one that sleeps",
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
        name: "queue: receive, empty, beside one that sleeps",
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

struct Post {
    queue: MessageQueue,
    numbers: Numbers,
}

impl Post {
    fn send(&self) {
        let (number, bytes) = self.numbers.depart();
        self.queue.send(kind(number), &bytes).unwrap();
    }

    fn receive(&self) {
        // Of a type now and then, which may not be there.
        if fastrand::bool() {
            self.try_receive(Selector::Kind(fastrand::i64(1..=3)));
        }
        let mut bytes = [0; numbers::BYTES];
        let message = self.queue.receive(Selector::Any, &mut bytes).unwrap();
        assert_eq!(message.kind, kind(self.numbers.arrive(bytes)));
    }

    /// Receives one without waiting, if there is one.
    fn try_receive(&self, selector: Selector) -> bool {
        let mut bytes = [0; numbers::BYTES];
        let received = self.queue.try_receive(selector, &mut bytes);
        if let Ok(message) = &received {
            assert_eq!(message.kind, kind(self.numbers.arrive(bytes)));
        }
        received.is_ok()
    }
}

/// The type of the message with this number.
fn kind(number: u64) -> i64 {
    1 + (number % 3).cast_signed()
}

#[test]
fn a_storm_of_kills() {
    crate::rage(&Storm {
        name: "queue",
        new: || {
            own(Post {
                queue: MessageQueue::anonymous(CAPACITY, numbers::BYTES).unwrap(),
                numbers: Numbers::new(),
            })
        },
        roles: &[Post::send, Post::receive],
        help: |post, role| match role {
            0 => {
                assert!(post.queue.try_send(1, b"").is_err(), "there is room");
                assert!(post.try_receive(Selector::Any));
            }
            _ => {
                assert!(!post.try_receive(Selector::Any), "there are messages");
                post.send();
            }
        },
        check: |post, toll| {
            while post.try_receive(Selector::Any) {}
            post.numbers.check(toll);
        },
    });
}
