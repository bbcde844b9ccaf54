use anteroom::Mutex;

async fn other() {}

async fn holds(mutex: &Mutex<u8>) {
    let guard = mutex.lock();
    other().await;
    drop(guard);
}

fn spawn(_: impl Future + Send) {}

fn main() {
    spawn(holds(&Mutex::new(1)));
}
