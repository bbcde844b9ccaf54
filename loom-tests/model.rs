//! What the models have in common, and how one is searched to the end.

use loom::thread::JoinHandle;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

pub(crate) use anteroom::{Model, models};

/// Something that a model's threads share, and that must be at rest when they are done: it has no
/// holder and no waiter, and none is counted.
pub(crate) struct Common<T>(std::sync::Arc<T>);

/// Threads stop at it while it is locked.
pub(crate) type Gate = std::sync::Arc<loom::sync::Mutex<()>>;

impl<T> Clone for Common<T> {
    fn clone(&self) -> Self {
        Common(self.0.clone())
    }
}

impl<T> std::ops::Deref for Common<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Common<T> {
    pub(crate) fn new(it: T) -> Self {
        // The first look also makes loom's statics now, where that orders nothing between the
        // model's threads.
        assert!(anteroom::no_thread_waits());
        Common(std::sync::Arc::new(it))
    }

    /// Runs `f` on another thread of the model.
    pub(crate) fn spawn<R: 'static>(&self, f: impl FnOnce(&T) -> R + 'static) -> JoinHandle<R>
    where
        T: 'static,
    {
        let it = self.clone();
        loom::thread::spawn(move || f(&it))
    }

    /// As [`spawn`](Self::spawn). The thread stops at `gate` each time it is woken.
    pub(crate) fn spawn_stoppable<R: 'static>(
        &self,
        gate: &Gate,
        f: impl FnOnce(&T) -> R + 'static,
    ) -> JoinHandle<R>
    where
        T: 'static,
    {
        let gate = gate.clone();
        self.spawn(move |it| {
            anteroom::stop_when_woken(gate);
            f(it)
        })
    }

    /// What was shared, for it to be looked at when all other threads have ended.
    pub(crate) fn into_inner(self) -> T {
        assert!(
            anteroom::no_thread_waits(),
            "a thread is counted, or parked, but gone"
        );
        std::sync::Arc::into_inner(self.0).expect("all threads have ended")
    }
}

/// Chooses what is left to choice in this thread's next models.
fn choose(how: &[&str]) {
    let mut choices = anteroom::Choices::default();
    for word in how {
        match *word {
            // Every waiter is starved at once.
            "impatient" => choices.impatient = true,
            // Being woken orders nothing.
            "bare" => choices.bare_wakes = true,
            // A weak compare-exchange fails every other time.
            "weak" => choices.weak_fails = true,
            // The kernel wakes the thread that has slept for the shortest time.
            "newest" => choices.newest_first = true,
            // Others come in between while a thread joins the queues of several words.
            "one_by_one" => choices.one_by_one = true,
            // A waiter looks once more each time before it may sleep.
            "awake" => choices.awake = true,
            // Every lease is over as soon as a thread asks.
            "stalled" => choices.stalled = true,
            // A lease is over for a thread that has watched.
            "lasting" => choices.lasting = true,
            // Parked waiters look by themselves when no other thread can run.
            "looking" => choices.looking = true,
            // How readers are biased.
            "own_line" => choices.bias = anteroom::Bias::OwnLine,
            "asymmetric" => choices.bias = anteroom::Bias::Asymmetric,
            "warming" => choices.bias = anteroom::Bias::Warming,
            // One thread is killed, or two, at each of their steps: see `search`.
            "mortal" | "mortals" => {}
            other => panic!("{other} is no way to differ"),
        }
    }
    anteroom::set_choices(choices);
}

/// `cargo loom-deep` allows one more preemption, and searches each model for so many seconds, at
/// most.
fn deep() -> Option<Duration> {
    let seconds = std::env::var("ANTEROOM_DEEP").ok()?;
    Some(Duration::from_secs(seconds.parse().expect("seconds")))
}

/// What came of a search that found nothing wrong.
pub(crate) struct Searched {
    pub(crate) executions: usize,
    /// Only a deep search may not be.
    pub(crate) is_complete: bool,
}

/// Explores every execution of the model.
///
/// Loom ends a search early, and calls it a success, when it reaches a limit on time or on
/// permutations. So there is none here, whatever the environment says: the search ends when it is
/// complete, or fails. (Only a deep one may end sooner, and says so.)
///
/// A mortal thread is killed before its first step, before its second, and so on, each in a search
/// of its own, until it lives to the end. If there are two, all this is done for each fate of the
/// first.
pub(crate) fn search(model: &'static Model) -> Searched {
    let end = deep().map(|limit| Instant::now() + limit);
    let mut builder = builder(
        model
            .preemptions
            .map(|bound| bound + usize::from(end.is_some())),
    );
    // So often loom looks at the time.
    builder.checkpoint_interval = 100;

    choose(model.how);
    let is_mortal = |which: &usize| match which {
        0 => model.how.contains(&"mortal") || model.how.contains(&"mortals"),
        _ => model.how.contains(&"mortals"),
    };
    let (mut executions, mut fates) = (0, [0; anteroom::MORTALS]);
    let is_complete = loop {
        builder.max_duration = end.map(|end| end.saturating_duration_since(Instant::now()));
        anteroom::set_fates(fates);
        executions += count(&builder, model.body);
        if end.is_some_and(|end| Instant::now() >= end) {
            break false;
        }
        let mut mortals = (0..anteroom::MORTALS).filter(is_mortal);
        let Some(last) = mortals.rfind(|which| anteroom::has_died(*which)) else {
            break true;
        };
        fates[last] += 1;
        fates[last + 1..].fill(0);
    };
    // (A mutant may have no more, and is not killed for that.)
    assert!(
        executions > 1 || std::env::var_os("MUTANT").is_some(),
        "a model with a single execution models nothing"
    );
    if std::env::var_os("ANTEROOM_COUNTS").is_some() {
        let how_far = if is_complete { "" } else { ", not to the end" };
        eprintln!("{}: {executions} executions{how_far}", model.name);
    }
    Searched {
        executions,
        is_complete,
    }
}

/// Explores every execution of `body` to the end, with these choices. Returns how many there are.
pub(crate) fn explore(
    how: &[&str],
    preemptions: Option<usize>,
    body: impl Fn() + Send + Sync + 'static,
) -> usize {
    choose(how);
    anteroom::set_fates([0; anteroom::MORTALS]);
    count(&builder(preemptions), body)
}

/// Without a limit on anything but preemptions.
fn builder(preemptions: Option<usize>) -> loom::model::Builder {
    let mut builder = loom::model::Builder::new();
    builder.max_permutations = None;
    builder.max_duration = None;
    builder.checkpoint_file = None;
    builder.expect_explicit_explore = false;
    builder.max_branches = 20_000;
    builder.preemption_bound = preemptions;
    builder
}

fn count(builder: &loom::model::Builder, body: impl Fn() + Send + Sync + 'static) -> usize {
    let executions = std::sync::Arc::new(AtomicUsize::new(0));
    let counter = executions.clone();
    builder.check(move || {
        counter.fetch_add(1, Relaxed);
        body();
    });
    executions.load(Relaxed)
}

/// The one panic that a model asks for, thousands of times: it is not shown.
pub(crate) const WANTED_PANIC: &str = "Condvar::wait: attempted to use a condition variable";
/// Nor are those that litmus programs ask for.
pub(crate) const WANTED_PANICS: &[&str] = &[WANTED_PANIC, "Permit::merge", "Semaphore::"];
