use anteroom::{Condvar, Mutex, MutexGuard};

fn main() {
    let pair = Mutex::new((1, 2));
    let mut first = MutexGuard::map(pair.lock(), |pair| &mut pair.0);
    Condvar::new().wait_while(&mut first, |first| *first == 1);
}
