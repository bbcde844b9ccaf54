use anteroom::RwLock;
use std::sync::Arc;

fn main() {
    let lock = Arc::new(RwLock::new(1));
    let guard = lock.read_arc();
    std::thread::spawn(move || println!("{guard}"));
}
