//! A map in shards, each behind a reader-writer lock, with as many shards as dashmap has on two
//! processors; and dashmap itself.

use crate::face::{RwLock, read, write};
use crate::measure::{Row, repeat};
use crossbeam_utils::CachePadded;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

const THREADS: usize = 8;
const SHARDS: u64 = 8;
const KEYS: u64 = 1 << 14;
/// How many of a hundred operations write.
const WRITES: [u8; 4] = [1, 5, 20, 50];

/// One multiplication and rotation, so that the lock is most of the work.
#[derive(Default)]
struct Multiplied(u64);

impl Hasher for Multiplied {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("the keys are numbers");
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }
}

type Hash = BuildHasherDefault<Multiplied>;

trait Map: Send + Sync + 'static {
    fn new() -> Self;
    fn get(&self, key: u64) -> Option<u64>;
    fn insert(&self, key: u64, value: u64);
}

type Shard = CachePadded<RwLock<HashMap<u64, u64, Hash>>>;

struct Sharded(Vec<Shard>);

impl Sharded {
    fn shard(&self, key: u64) -> &Shard {
        &self.0[(key % SHARDS) as usize]
    }
}

impl Map for Sharded {
    fn new() -> Self {
        Sharded((0..SHARDS).map(|_| Shard::default()).collect())
    }

    fn get(&self, key: u64) -> Option<u64> {
        read(self.shard(key)).get(&key).copied()
    }

    fn insert(&self, key: u64, value: u64) {
        write(self.shard(key)).insert(key, value);
    }
}

#[cfg(feature = "parking_lot")]
impl Map for dashmap::DashMap<u64, u64> {
    fn new() -> Self {
        dashmap::DashMap::with_shard_amount(SHARDS as usize)
    }

    fn get(&self, key: u64) -> Option<u64> {
        self.get(&key).map(|value| *value)
    }

    fn insert(&self, key: u64, value: u64) {
        self.insert(key, value);
    }
}

pub fn rows() -> Vec<Row> {
    #[allow(unused_mut, reason = "other builds have no dashmap")]
    let mut rows: Vec<_> = WRITES
        .map(|writes| row::<Sharded>("sharded map", writes))
        .into();
    #[cfg(feature = "parking_lot")]
    rows.extend(WRITES.map(|writes| row::<dashmap::DashMap<u64, u64>>("dashmap", writes)));
    rows
}

/// Each value is the double of its key.
fn row<M: Map>(name: &str, writes: u8) -> Row {
    let name = format!("{name}, {THREADS} threads, {writes} % writes");
    Row::new(name, move || {
        let map = Arc::new(M::new());
        (0..KEYS).for_each(|key| map.insert(key, 2 * key));
        repeat(THREADS, |thread| {
            let map = map.clone();
            let mut random = fastrand::Rng::with_seed(thread as u64);
            move || {
                let key = random.u64(..KEYS);
                if random.u8(..100) < writes {
                    map.insert(key, 2 * key);
                } else {
                    assert_eq!(map.get(key), Some(2 * key));
                }
            }
        })
    })
}
