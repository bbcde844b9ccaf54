/tmp/h6-l/tl/release/deps/anteroom-fd9b942927fd134b.d: src/lib.rs src/condvar.rs src/condvar/awake.rs src/condvar/raw.rs src/condvar/waitable.rs src/deadline.rs src/fence.rs src/guard.rs src/mutex.rs src/mutex/raw.rs src/parking.rs src/primitive.rs src/primitive/modeled.rs src/primitive/modeled/lot.rs src/primitive/modeled/mortal.rs src/primitive/modeled/weak.rs src/rwlock.rs src/rwlock/bias.rs src/rwlock/modes.rs src/rwlock/raw.rs src/rwlock/raw/convert.rs src/rwlock/raw/drain.rs src/rwlock/raw/queue.rs src/rwlock/raw/readers.rs src/semaphore.rs src/semaphore/raw.rs src/semaphore/raw/wait.rs src/semaphore/raw/wake.rs src/shared.rs src/shared/modeled_bells.rs src/shared/condvar.rs src/shared/condvar/raw.rs src/shared/gate.rs src/shared/modeled.rs src/shared/ledger.rs src/shared/ledger/claim.rs src/shared/ledger/recovery.rs src/shared/ledger/slot.rs src/shared/ledger/waiting.rs src/shared/message_queue.rs src/shared/message_queue/order.rs src/shared/message_queue/raw.rs src/shared/message_queue/selector.rs src/shared/message_queue/side.rs src/shared/message_queue/slots.rs src/shared/mutex/raw.rs src/shared/ring.rs src/shared/robust.rs src/shared/rwlock/raw.rs src/shared/semaphore/raw.rs src/../loom-tests/shared/mod.rs src/../loom-tests/shared/condvar.rs src/../loom-tests/shared/gate.rs src/../loom-tests/shared/mutex.rs src/../loom-tests/shared/queue.rs src/../loom-tests/shared/ring.rs src/../loom-tests/shared/rwlock.rs src/../loom-tests/shared/semaphore.rs src/waiters.rs src/../README.md

/tmp/h6-l/tl/release/deps/libanteroom-fd9b942927fd134b.rlib: src/lib.rs src/condvar.rs src/condvar/awake.rs src/condvar/raw.rs src/condvar/waitable.rs src/deadline.rs src/fence.rs src/guard.rs src/mutex.rs src/mutex/raw.rs src/parking.rs src/primitive.rs src/primitive/modeled.rs src/primitive/modeled/lot.rs src/primitive/modeled/mortal.rs src/primitive/modeled/weak.rs src/rwlock.rs src/rwlock/bias.rs src/rwlock/modes.rs src/rwlock/raw.rs src/rwlock/raw/convert.rs src/rwlock/raw/drain.rs src/rwlock/raw/queue.rs src/rwlock/raw/readers.rs src/semaphore.rs src/semaphore/raw.rs src/semaphore/raw/wait.rs src/semaphore/raw/wake.rs src/shared.rs src/shared/modeled_bells.rs src/shared/condvar.rs src/shared/condvar/raw.rs src/shared/gate.rs src/shared/modeled.rs src/shared/ledger.rs src/shared/ledger/claim.rs src/shared/ledger/recovery.rs src/shared/ledger/slot.rs src/shared/ledger/waiting.rs src/shared/message_queue.rs src/shared/message_queue/order.rs src/shared/message_queue/raw.rs src/shared/message_queue/selector.rs src/shared/message_queue/side.rs src/shared/message_queue/slots.rs src/shared/mutex/raw.rs src/shared/ring.rs src/shared/robust.rs src/shared/rwlock/raw.rs src/shared/semaphore/raw.rs src/../loom-tests/shared/mod.rs src/../loom-tests/shared/condvar.rs src/../loom-tests/shared/gate.rs src/../loom-tests/shared/mutex.rs src/../loom-tests/shared/queue.rs src/../loom-tests/shared/ring.rs src/../loom-tests/shared/rwlock.rs src/../loom-tests/shared/semaphore.rs src/waiters.rs src/../README.md

/tmp/h6-l/tl/release/deps/libanteroom-fd9b942927fd134b.rmeta: src/lib.rs src/condvar.rs src/condvar/awake.rs src/condvar/raw.rs src/condvar/waitable.rs src/deadline.rs src/fence.rs src/guard.rs src/mutex.rs src/mutex/raw.rs src/parking.rs src/primitive.rs src/primitive/modeled.rs src/primitive/modeled/lot.rs src/primitive/modeled/mortal.rs src/primitive/modeled/weak.rs src/rwlock.rs src/rwlock/bias.rs src/rwlock/modes.rs src/rwlock/raw.rs src/rwlock/raw/convert.rs src/rwlock/raw/drain.rs src/rwlock/raw/queue.rs src/rwlock/raw/readers.rs src/semaphore.rs src/semaphore/raw.rs src/semaphore/raw/wait.rs src/semaphore/raw/wake.rs src/shared.rs src/shared/modeled_bells.rs src/shared/condvar.rs src/shared/condvar/raw.rs src/shared/gate.rs src/shared/modeled.rs src/shared/ledger.rs src/shared/ledger/claim.rs src/shared/ledger/recovery.rs src/shared/ledger/slot.rs src/shared/ledger/waiting.rs src/shared/message_queue.rs src/shared/message_queue/order.rs src/shared/message_queue/raw.rs src/shared/message_queue/selector.rs src/shared/message_queue/side.rs src/shared/message_queue/slots.rs src/shared/mutex/raw.rs src/shared/ring.rs src/shared/robust.rs src/shared/rwlock/raw.rs src/shared/semaphore/raw.rs src/../loom-tests/shared/mod.rs src/../loom-tests/shared/condvar.rs src/../loom-tests/shared/gate.rs src/../loom-tests/shared/mutex.rs src/../loom-tests/shared/queue.rs src/../loom-tests/shared/ring.rs src/../loom-tests/shared/rwlock.rs src/../loom-tests/shared/semaphore.rs src/waiters.rs src/../README.md

src/lib.rs:
src/condvar.rs:
src/condvar/awake.rs:
src/condvar/raw.rs:
src/condvar/waitable.rs:
src/deadline.rs:
src/fence.rs:
src/guard.rs:
src/mutex.rs:
src/mutex/raw.rs:
src/parking.rs:
src/primitive.rs:
src/primitive/modeled.rs:
src/primitive/modeled/lot.rs:
src/primitive/modeled/mortal.rs:
src/primitive/modeled/weak.rs:
src/rwlock.rs:
src/rwlock/bias.rs:
src/rwlock/modes.rs:
src/rwlock/raw.rs:
src/rwlock/raw/convert.rs:
src/rwlock/raw/drain.rs:
src/rwlock/raw/queue.rs:
src/rwlock/raw/readers.rs:
src/semaphore.rs:
src/semaphore/raw.rs:
src/semaphore/raw/wait.rs:
src/semaphore/raw/wake.rs:
src/shared.rs:
src/shared/modeled_bells.rs:
src/shared/condvar.rs:
src/shared/condvar/raw.rs:
src/shared/gate.rs:
src/shared/modeled.rs:
src/shared/ledger.rs:
src/shared/ledger/claim.rs:
src/shared/ledger/recovery.rs:
src/shared/ledger/slot.rs:
src/shared/ledger/waiting.rs:
src/shared/message_queue.rs:
src/shared/message_queue/order.rs:
src/shared/message_queue/raw.rs:
src/shared/message_queue/selector.rs:
src/shared/message_queue/side.rs:
src/shared/message_queue/slots.rs:
src/shared/mutex/raw.rs:
src/shared/ring.rs:
src/shared/robust.rs:
src/shared/rwlock/raw.rs:
src/shared/semaphore/raw.rs:
src/../loom-tests/shared/mod.rs:
src/../loom-tests/shared/condvar.rs:
src/../loom-tests/shared/gate.rs:
src/../loom-tests/shared/mutex.rs:
src/../loom-tests/shared/queue.rs:
src/../loom-tests/shared/ring.rs:
src/../loom-tests/shared/rwlock.rs:
src/../loom-tests/shared/semaphore.rs:
src/waiters.rs:
src/../README.md:
