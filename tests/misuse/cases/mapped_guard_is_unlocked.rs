use anteroom::{MappedMutexGuard, Mutex, MutexGuard};

fn main() {
    let pair = Mutex::new((1, 2));
    let mut first = MutexGuard::map(pair.lock(), |pair| &mut pair.0);
    MappedMutexGuard::unlocked(&mut first, || ());
}
