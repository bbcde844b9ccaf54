use anteroom::{Condvar, Mutex};

fn main() {
    let ready = Mutex::new(false);
    let mut guard = ready.lock();
    Condvar::new().wait_while(&mut guard, |ready: bool| !ready);
}
