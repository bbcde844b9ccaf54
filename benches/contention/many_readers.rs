//! What a write costs when many threads have read: anteroom's writer looks through a row of each,
//! crossbeam's locks its fixed number of shards.

use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Duration;

use crate::common::read_write::ReadWrite;
use crate::growth::ROUNDS;
use crate::harness::row::{Primitive, Question};
use crate::harness::sample::{NANOSECONDS, Sample};
use crate::peers::rwlocks;
use crate::rwlock::mix;

pub fn questions() -> Vec<Question> {
    let question = |threads| {
        let peers = rwlocks!(Peer => move |length| after_readers::<Peer>(threads, length));
        let name = format!("growth, rwlock, every 4th writes, {threads} threads have read");
        Question::new(name, &[NANOSECONDS], peers)
            .rounds(ROUNDS)
            .of(Primitive::RwLock)
    };
    [0, 10, 100, 1_000].map(question).into()
}

/// One thread reads three times and writes once, again and again, while so many others are there
/// that have read.
fn after_readers<L: ReadWrite>(threads: usize, length: Duration) -> Sample {
    let lock = L::default();
    let (done, changed) = (Mutex::new(false), Condvar::new());
    thread::scope(|scope| {
        for _ in 0..threads {
            let stay = || {
                (0..3).for_each(|_| _ = std::hint::black_box(lock.read()));
                drop(changed.wait_while(done.lock().unwrap(), |done| !*done));
            };
            let small = thread::Builder::new().stack_size(64 * 1024);
            small
                .spawn_scoped(scope, stay)
                .expect("cannot start a thread");
        }
        crate::common::usage::wait_until_idle();
        let sample = Sample::time(&mix::<L>(1, 4, length));
        *done.lock().unwrap() = true;
        changed.notify_all();
        sample
    })
}
