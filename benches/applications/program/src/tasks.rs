//! tokio: a runtime with two workers, whose queues, parkers and channels stand on its locks.

use crate::measure::{Counts, Row};
use std::future::Future;
use std::sync::OnceLock;
use std::thread;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};
use tokio::task::{self, JoinHandle};

/// How many tasks are spawned before the first of them is awaited.
const BATCH: u64 = 100;
const RECEIVERS: usize = 4;

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(2).build().expect("a runtime")
    })
}

/// A row with one task that counts, on a worker.
fn of_task<F>(name: &str, task: impl Fn(Counts) -> F + 'static) -> Row
where
    F: Future<Output = ()> + Send + 'static,
{
    Row::new(name, move || {
        let counts = Counts::new(1);
        runtime().spawn(task(counts));
        counts
    })
}

pub fn rows() -> Vec<Row> {
    vec![
        of_task("tokio spawn, by a worker", |counts| async move {
            spawn(counts, || task::spawn(async {})).await;
        }),
        Row::new("tokio spawn, by another thread", || {
            let counts = Counts::new(1);
            thread::spawn(move || {
                runtime().block_on(spawn(counts, || runtime().spawn(async {})));
            });
            counts
        }),
        of_task("tokio spawn_blocking, one at a time", |counts| async move {
            loop {
                task::spawn_blocking(|| {}).await.expect("it returns");
                counts.add(0, 1);
            }
        }),
        of_task("tokio spawn_blocking, 100 at a time", |counts| async move {
            spawn(counts, || task::spawn_blocking(|| {})).await;
        }),
        of_task("tokio mpsc, room for 64, 1:1", |counts| messages(counts, 1)),
        of_task("tokio mpsc, room for 64, 4:1", |counts| messages(counts, 4)),
        Row::new("tokio watch, 4 receivers", watched),
    ]
}

/// Spawns tasks, and awaits them.
async fn spawn(counts: Counts, one: impl Fn() -> JoinHandle<()>) {
    loop {
        let tasks: Vec<_> = (0..BATCH).map(|_| one()).collect();
        for task in tasks {
            task.await.expect("it returns");
        }
        counts.add(0, BATCH);
    }
}

async fn messages(counts: Counts, senders: usize) {
    let (sender, mut receiver) = mpsc::channel(64);
    for _ in 0..senders {
        let sender = sender.clone();
        task::spawn(async move {
            for message in 0_u64.. {
                sender.send(message).await.expect("it is received");
            }
        });
    }
    for turn in 0.. {
        let message = receiver.recv().await.expect("they send for ever");
        assert!(senders > 1 || message == turn, "{message} in turn {turn}");
        counts.add(0, 1);
    }
}

/// What the receivers see counts.
fn watched() -> Counts {
    let counts = Counts::new(RECEIVERS);
    let (sender, receiver) = watch::channel(0_u64);
    for index in 0..RECEIVERS {
        let mut receiver = receiver.clone();
        runtime().spawn(async move {
            let mut last = 0;
            loop {
                receiver.changed().await.expect("it sends for ever");
                let seen = *receiver.borrow_and_update();
                assert!(seen >= last);
                last = seen;
                counts.add(index, 1);
            }
        });
    }
    runtime().spawn(async move {
        for value in 1.. {
            sender.send(value).expect("they receive for ever");
            task::yield_now().await;
        }
    });
    counts
}
