//! A producer and two consumers, each a process of its own: one takes the urgent messages, one
//! takes all others.
//!
//! `cargo run --example message_queue`

use anteroom::ipc::{MessageQueue, Selector};
use std::env;
use std::error::Error;
use std::process::Command;

/// Types of messages.
const URGENT: i64 = 1;
const ORDINARY: i64 = 2;
const LAST: &[u8] = b"that is all";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match &arguments[..] {
        [name, role] if role == "urgent" => consume(name, role, Selector::Kind(URGENT)),
        [name, role] => consume(name, role, Selector::Except(URGENT)),
        _ => produce(),
    }
}

fn produce() -> Result<(), Box<dyn Error>> {
    let name = format!("anteroom-message-queue-{}", std::process::id());
    let queue = MessageQueue::create(&name, 4, 64)?;
    let consumer = |role: &str| {
        Command::new(env::current_exe()?)
            .args([&name, role])
            .spawn()
    };
    let consumers = [consumer("urgent")?, consumer("ordinary")?];

    // Only four have room: the producer waits for the consumers.
    for number in 1..=12 {
        let (kind, what) = match number % 4 {
            0 => (URGENT, "fire in room"),
            _ => (ORDINARY, "clean room"),
        };
        queue.send(kind, format!("{what} {number}").as_bytes())?;
    }
    for kind in [URGENT, ORDINARY] {
        queue.send(kind, LAST)?;
    }
    for mut consumer in consumers {
        consumer.wait()?;
    }
    MessageQueue::unlink(&name)?;
    Ok(())
}

fn consume(name: &str, role: &str, selector: Selector) -> Result<(), Box<dyn Error>> {
    let queue = MessageQueue::open(name)?;
    let mut buffer = [0; 64];
    loop {
        let message = queue.receive(selector, &mut buffer)?;
        let bytes = &buffer[..message.length];
        println!("{role}: {}", String::from_utf8_lossy(bytes));
        if bytes == LAST {
            return Ok(());
        }
    }
}
