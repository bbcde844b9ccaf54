//! The ends of a pipe in a test of several processes: which process has which.

use crate::processes::Child;
use anteroom::ipc::{PipeReader, PipeWriter, pipe};

/// Both ends, as long as this process has them.
pub struct Ends {
    reader: Option<PipeReader>,
    writer: Option<PipeWriter>,
}

impl Ends {
    pub fn new(capacity: usize) -> Self {
        let (reader, writer) = pipe(capacity).unwrap();
        Ends {
            reader: Some(reader),
            writer: Some(writer),
        }
    }

    /// A child that has the writing end only. This process still has what it had.
    pub fn fork_writer(&mut self, life: impl FnOnce(PipeWriter)) -> Child {
        Child::fork(|| {
            self.reader = None;
            life(self.writer.take().expect("still open"));
        })
    }

    /// A child that has the reading end only.
    pub fn fork_reader(&mut self, life: impl FnOnce(PipeReader)) -> Child {
        Child::fork(|| {
            self.writer = None;
            life(self.reader.take().expect("still open"));
        })
    }

    /// From here on this process only reads.
    pub fn into_reader(self) -> PipeReader {
        self.reader.expect("still open")
    }

    /// From here on this process only writes.
    pub fn into_writer(self) -> PipeWriter {
        self.writer.expect("still open")
    }

    pub fn reader(&self) -> &PipeReader {
        self.reader.as_ref().expect("still open")
    }

    pub fn writer(&self) -> &PipeWriter {
        self.writer.as_ref().expect("still open")
    }
}
