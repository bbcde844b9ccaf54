//! The primitives that are compared, of each kind. Ours comes first.

/// [`peers!`](crate::harness::peers) for the mutexes.
macro_rules! mutexes {
    ($Peer:ident => $measure:expr) => {
        $crate::harness::peers!($Peer in [
            anteroom::ipc::Shared<anteroom::ipc::Mutex<()>>,
            $crate::common::shared::lock::Pthread<true>,
            $crate::common::shared::lock::Pthread<false>,
        ] $measure)
    };
}

/// [`peers!`](crate::harness::peers) for the semaphores whose permits come back from the dead, and
/// POSIX's, whose do not.
macro_rules! semaphores {
    ($Peer:ident => $measure:expr) => {
        $crate::harness::peers!($Peer in [
            $crate::common::shared::lock::Permits<true>,
            $crate::common::shared::lock::Posix,
            $crate::common::shared::lock::SystemV<true>,
        ] $measure)
    };
}

/// [`peers!`](crate::harness::peers) for the semaphores whose permits do not come back.
macro_rules! plain_semaphores {
    ($Peer:ident => $measure:expr) => {
        $crate::harness::peers!($Peer in [
            $crate::common::shared::lock::Permits<false>,
            $crate::common::shared::lock::Posix,
            $crate::common::shared::lock::SystemV<false>,
        ] $measure)
    };
}

/// [`peers!`](crate::harness::peers) for the reader-writer locks.
macro_rules! read_write {
    ($Peer:ident => $measure:expr) => {
        $crate::harness::peers!($Peer in [
            anteroom::ipc::Shared<anteroom::ipc::RwLock<()>>,
            $crate::common::shared::read_write::Pthread,
        ] $measure)
    };
}

/// [`peers!`](crate::harness::peers) for the message queues.
macro_rules! queues {
    ($Peer:ident => $measure:expr) => {
        $crate::harness::peers!($Peer in [
            anteroom::ipc::MessageQueue,
            $crate::common::shared::queue::Posix,
            $crate::common::shared::system_v::Queue,
        ] $measure)
    };
}

/// [`peers!`](crate::harness::peers) for the pipes between relatives.
macro_rules! pipes {
    ($Peer:ident => $measure:expr) => {
        $crate::harness::peers!($Peer in [
            $crate::common::shared::stream::Pipe,
            $crate::common::shared::stream::KernelPipe,
        ] $measure)
    };
}

/// [`peers!`](crate::harness::peers) for those by name.
macro_rules! fifos {
    ($Peer:ident => $measure:expr) => {
        $crate::harness::peers!($Peer in [
            $crate::common::shared::stream::NamedPipe,
            $crate::common::shared::stream::MkFifo,
        ] $measure)
    };
}

pub(crate) use {fifos, mutexes, pipes, plain_semaphores, queues, read_write, semaphores};
