use anteroom::{Condvar, RwLock};

fn main() {
    let turns = RwLock::new(0);
    let mut guard = turns.read();
    Condvar::new().wait_while(&mut guard, |turns| {
        *turns += 1;
        *turns < 3
    });
}
