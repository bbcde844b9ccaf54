use anteroom::Condvar;
use std::sync::Mutex;

fn main() {
    let ready = Mutex::new(false);
    let mut guard = ready.lock().unwrap();
    Condvar::new().wait(&mut guard);
}
