//! The message queue between processes, with what is not in its calls: kills by the hundred, memory full of random bytes,
//! counters that come round.
#![cfg(target_os = "linux")]

#[path = "common/processes.rs"]
#[allow(dead_code, reason = "for all tests of processes")]
mod processes;

use anteroom::shared::{MessageQueue, Selector};
use processes::{Child, Name, counter, until, until_asleep};
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// Sends a message that says its type.
fn send(queue: &MessageQueue, kind: i64) {
    queue.send(kind, &kind.to_le_bytes()).unwrap();
}

/// Receives a message that says its type.
fn take(queue: &MessageQueue) -> i64 {
    let mut buffer = [0; 8];
    let message = queue.receive(Selector::Any, &mut buffer).unwrap();
    assert_eq!(i64::from_le_bytes(buffer), message.kind);
    message.kind
}

/// Adversary 34: where a counter is narrower than 64 bits, it is set to where it comes round. (A message's number is not.)
#[test]
fn its_counters_come_round() {
    /// Where an end of the queue begins in the region's file: the receivers', and the senders'.
    const ENDS: [u64; 2] = [192, 320];
    /// Where, in an end, it counts its openings by twos, and its changes.
    const COUNTERS: [(u64, u32); 2] = [(4, u32::MAX - 5), (80, u32::MAX - 2)];
    let name = Name::new("queue");
    let queue = MessageQueue::create(&name, 1, 8).unwrap();
    let path = format!("/dev/shm/{}", &*name);
    let mut options = std::fs::File::options();
    let file = options.read(true).write(true).open(path).unwrap();
    for (counter, value) in COUNTERS {
        for end in ENDS {
            file.write_all_at(&value.to_le_bytes(), end + counter)
                .unwrap();
        }
    }
    for kind in 1..=10 {
        let receiver = Child::fork(|| assert_eq!(take(&queue), kind));
        until_asleep(receiver.pid());
        send(&queue, kind);
        receiver.succeed();
        send(&queue, kind);
        let sender = Child::fork(|| send(&queue, kind + 1));
        until_asleep(sender.pid());
        assert_eq!(take(&queue), kind);
        sender.succeed();
        assert_eq!(take(&queue), kind + 1);
    }
    for (counter, value) in COUNTERS {
        for end in ENDS {
            let mut now = [0; 4];
            file.read_exact_at(&mut now, end + counter).unwrap();
            assert!(u32::from_le_bytes(now) < value, "it has come round");
        }
    }
}

/// Adversary 25: senders and receivers are killed all the time. What is received is whole, comes in order, and is not received
/// again; what was acknowledged as sent is received, by somebody who lives to note it or by one who does not.
#[test]
fn a_storm_of_kills_tears_loses_and_doubles_nothing() {
    const ROUNDS: i64 = 300;
    let queue = MessageQueue::anonymous(16, 64).unwrap();
    let mut random = fastrand::Rng::with_seed(34);
    let (sent, received, sender_of_last) = (counter(), counter(), counter());
    for round in 1..=ROUNDS {
        // Sends numbers, each eight times in a message, which is of this round's type.
        let sender = Child::fork(|| {
            loop {
                let next = sent.load(SeqCst) + 1;
                let bytes = [next.to_le_bytes(); 8].concat();
                queue.send(round, &bytes).unwrap();
                sent.store(next, SeqCst);
            }
        });
        let receiver = Child::fork(|| {
            let mut buffer = [0; 64];
            // One that the last receiver did not live to note is missing.
            let mut may_be_missing = 1;
            loop {
                let message = queue.receive(Selector::Any, &mut buffer).unwrap();
                let number = u64::from_le_bytes(buffer[..8].try_into().unwrap());
                assert_eq!(buffer.to_vec(), [number.to_le_bytes(); 8].concat());
                let last = received.load(SeqCst);
                if number == last {
                    // Its sender did not live to note that it was sent, and the next one has sent it again.
                    assert!(message.kind as u64 > sender_of_last.load(SeqCst), "doubled");
                } else {
                    let missing = number.checked_sub(last + 1).expect("in order");
                    assert!(missing <= may_be_missing, "{missing} lost after {last}");
                }
                may_be_missing = 0;
                sender_of_last.store(message.kind as u64, SeqCst);
                received.store(number, SeqCst);
            }
        });
        let start = received.load(SeqCst);
        until("received", || {
            assert!(!receiver.has_ended(), "it found something wrong");
            received.load(SeqCst) > start + 10
        });
        for _ in 0..random.u32(0..5_000) {
            std::hint::spin_loop();
        }
        let (first, second) = match random.bool() {
            true => (sender, receiver),
            false => (receiver, sender),
        };
        first.kill();
        second.kill();
    }
    assert!(queue.len() <= 16);
}

/// Adversary 33. `ANTEROOM_FUZZ=1000000` tries as many.
#[test]
fn random_bytes_in_its_memory_do_no_harm() {
    /// What is left alone: the region's header, how many slots there are, and of what size.
    const KNOWN: usize = 64 + 16;
    /// Where the lock's word is. If it says that somebody holds the lock, nobody comes farther.
    const LOCK: usize = 128;
    let rounds = std::env::var("ANTEROOM_FUZZ").map_or(2_000, |it| it.parse().unwrap());
    let name = Name::new("queue");
    let queue = MessageQueue::create(&name, 5, 24).unwrap();
    let file = std::fs::File::options()
        .write(true)
        .open(format!("/dev/shm/{}", &*name))
        .unwrap();
    let size = file.metadata().unwrap().len() as usize;
    let mut random = fastrand::Rng::with_seed(33);
    let (mut done, mut buffer) = (0_u64, [0; 24]);
    for _ in 0..rounds {
        let number = |random: &mut fastrand::Rng| match random.u32(0..4) {
            0 => 0,
            1 => random.u32(..),
            _ => random.u32(0..8),
        };
        let mut bytes: Vec<u8> = (0..size / 4)
            .flat_map(|_| number(&mut random).to_le_bytes())
            .collect();
        let is_locked = random.u32(0..16) == 0;
        if !is_locked {
            bytes[LOCK..LOCK + 4].fill(0);
        }
        file.write_all_at(&bytes[KNOWN..], KNOWN as u64).unwrap();
        for _ in 0..8 {
            let kind = random.i64(1..6);
            done += u64::from(match random.u32(0..5) {
                0 => queue.try_send_for(kind, &buffer, Duration::ZERO).is_ok(),
                1 if !is_locked => queue.len() <= queue.capacity(),
                2 if !is_locked => queue.try_send(kind, b"something").is_ok(),
                3 if !is_locked => queue.try_receive(Selector::UpTo(kind), &mut buffer).is_ok(),
                _ => {
                    let selectors = [Selector::Any, Selector::Kind(kind), Selector::Except(kind)];
                    let selector = random.choice(selectors).unwrap();
                    queue
                        .try_receive_for(selector, &mut buffer, Duration::ZERO)
                        .is_ok()
                }
            });
        }
    }
    assert!(done > rounds, "most of it works");
}
