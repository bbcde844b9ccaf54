use anteroom::{Condvar, Mutex};

fn main() {
    let ready = Mutex::new(false);
    let guard = ready.lock();
    let _guard = Condvar::new().wait(guard);
}
