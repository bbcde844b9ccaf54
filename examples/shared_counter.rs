//! Two unrelated processes count in shared memory. One is killed while it holds the lock; the other
//! repairs what it left, and goes on.
//!
//! `cargo run --example shared_counter`

use anteroom::ipc::{LockError, Mutex, MutexGuard, Shared};
use std::env;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

anteroom::shareable! {
    /// Both numbers are changed under the lock, and should be equal whenever it is free.
    struct Counts {
        rounds: u64,
        copy: u64,
    }
}

type Board = Mutex<Counts>;

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1) {
        Some(name) => be_killed(&name),
        None => count(),
    }
}

/// The first process: starts the second one, kills it, and goes on counting.
fn count() -> Result<(), Box<dyn Error>> {
    let name = format!("anteroom-shared-counter-{}", std::process::id());
    let counts = Counts { rounds: 0, copy: 0 };
    let board: Shared<Board> = Shared::create(&name, Mutex::new(counts))?;

    let mut other = Command::new(env::current_exe()?)
        .arg(&name)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(other.stdout.take().expect("piped")).read_line(&mut line)?;
    println!("the other one says: {}", line.trim());
    other.kill()?;
    println!("it was killed: {}", other.wait()?);
    // Both have it open, or had: from here on it needs no name.
    Shared::<Board>::unlink(&name)?;

    for _ in 0..3 {
        let mut counts = lock_and_repair(&board);
        counts.rounds += 1;
        counts.copy += 1;
        println!("round {}, copy {}", counts.rounds, counts.copy);
    }
    Ok(())
}

fn lock_and_repair(board: &Board) -> MutexGuard<'_, Counts> {
    match board.lock() {
        Ok(counts) => counts,
        Err(LockError::OwnerDied(mut counts)) => {
            println!(
                "its owner died: round {}, copy {}; repaired",
                counts.rounds, counts.copy
            );
            counts.copy = counts.rounds;
            counts.repair()
        }
        Err(error) => panic!("{error}"),
    }
}

/// The second process: is killed between its two changes.
fn be_killed(name: &str) -> Result<(), Box<dyn Error>> {
    let board: Shared<Board> = Shared::open(name)?;
    let mut counts = lock_and_repair(&board);
    counts.rounds += 1;
    println!("I hold the lock and have changed one of two numbers");
    loop {
        std::thread::park();
    }
}
