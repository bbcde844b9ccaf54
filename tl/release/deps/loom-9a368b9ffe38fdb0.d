/tmp/h6-l/tl/release/deps/loom-9a368b9ffe38fdb0.d: loom-tests/main.rs loom-tests/answers.rs loom-tests/bias.rs loom-tests/condvar.rs loom-tests/handover.rs loom-tests/hundred_workers.rs loom-tests/model.rs loom-tests/mutex.rs loom-tests/requeue.rs loom-tests/reuse.rs loom-tests/rwlock.rs loom-tests/semaphore.rs

/tmp/h6-l/tl/release/deps/loom-9a368b9ffe38fdb0: loom-tests/main.rs loom-tests/answers.rs loom-tests/bias.rs loom-tests/condvar.rs loom-tests/handover.rs loom-tests/hundred_workers.rs loom-tests/model.rs loom-tests/mutex.rs loom-tests/requeue.rs loom-tests/reuse.rs loom-tests/rwlock.rs loom-tests/semaphore.rs

loom-tests/main.rs:
loom-tests/answers.rs:
loom-tests/bias.rs:
loom-tests/condvar.rs:
loom-tests/handover.rs:
loom-tests/hundred_workers.rs:
loom-tests/model.rs:
loom-tests/mutex.rs:
loom-tests/requeue.rs:
loom-tests/reuse.rs:
loom-tests/rwlock.rs:
loom-tests/semaphore.rs:
