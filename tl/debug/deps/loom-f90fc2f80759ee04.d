/tmp/h6-l/tl/debug/deps/loom-f90fc2f80759ee04.d: loom-tests/main.rs loom-tests/answers.rs loom-tests/bias.rs loom-tests/condvar.rs loom-tests/handover.rs loom-tests/hundred_workers.rs loom-tests/model.rs loom-tests/mutex.rs loom-tests/requeue.rs loom-tests/reuse.rs loom-tests/rwlock.rs loom-tests/semaphore.rs Cargo.toml

/tmp/h6-l/tl/debug/deps/libloom-f90fc2f80759ee04.rmeta: loom-tests/main.rs loom-tests/answers.rs loom-tests/bias.rs loom-tests/condvar.rs loom-tests/handover.rs loom-tests/hundred_workers.rs loom-tests/model.rs loom-tests/mutex.rs loom-tests/requeue.rs loom-tests/reuse.rs loom-tests/rwlock.rs loom-tests/semaphore.rs Cargo.toml

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
Cargo.toml:

# env-dep:CLIPPY_ARGS=-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__
# env-dep:CLIPPY_CONF_DIR
