//! What a hundred processes cost that only wait.

use std::thread;
use std::time::{Duration, Instant};

use anteroom::shared::{Mutex, Shared};

use crate::children::Children;
use crate::common::shared::lock::{Posix, Pthread, SharedLock, SystemV};
use crate::common::shared::queue::{self, Queue};
use crate::common::shared::system_v;
use crate::harness::peers;
use crate::harness::row::{Question, Wanted};
use crate::harness::sample::{Aspect, Sample};

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
};

pub fn questions() -> Vec<Question> {
    let mutexes = peers!(Peer in [
        Shared<Mutex<()>>,
        Pthread<true>,
        Pthread<false>,
    ] locks::<Peer>);
    let semaphores = peers!(Peer in [Posix, SystemV<true>] locks::<Peer>);
    let queues = peers!(Peer in [queue::Posix, system_v::Queue] queues::<Peer>);
    let primitives = [
        ("mutex", mutexes),
        ("semaphore", semaphores),
        ("empty queue", queues),
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
