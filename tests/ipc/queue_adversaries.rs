//! The message queue between processes, with what is not in its calls: kills by the hundred, memory
//! full of random bytes, counters that come round.
use anteroom::ipc::{Message, MessageQueue, ReceiveError, Selector};
use common::processes::{Child, Name, counter, until, until_asleep};
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

/// Where things are in the region's file.
mod at {
    /// What a queue says of itself: how many slots, of what size.
    pub(super) const FRONT: u64 = 128;
    /// Senders, and receivers: first their lock's word.
    pub(super) const SIDES: [u64; 2] = [256, 640];
    /// In a side: what it last saw of the other's count, its own count, and, by twos, how often its
    /// gate was opened.
    pub(super) const SEEN: u64 = 40;
    pub(super) const DONE: u64 = 128;
    pub(super) const OPENINGS: u64 = 256 + 4;
    /// How many messages receivers have drawn.
    pub(super) const DRAWN: u64 = 1024 + 8;
}

/// Adversary 34: where a counter is narrower than 64 bits, or only half of it is watched, it is set
/// to where it comes round.
#[test]
fn its_counters_come_round() {
    const OPENINGS: u32 = u32::MAX - 5;
    const DONE: u64 = (1 << 32) - 3;
    let name = Name::new("queue");
    let queue = MessageQueue::create(&name, 1, 8).unwrap();
    let path = format!("/dev/shm/{}", &*name);
    let mut options = std::fs::File::options();
    let file = options.read(true).write(true).open(path).unwrap();
    let set = |bytes: &[u8], place| file.write_all_at(bytes, place).unwrap();
    for side in at::SIDES {
        set(&OPENINGS.to_le_bytes(), side + at::OPENINGS);
        set(&DONE.to_le_bytes(), side + at::DONE);
    }
    set(&DONE.to_le_bytes(), at::DRAWN);
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
    for side in at::SIDES {
        let mut now = [0; 4];
        file.read_exact_at(&mut now, side + at::OPENINGS).unwrap();
        assert!(u32::from_le_bytes(now) < OPENINGS, "it has come round");
        let mut now = [0; 8];
        file.read_exact_at(&mut now, side + at::DONE).unwrap();
        assert_eq!(u64::from_le_bytes(now), DONE + 30, "it counts on");
    }
}

/// Adversary 25: senders and receivers are killed all the time. What is received is whole, comes in
/// order, and is not received again; what was acknowledged as sent is received, by a process that
/// lives to note it or by one that does not.
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
                    // Its sender did not live to note that it was sent, and the next one has sent
                    // it again.
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
    /// What is left alone: the region's header, and what the queue says of itself.
    const KNOWN: usize = at::FRONT as usize + 16;
    let rounds = std::env::var("ANTEROOM_FUZZ").map_or(2_000, |it| it.parse().unwrap());
    let name = Name::new("queue");
    let queue = MessageQueue::create(&name, 5, 24).unwrap();
    let file = std::fs::File::options()
        .write(true)
        .open(format!("/dev/shm/{}", &*name))
        .unwrap();
    let size = file.metadata().unwrap().len() as usize;
    let mut random = fastrand::Rng::with_seed(33);
    // There is room in it for more than messages may have.
    let (mut done, mut buffer) = (0_u64, [0; 100]);
    let is_right = |received: Result<Message, ReceiveError>| {
        received.is_ok_and(|Message { kind, length }| {
            assert!(kind > 0 && length <= 24, "{length} bytes of type {kind}");
            true
        })
    };
    for _ in 0..rounds {
        let number = |random: &mut fastrand::Rng| match random.u32(0..5) {
            0 => 0,
            1 => random.u32(..),
            2 => random.u32(0..100),
            _ => random.u32(0..8),
        };
        let mut bytes: Vec<u8> = (0..size / 4)
            .flat_map(|_| number(&mut random).to_le_bytes())
            .collect();
        let is_locked = random.u32(0..16) == 0;
        let mut set = |place: u64, value: &[u8]| {
            bytes[place as usize..][..value.len()].copy_from_slice(value);
        };
        // If a lock's word says that a thread holds it, none comes farther.
        if !is_locked {
            at::SIDES.iter().for_each(|side| set(*side, &[0; 4]));
        }
        // If the counts contradict each other, neither.
        if random.u32(0..8) != 0 {
            let received = random.u64(..);
            let [sent, drawn, seen] = [(); 3].map(|()| received.wrapping_add(random.u64(0..6)));
            for (place, count) in [
                (at::SIDES[0] + at::DONE, sent),
                (at::SIDES[1] + at::DONE, received),
                (at::SIDES[0] + at::SEEN, seen),
                (at::SIDES[1] + at::SEEN, seen),
                (at::DRAWN, drawn),
            ] {
                set(place, &count.to_le_bytes());
            }
        }
        file.write_all_at(&bytes[KNOWN..], KNOWN as u64).unwrap();
        for _ in 0..8 {
            let kind = random.i64(1..6);
            done += u64::from(match random.u32(0..5) {
                0 => queue
                    .try_send_for(kind, &buffer[..24], Duration::ZERO)
                    .is_ok(),
                1 if !is_locked => queue.len() <= queue.capacity(),
                2 if !is_locked => queue.try_send(kind, b"something").is_ok(),
                3 if !is_locked => is_right(queue.try_receive(Selector::UpTo(kind), &mut buffer)),
                _ => {
                    let selectors = [Selector::Any, Selector::Kind(kind), Selector::Except(kind)];
                    let selector = random.choice(selectors).unwrap();
                    is_right(queue.try_receive_for(selector, &mut buffer, Duration::ZERO))
                }
            });
        }
    }
    assert!(done > rounds, "most of it works");
}
