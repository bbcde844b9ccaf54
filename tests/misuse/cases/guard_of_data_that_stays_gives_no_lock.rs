use anteroom::{Mutex, MutexGuard};
use std::rc::Rc;

fn main() {
    let mutex = Mutex::new(Rc::new(1));
    MutexGuard::mutex(&mutex.lock());
}
