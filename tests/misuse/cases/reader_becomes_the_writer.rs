use anteroom::{RwLock, RwLockUpgradableReadGuard};

fn main() {
    let lock = RwLock::new(1);
    RwLockUpgradableReadGuard::upgrade(lock.read());
}
