//! What a hundred processes cost that only wait.

use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

use crate::children::Children;
use crate::common::shared::lock::SharedLock;
use crate::common::shared::queue::Queue;
use crate::common::shared::stream::Stream;
use crate::harness::row::{Question, Wanted};
use crate::harness::sample::{Aspect, Counts, Sample};
use crate::peers::{mutexes, pipes, queues, semaphores};

/// How many wait.
const WAITERS: usize = 100;
/// How long they have used no processor when it begins.
const SETTLE: Duration = Duration::from_millis(100);
/// About a second.
const SLICES: u32 = 40;

const CPU: Aspect = Aspect {
    name: ": processor time",
    unit: "ms/s",
    more_is_better: false,
    counts: Counts::Nothing,
};

pub fn questions() -> Vec<Question> {
    let primitives = [
        ("mutex", mutexes!(Peer => locks::<Peer>)),
        ("semaphore", semaphores!(Peer => locks::<Peer>)),
        ("empty queue", queues!(Peer => queues::<Peer>)),
        ("empty pipe", pipes!(Peer => streams::<Peer>)),
    ];
    let question = |(primitive, peers)| {
        let name = format!("{WAITERS} processes waiting, {primitive}");
        let question = Question::new(name, &[CPU], peers);
        let question = question.slices(SLICES).rounds(1);
        question.wanted(Wanted::AtMost(20.0))
    };
    primitives.into_iter().map(question).collect()
}

fn locks<L: SharedLock>(length: Duration) -> Sample {
    let lock = &L::new();
    lock.with(|| waiting(length, || lock.with(|| ())))
}

fn queues<Q: Queue>(length: Duration) -> Sample {
    let queue = &Q::new(1).expect("no queue");
    let receive = || {
        queue.receive();
    };
    waiting(length, receive)
}

fn streams<S: Stream>(length: Duration) -> Sample {
    let stream = &S::new(4096);
    let read = || {
        let _ = stream.reader().read(&mut [0]);
    };
    waiting(length, read)
}

/// The processor time that processes use in a second which do this.
fn waiting(length: Duration, wait: impl Fn()) -> Sample {
    let children = Children::fork(WAITERS, |_| wait());
    let mut before = children.cpu();
    loop {
        thread::sleep(SETTLE);
        let now = children.cpu();
        if now - before < SETTLE / 20 {
            break;
        }
        before = now;
    }
    let (start, before) = (Instant::now(), children.cpu());
    thread::sleep(length);
    let used = children.cpu() - before;
    children.check();
    Sample::figures(vec![used.div_duration_f64(start.elapsed()) * 1e3])
}
