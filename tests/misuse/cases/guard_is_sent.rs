use anteroom::Mutex;

fn main() {
    let mutex = Mutex::new(1);
    let guard = mutex.lock();
    std::thread::scope(|s| {
        s.spawn(move || drop(guard));
    });
}
