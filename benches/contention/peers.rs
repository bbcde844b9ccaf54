//! The locks that are compared, for each primitive. Ours comes first.

/// [`peers!`](crate::harness::peers) for the mutexes.
macro_rules! mutexes {
    ($Peer:ident => $measure:expr) => {
        $crate::harness::peers!($Peer in [
            anteroom::Mutex<u64>,
            std::sync::Mutex<u64>,
            parking_lot::Mutex<u64>,
            usync::Mutex<u64>,
            $crate::common::lock::Pthread,
        ] $measure)
    };
}

/// [`peers!`](crate::harness::peers) for the reader-writer locks.
macro_rules! rwlocks {
    ($Peer:ident => $measure:expr) => {
        $crate::harness::peers!($Peer in [
            anteroom::RwLock<u64>,
            std::sync::RwLock<u64>,
            parking_lot::RwLock<u64>,
            usync::RwLock<u64>,
            crossbeam_utils::sync::ShardedLock<u64>,
        ] $measure)
    };
}

/// [`peers!`](crate::harness::peers) for the condition variables.
macro_rules! monitors {
    ($Peer:ident => $measure:expr) => {
        $crate::harness::peers!($Peer in [
            $crate::common::monitor::Anteroom,
            $crate::common::monitor::Std,
            $crate::common::monitor::ParkingLot,
            $crate::common::monitor::Usync,
        ] $measure)
    };
}

/// [`peers!`](crate::harness::peers) for the semaphores.
macro_rules! semaphores {
    ($Peer:ident => $measure:expr) => {
        $crate::harness::peers!($Peer in [
            anteroom::Semaphore,
            $crate::common::permits::Posix,
            $crate::common::permits::MutexAndCondvar,
        ] $measure)
    };
}

/// [`peers!`](crate::harness::peers) for the semaphores where one thread wants many permits.
macro_rules! queues {
    ($Peer:ident => $measure:expr) => {
        $crate::harness::peers!($Peer in [
            anteroom::Semaphore,
            $crate::common::plain_queue::PlainQueue,
            $crate::common::permits::Posix,
            $crate::common::permits::MutexAndCondvar,
        ] $measure)
    };
}

pub(crate) use {monitors, mutexes, queues, rwlocks, semaphores};
