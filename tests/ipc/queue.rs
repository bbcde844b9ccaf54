//! The message queue between processes: what its calls promise, and forked children that send,
//! receive and are killed.
use anteroom::ipc::{
    Message, MessageQueue, OpenError, ReceiveError, Selector, SendError, SharedMemory,
};
use common::processes::{Child, Name, counter, until, until_all_asleep, until_asleep};
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

const A_MOMENT: Duration = Duration::from_millis(1);

fn queue(capacity: usize) -> MessageQueue {
    MessageQueue::anonymous(capacity, 8).unwrap()
}

/// Sends a message that says its type.
fn send(queue: &MessageQueue, kind: i64) {
    queue.send(kind, &kind.to_le_bytes()).unwrap();
}

fn try_take(queue: &MessageQueue, selector: Selector) -> Option<i64> {
    let mut buffer = [0; 8];
    match queue.try_receive(selector, &mut buffer) {
        Ok(message) => {
            assert_eq!(message.length, 8);
            assert_eq!(i64::from_le_bytes(buffer), message.kind);
            Some(message.kind)
        }
        Err(ReceiveError::Empty) => None,
        Err(error) => panic!("{error}"),
    }
}

/// Receives a message that says its type.
fn take(queue: &MessageQueue, selector: Selector) -> i64 {
    let mut buffer = [0; 8];
    let message = queue.receive(selector, &mut buffer).unwrap();
    assert_eq!(message.length, 8);
    assert_eq!(i64::from_le_bytes(buffer), message.kind);
    message.kind
}

fn all(queue: &MessageQueue) -> Vec<i64> {
    std::iter::from_fn(|| try_take(queue, Selector::Any)).collect()
}

#[test]
fn messages_come_in_the_order_in_which_they_were_sent() {
    let queue = queue(3);
    for round in 0..100 {
        for kind in [5, 1, 3] {
            send(&queue, kind + round);
        }
        assert_eq!(queue.len(), 3);
        assert_eq!(all(&queue), [5 + round, 1 + round, 3 + round]);
    }
    assert!(queue.is_empty());
}

#[test]
fn a_receiver_picks_as_system_v_says() {
    let queue = queue(8);
    let fill = || [4, 2, 7, 2, 9, 4].map(|kind| send(&queue, kind));
    for (selector, picked, rest) in [
        (Selector::Any, Some(4), vec![2, 7, 2, 9, 4]),
        (Selector::Kind(7), Some(7), vec![4, 2, 2, 9, 4]),
        (Selector::Kind(9), Some(9), vec![4, 2, 7, 2, 4]),
        (Selector::Kind(3), None, vec![4, 2, 7, 2, 9, 4]),
        (Selector::Except(4), Some(2), vec![4, 7, 2, 9, 4]),
        (Selector::Except(5), Some(4), vec![2, 7, 2, 9, 4]),
        (Selector::UpTo(8), Some(2), vec![4, 7, 2, 9, 4]),
        (Selector::UpTo(2), Some(2), vec![4, 7, 2, 9, 4]),
        (Selector::UpTo(1), None, vec![4, 2, 7, 2, 9, 4]),
    ] {
        fill();
        assert_eq!(try_take(&queue, selector), picked, "{selector:?}");
        assert_eq!(all(&queue), rest, "after {selector:?}");
    }
}

/// The same, by a model of the queue that is a list.
#[test]
fn any_mixture_of_sends_and_picks_is_that_of_a_list() {
    let queue = queue(20);
    let mut list = Vec::new();
    let mut random = fastrand::Rng::with_seed(5);
    for _ in 0..100_000 {
        if random.bool() {
            let kind = random.i64(1..6);
            let sent = queue.try_send(kind, &kind.to_le_bytes());
            assert_eq!(sent.is_ok(), list.len() < queue.capacity());
            list.extend(sent.is_ok().then_some(kind));
        } else {
            let kind = random.i64(1..6);
            let least = list.iter().copied().min();
            let (selector, place) = match random.u32(0..4) {
                0 => (Selector::Any, list.iter().position(|_| true)),
                1 => (Selector::Kind(kind), list.iter().position(|it| *it == kind)),
                2 => (
                    Selector::Except(kind),
                    list.iter().position(|it| *it != kind),
                ),
                _ => (
                    Selector::UpTo(kind),
                    list.iter().position(|it| Some(*it) == least && *it <= kind),
                ),
            };
            let expected = place.map(|place| list.remove(place));
            assert_eq!(try_take(&queue, selector), expected);
        }
        assert_eq!(queue.len(), list.len());
    }
}

/// Adversary 34.
#[test]
fn misuse_has_its_own_error_and_changes_nothing() {
    let queue = queue(2);
    let mut buffer = [0; 8];
    for kind in [0, -1, i64::MIN] {
        assert_eq!(queue.send(kind, b""), Err(SendError::KindNotPositive));
        assert_eq!(queue.try_send(kind, b""), Err(SendError::KindNotPositive));
        for selector in [
            Selector::Kind(kind),
            Selector::Except(kind),
            Selector::UpTo(kind),
        ] {
            let received = queue.receive(selector, &mut buffer);
            assert_eq!(received, Err(ReceiveError::KindNotPositive));
            let received = queue.try_receive(selector, &mut buffer);
            assert_eq!(received, Err(ReceiveError::KindNotPositive));
        }
    }
    let too_large = Err(SendError::TooLarge { most: 8 });
    assert_eq!(queue.send(1, &[0; 9]), too_large);
    assert_eq!(queue.try_send_for(1, &[0; 9], A_MOMENT), too_large);
    let empty = queue.try_receive(Selector::Any, &mut buffer);
    assert_eq!(empty, Err(ReceiveError::Empty));
    let late = queue.try_receive_for(Selector::Any, &mut buffer, A_MOMENT);
    assert_eq!(late, Err(ReceiveError::TimedOut));
    let past = queue.try_receive_until(Selector::Any, &mut buffer, Instant::now());
    assert_eq!(past, Err(ReceiveError::TimedOut));
    assert!(queue.is_empty());

    queue.send(i64::MAX, b"12345678").unwrap();
    queue.send(1, b"").unwrap();
    assert_eq!(queue.try_send(1, b""), Err(SendError::Full));
    let late = queue.try_send_for(1, b"", A_MOMENT);
    assert_eq!(late, Err(SendError::TimedOut));
    let past = queue.try_send_until(1, b"", Instant::now());
    assert_eq!(past, Err(SendError::TimedOut));
    let too_small = Err(ReceiveError::BufferTooSmall { needed: 8 });
    let mut small = [0; 7];
    assert_eq!(queue.receive(Selector::Any, &mut small), too_small);
    assert_eq!(queue.try_receive(Selector::Any, &mut small), too_small);
    assert_eq!(small, [0; 7]);
    assert_eq!(queue.len(), 2);

    let (kind, length) = (i64::MAX, 8);
    let received = queue.receive(Selector::Any, &mut buffer);
    assert_eq!(received, Ok(Message { kind, length }));
    assert_eq!(&buffer, b"12345678");
    let (kind, length) = (1, 0);
    let received = queue.receive(Selector::Any, &mut []);
    assert_eq!(received, Ok(Message { kind, length }));
}

#[test]
fn a_timeout_may_be_longer_than_time() {
    let queue = queue(1);
    let mut buffer = [0; 8];
    queue.try_send_for(1, b"", Duration::MAX).unwrap();
    queue
        .try_receive_for(Selector::Any, &mut buffer, Duration::MAX)
        .unwrap();
}

#[test]
fn it_is_found_by_its_name_until_it_is_removed() {
    let name = Name::new("queue");
    assert!(matches!(
        MessageQueue::open(&name),
        Err(OpenError::NotFound)
    ));
    let one = MessageQueue::create(&name, 3, 100).unwrap();
    assert!(matches!(
        MessageQueue::create(&name, 3, 100),
        Err(OpenError::AlreadyExists)
    ));
    let other = MessageQueue::open_or_create(&name, 9, 9).unwrap();
    assert_eq!((other.capacity(), other.message_size()), (3, 100));
    one.send(5, b"hello").unwrap();
    drop(one);
    MessageQueue::unlink(&name).unwrap();
    assert!(matches!(
        MessageQueue::unlink(&name),
        Err(OpenError::NotFound)
    ));
    let mut buffer = [0; 100];
    let message = other.receive(Selector::Kind(5), &mut buffer).unwrap();
    assert_eq!(&buffer[..message.length], b"hello");
}

#[test]
fn only_a_queue_is_opened_as_one() {
    let name = Name::new("queue");
    SharedMemory::create(&name, 4096).unwrap();
    assert!(matches!(
        MessageQueue::open(&name),
        Err(OpenError::Type { .. })
    ));
    let queue = Name::new("queue");
    MessageQueue::create(&queue, 2, 8).unwrap();
    assert!(matches!(
        SharedMemory::open(&queue),
        Err(OpenError::Type { .. })
    ));
    for (capacity, message_size) in [
        (0, 8),
        (usize::MAX, 8),
        (1 << 32, 0),
        (1, usize::MAX),
        (1, 1 << 32),
        (1 << 31, u32::MAX as usize),
    ] {
        let created = MessageQueue::anonymous(capacity, message_size);
        assert!(matches!(
            created,
            Err(OpenError::SizeOutOfRange | OpenError::System(_))
        ));
    }
}

#[test]
fn processes_send_and_receive_everything_once() {
    const SENDERS: i64 = 3;
    const EACH: i64 = 10_000;
    let queue = queue(7);
    let sum = counter();
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let queue = &queue;
            Child::fork(move || (0..EACH).for_each(|n| send(queue, 1 + sender * EACH + n)))
        })
        .collect();
    let receivers: Vec<_> = (0..3)
        .map(|_| {
            Child::fork(|| {
                let mut last = [0; SENDERS as usize];
                for _ in 0..EACH {
                    let kind = take(&queue, Selector::Any);
                    let of_sender = &mut last[((kind - 1) / EACH) as usize];
                    assert!(kind > *of_sender, "those of one sender come in order");
                    *of_sender = kind;
                    sum.fetch_add(kind as u64, SeqCst);
                }
            })
        })
        .collect();
    senders.into_iter().for_each(Child::succeed);
    receivers.into_iter().for_each(Child::succeed);
    let all = (SENDERS * EACH) as u64;
    assert_eq!(sum.load(SeqCst), all * (all + 1) / 2);
    assert!(queue.is_empty());
}

#[test]
fn who_sleeps_is_woken_by_what_it_waits_for() {
    let queue = queue(2);
    let picky = Child::fork(|| assert_eq!(take(&queue, Selector::Kind(7)), 7));
    let low = Child::fork(|| assert_eq!(take(&queue, Selector::UpTo(3)), 2));
    until_asleep(picky.pid());
    until_asleep(low.pid());
    send(&queue, 5);
    send(&queue, 2);
    low.succeed();
    send(&queue, 7);
    picky.succeed();
    send(&queue, 1);
    let sender = Child::fork(|| send(&queue, 8));
    until_asleep(sender.pid());
    assert_eq!(take(&queue, Selector::Any), 5);
    sender.succeed();
    assert_eq!(all(&queue), [1, 8]);
}

#[test]
fn one_message_is_enough_for_one_of_many_who_sleep() {
    let queue = queue(10);
    let received = counter();
    let receivers: Vec<_> = (0..5)
        .map(|_| {
            Child::fork(|| {
                take(&queue, Selector::Any);
                received.fetch_add(1, SeqCst);
            })
        })
        .collect();
    until_all_asleep(&receivers);
    for n in 1..=5 {
        send(&queue, n);
        until("received", || received.load(SeqCst) == n as u64);
    }
    receivers.into_iter().for_each(Child::succeed);
}

#[test]
fn a_killed_sleeper_takes_nothing_with_it() {
    let queue = queue(1);
    for _ in 0..20 {
        let mut receivers: Vec<_> = (0..3)
            .map(|_| Child::fork(|| assert!(take(&queue, Selector::Any) > 0)))
            .collect();
        until_all_asleep(&receivers);
        // Some are killed asleep, some just as they are woken.
        receivers.remove(0).kill();
        send(&queue, 1);
        receivers.remove(0).kill();
        // Unless the dead has received that one, this waits until the last one does.
        send(&queue, 2);
        receivers.remove(0).succeed();
        all(&queue);

        send(&queue, 3);
        let mut senders: Vec<_> = (0..3).map(|_| Child::fork(|| send(&queue, 4))).collect();
        until_all_asleep(&senders);
        senders.remove(0).kill();
        take(&queue, Selector::Any);
        senders.remove(0).kill();
        take(&queue, Selector::Any);
        while let Some(sender) = senders.pop() {
            until("sent", || {
                all(&queue);
                !common::processes::is_asleep(sender.pid())
            });
            sender.succeed();
        }
        all(&queue);
    }
}
