//! Models of the message queue: senders and receivers are killed.
//!
//! A message of type *n* says *n*, in a slot of its own: each receiver checks that it is whole.

use super::{mortal_process, process, second_mortal_process, share};
use crate::ipc::Selector;
use crate::ipc::message_queue::raw::{Head, Queue};
use crate::ipc::message_queue::slots::{Memory, Slot, Slots};
use crate::models;
use crate::sys::deadline::Deadline;
use std::time::Duration;

models! {
    what_is_sent_is_received: 4,
    what_is_sent_is_received: 3 one_by_one,
    a_full_queue_holds_its_sender: 4,
    two_receivers_share_two_messages: 3,
    two_receivers_share_two_messages: 3 awake,
    selecting_receiver_is_woken_beside_another: 2,
    places_become_free_in_any_order: 3,
    the_length_was_so_at_some_time: 3,
    a_timed_receiver_leaves_no_trace: 3,
    a_timed_picker_leaves_no_trace: 3,
    a_killed_sender_has_sent_it_or_not: 3 mortal,
    a_killed_sender_has_sent_it_or_not: 3 mortal awake,
    a_killed_receiver_has_received_it_or_not: 3 mortal,
    a_killed_picker_leaves_the_others_in_their_order: 0 mortal,
    a_killed_receiver_makes_room: 2 mortal,
    a_killed_sender_leaves_no_receiver_asleep: 3 mortal,
    a_killed_sender_leaves_no_receiver_asleep: 2 mortal one_by_one,
    a_killed_receiver_takes_no_wake_up_with_it: 1 mortal,
    a_killed_sender_takes_no_wake_up_with_it: 1 mortal,
    selecting_receiver_passes_on_the_wake_up_of_the_dead: 1 mortal,
    waiter_woken_by_a_death_may_be_killed_too: 0 mortals,
}

struct Shared {
    head: Head,
    slots: Slots,
}

impl Shared {
    fn with_slots(count: u32) -> Self {
        Shared {
            head: Head::new(),
            slots: Slots::new(Memory::new(count, Slot::new), count, 8),
        }
    }

    fn queue(&self) -> Queue<'_> {
        Queue {
            head: &self.head,
            slots: &self.slots,
        }
    }

    fn send(&self, kind: i64) {
        let sent = self
            .queue()
            .send(kind, &kind.to_le_bytes(), Deadline::NEVER);
        sent.unwrap().expect("there is no deadline");
    }

    fn try_send(&self, kind: i64) -> bool {
        let sent = self.queue().try_send(kind, &kind.to_le_bytes());
        sent.unwrap().is_some()
    }

    fn receive(&self, selector: Selector) -> i64 {
        self.receive_before(selector, Deadline::NEVER)
            .expect("there is no deadline")
    }

    fn receive_before(&self, selector: Selector, deadline: Deadline) -> Option<i64> {
        let mut buffer = [0; 8];
        let message = self.queue().receive(selector, &mut buffer, deadline);
        let message = message.unwrap()?;
        assert_eq!(message.length, 8);
        assert_eq!(i64::from_le_bytes(buffer), message.kind, "it is whole");
        Some(message.kind)
    }

    fn receive_any(&self) -> i64 {
        self.receive(Selector::Any)
    }

    /// Receives all that there are, when all others have ended.
    fn rest(&self) -> Vec<i64> {
        let mut kinds = Vec::new();
        let mut buffer = [0; 8];
        let queue = self.queue();
        while let Some(message) = queue.try_receive(Selector::Any, &mut buffer).unwrap() {
            assert_eq!(i64::from_le_bytes(buffer), message.kind, "it is whole");
            kinds.push(message.kind);
        }
        assert_eq!(queue.len(), 0);
        kinds
    }
}

fn what_is_sent_is_received() {
    let queue = share(Shared::with_slots(2));
    let sender = process(&queue, |queue| {
        queue.send(2);
        queue.send(1);
    });
    assert_eq!(queue.receive_any(), 2);
    assert_eq!(queue.receive_any(), 1);
    sender.join().unwrap();
    assert_eq!(queue.rest(), []);
}

fn a_full_queue_holds_its_sender() {
    let queue = share(Shared::with_slots(1));
    let sender = process(&queue, |queue| {
        queue.send(1);
        queue.send(2);
    });
    assert_eq!(queue.receive_any(), 1);
    assert_eq!(queue.receive_any(), 2);
    sender.join().unwrap();
}

fn two_receivers_share_two_messages() {
    let queue = share(Shared::with_slots(2));
    let receivers = [0, 1].map(|_| {
        process(&queue, |queue| {
            queue.receive_any();
        })
    });
    queue.send(1);
    queue.send(2);
    receivers.into_iter().for_each(|it| it.join().unwrap());
    assert_eq!(queue.rest(), []);
}

fn selecting_receiver_is_woken_beside_another() {
    let queue = share(Shared::with_slots(2));
    let picky = process(&queue, |queue| {
        assert_eq!(queue.receive(Selector::Kind(2)), 2);
    });
    let other = process(&queue, |queue| {
        assert_eq!(queue.receive(Selector::Kind(1)), 1);
    });
    queue.send(1);
    queue.send(2);
    picky.join().unwrap();
    other.join().unwrap();
    assert_eq!(queue.rest(), []);
}

/// The third message stands where the second one stood.
fn places_become_free_in_any_order() {
    let queue = share(Shared::with_slots(2));
    queue.send(1);
    queue.send(2);
    let receiver = process(&queue, |queue| {
        assert_eq!(queue.receive(Selector::Kind(2)), 2);
        assert_eq!(queue.receive_any(), 1);
        assert_eq!(queue.receive_any(), 3);
    });
    queue.send(3);
    receiver.join().unwrap();
    assert_eq!(queue.rest(), []);
}

/// There is never more than one.
fn the_length_was_so_at_some_time() {
    let queue = share(Shared::with_slots(2));
    queue.send(1);
    let other = process(&queue, |queue| assert!(queue.queue().len() <= 1));
    assert_eq!(queue.receive_any(), 1);
    queue.send(2);
    other.join().unwrap();
    assert_eq!(queue.rest(), [2]);
}

fn a_timed_receiver_leaves_no_trace() {
    leaves_no_trace(Selector::Any);
}

fn a_timed_picker_leaves_no_trace() {
    leaves_no_trace(Selector::Kind(1));
}

fn leaves_no_trace(selector: Selector) {
    let queue = share(Shared::with_slots(1));
    let timed = process(&queue, move |queue| {
        let deadline = Deadline::after(Duration::ZERO);
        if queue.receive_before(selector, deadline).is_some() {
            queue.send(1);
        }
    });
    queue.send(1);
    assert_eq!(queue.receive_any(), 1);
    timed.join().unwrap();
}

/// A live receiver is there, and gets what was sent, once; also what another sender sends.
fn a_killed_sender_has_sent_it_or_not() {
    let queue = share(Shared::with_slots(2));
    let doomed = mortal_process(&queue, |queue| queue.send(1));
    queue.send(2);
    let first = queue.receive_any();
    let lived = doomed.join().unwrap();
    let mut all = queue.rest();
    all.push(first);
    all.sort_unstable();
    match lived {
        true => assert_eq!(all, [1, 2]),
        false => assert!(all == [1, 2] || all == [2]),
    }
}

/// What is left, besides the message that the dead receiver may have received, is received once.
fn a_killed_receiver_has_received_it_or_not() {
    let queue = share(Shared::with_slots(2));
    queue.send(1);
    queue.send(2);
    let doomed = mortal_process(&queue, |queue| {
        queue.receive_any();
    });
    let first = queue.receive_any();
    let lived = doomed.join().unwrap();
    let rest = queue.rest();
    match lived {
        true => assert_eq!(rest, []),
        false if first == 2 => assert_eq!(rest, []),
        false => assert!(rest.is_empty() || rest == [2]),
    }
}

fn a_killed_picker_leaves_the_others_in_their_order() {
    let queue = share(Shared::with_slots(4));
    // From now on messages and places have not the same order.
    [1, 2, 3, 4].into_iter().for_each(|kind| queue.send(kind));
    for kind in [3, 1, 4, 2] {
        assert_eq!(queue.receive(Selector::Kind(kind)), kind);
    }
    [3, 1, 2, 4].into_iter().for_each(|kind| queue.send(kind));
    let doomed = mortal_process(&queue, |queue| {
        assert_eq!(queue.receive(Selector::Kind(1)), 1);
        assert_eq!(queue.receive(Selector::UpTo(3)), 2);
        assert_eq!(queue.receive(Selector::Except(3)), 4);
        assert_eq!(queue.receive(Selector::Kind(3)), 3);
    });
    let lived = doomed.join().unwrap();
    let left: &[&[i64]] = &[&[], &[3], &[3, 4], &[3, 2, 4], &[3, 1, 2, 4]];
    let rest = queue.rest();
    let is_among = if lived { &left[..1] } else { left };
    assert!(is_among.contains(&&rest[..]), "{rest:?}");
    [5, 6, 7, 8].into_iter().for_each(|kind| queue.send(kind));
    for kind in [8, 6] {
        assert_eq!(queue.receive(Selector::Kind(kind)), kind);
    }
    queue.send(9);
    assert_eq!(queue.receive(Selector::Kind(9)), 9);
    assert_eq!(queue.rest(), [5, 7]);
    let exists = |place| queue.slots.at(place).is_ok();
    assert_eq!([0, 1, 4, 5].map(exists), [false, true, true, false]);
}

/// A sender waits for room, which the dead has made or not.
fn a_killed_receiver_makes_room() {
    let queue = share(Shared::with_slots(1));
    queue.send(1);
    let doomed = mortal_process(&queue, |queue| {
        queue.receive_any();
    });
    let sender = process(&queue, |queue| queue.send(2));
    let lived = doomed.join().unwrap();
    if !lived {
        // Unless the dead has received the first one, this is it, and makes room.
        let first = queue.receive_any();
        sender.join().unwrap();
        assert_eq!(queue.rest(), if first == 1 { vec![2] } else { vec![] });
    } else {
        sender.join().unwrap();
        assert_eq!(queue.rest(), [2]);
    }
}

/// No sender sends another one: the receiver gets it if it was sent, and else must be told to go.
fn a_killed_sender_leaves_no_receiver_asleep() {
    let queue = share(Shared::with_slots(1));
    let doomed = mortal_process(&queue, |queue| queue.send(1));
    let receiver = process(&queue, |queue| {
        queue.receive_any();
    });
    if !doomed.join().unwrap() {
        // If it was sent, there is no room for another until it is received.
        let is_another_sent = queue.try_send(2);
        receiver.join().unwrap();
        let rest = queue.rest();
        assert!(rest.is_empty() || is_another_sent && rest == [2]);
    } else {
        receiver.join().unwrap();
        assert_eq!(queue.rest(), []);
    }
}

/// Two wait; one of them is killed, before or after it was woken.
fn a_killed_receiver_takes_no_wake_up_with_it() {
    let queue = share(Shared::with_slots(2));
    let doomed = mortal_process(&queue, |queue| {
        queue.receive_any();
    });
    let other = process(&queue, |queue| {
        queue.receive_any();
    });
    queue.send(1);
    queue.send(2);
    other.join().unwrap();
    let lived = doomed.join().unwrap();
    let rest = queue.rest();
    assert!(rest.is_empty() || !lived && rest.len() == 1);
}

/// As above, on the other side.
fn a_killed_sender_takes_no_wake_up_with_it() {
    let queue = share(Shared::with_slots(1));
    queue.send(3);
    let doomed = mortal_process(&queue, |queue| queue.send(1));
    let other = process(&queue, |queue| queue.send(2));
    assert_eq!(queue.receive_any(), 3);
    let first = queue.receive_any();
    other.join().unwrap();
    let lived = doomed.join().unwrap();
    let mut all = queue.rest();
    all.push(first);
    assert!(all.contains(&2) && (all.contains(&1) || !lived));
}

/// The kernel wakes one waiter for the dead sender, maybe one that wants another message.
fn selecting_receiver_passes_on_the_wake_up_of_the_dead() {
    let queue = share(Shared::with_slots(1));
    let picky = process(&queue, |queue| {
        assert_eq!(queue.receive(Selector::Kind(2)), 2);
    });
    let other = process(&queue, |queue| {
        assert_eq!(queue.receive(Selector::Except(2)), 1);
    });
    let doomed = mortal_process(&queue, |queue| queue.send(1));
    if !doomed.join().unwrap() {
        queue.try_send(1);
    }
    other.join().unwrap();
    queue.rest();
    queue.send(2);
    picky.join().unwrap();
    assert_eq!(queue.rest(), []);
}

/// The sender is killed, perhaps before it has woken the waiters; so is the waiter that the kernel
/// wakes instead. The receiver of the message sends it again for the other, unless there is one
/// already, after a death.
fn waiter_woken_by_a_death_may_be_killed_too() {
    fn pass_on(queue: &Shared) {
        assert_eq!(queue.receive(Selector::Kind(1)), 1);
        queue.try_send(1);
    }
    let queue = share(Shared::with_slots(1));
    let second = second_mortal_process(&queue, pass_on);
    let other = process(&queue, pass_on);
    let first = mortal_process(&queue, |queue| queue.send(1));
    for doomed in [first, second] {
        if !doomed.join().unwrap() {
            // It may not have sent it. If it has, this wakes no receiver.
            queue.try_send(1);
        }
    }
    other.join().unwrap();
    assert_eq!(queue.rest(), [1]);
}
