//! Forking while other threads use their first locks: the child has nothing half done.
//!
//! What a process finds out once, it finds out at its first lock. So each round has a process of
//! its own, forked by a test that never takes a lock itself.
use anteroom::ipc::Mutex;
use common::alone::alone;
use common::processes::{Child, shared};
use std::sync::Barrier;

#[test]
fn a_child_of_a_process_whose_threads_lock_for_the_first_time_can_lock() {
    alone(|| {
        for _ in 0..100 {
            let number = shared(Mutex::new(0));
            let add = || (0..1000).for_each(|_| *number.lock().unwrap() += 1);
            Child::fork(|| {
                let start = Barrier::new(3);
                std::thread::scope(|s| {
                    for _ in 0..2 {
                        s.spawn(|| {
                            start.wait();
                            add();
                        });
                    }
                    start.wait();
                    let children: Vec<_> = (0..3).map(|_| Child::fork(add)).collect();
                    children.into_iter().for_each(Child::succeed);
                });
            })
            .succeed();
            assert_eq!(*number.lock().unwrap(), 5000);
        }
    });
}
