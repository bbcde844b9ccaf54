//! Who is compared, for each primitive. Ours comes first.

/// One [`Measure`](crate::row::Measure) for each peer, with its name.
macro_rules! peers {
    ($Peer:ident in [$($peer:ty),+ $(,)?] $measure:expr) => {
        vec![$({
            type $Peer = $peer;
            let measure: $crate::row::Measure = Box::new($measure);
            (<$Peer>::NAME, measure)
        }),+]
    };
}

/// [`peers!`] for the mutexes.
macro_rules! mutexes {
    ($Peer:ident => $measure:expr) => {
        $crate::peers::peers!($Peer in [
            anteroom::Mutex<u64>,
            std::sync::Mutex<u64>,
            parking_lot::Mutex<u64>,
            usync::Mutex<u64>,
            $crate::common::lock::Pthread,
        ] $measure)
    };
}

pub(crate) use {mutexes, peers};
