//! Streams of bytes between processes: ours and the kernel's.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process;

use anteroom::ipc::{Fifo, PipeReader, PipeWriter, pipe};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::pipe::fcntl_setpipe_size;

/// First in, first out.
pub trait Stream {
    /// What the peer is called in the results.
    const NAME: &'static str;

    type Reader: Read;
    type Writer: Write;

    /// Empty, for so many bytes.
    fn new(capacity: usize) -> Self;

    /// In the process that reads.
    fn reader(&self) -> Self::Reader;

    /// In the process that writes.
    fn writer(&self) -> Self::Writer;
}

/// Ours.
pub struct Pipe(PipeReader, PipeWriter);

impl Stream for Pipe {
    const NAME: &'static str = "anteroom";

    type Reader = PipeReader;
    type Writer = PipeWriter;

    fn new(capacity: usize) -> Self {
        let (reader, writer) = pipe(capacity).expect("no pipe");
        Self(reader, writer)
    }

    fn reader(&self) -> PipeReader {
        self.0.clone()
    }

    fn writer(&self) -> PipeWriter {
        self.1.clone()
    }
}

/// Ours, by name.
pub struct NamedPipe(String);

impl Stream for NamedPipe {
    const NAME: &'static str = "anteroom";

    type Reader = PipeReader;
    type Writer = PipeWriter;

    fn new(capacity: usize) -> Self {
        let name = format!("anteroom-bench-{}", process::id());
        Fifo::create(&name, capacity).expect("no FIFO");
        Self(name)
    }

    fn reader(&self) -> PipeReader {
        let reader = Fifo::open_reader(&self.0).expect("cannot open the FIFO");
        // The writer has come too, so it needs no name any more.
        Fifo::unlink(&self.0).expect("it is there");
        reader
    }

    fn writer(&self) -> PipeWriter {
        Fifo::open_writer(&self.0).expect("cannot open the FIFO")
    }
}

impl Drop for NamedPipe {
    fn drop(&mut self) {
        // If the reader was killed before it did so.
        let _ = Fifo::unlink(&self.0);
    }
}

/// The kernel's.
pub struct KernelPipe(io::PipeReader, io::PipeWriter);

impl Stream for KernelPipe {
    const NAME: &'static str = "pipe(2)";

    type Reader = io::PipeReader;
    type Writer = io::PipeWriter;

    fn new(capacity: usize) -> Self {
        let (reader, writer) = io::pipe().expect("no pipe");
        set_capacity(&writer, capacity);
        Self(reader, writer)
    }

    fn reader(&self) -> io::PipeReader {
        self.0.try_clone().expect("no descriptor")
    }

    fn writer(&self) -> io::PipeWriter {
        self.1.try_clone().expect("no descriptor")
    }
}

/// The kernel's, by name.
pub struct MkFifo(File, File);

impl Stream for MkFifo {
    const NAME: &'static str = "mkfifo";

    type Reader = File;
    type Writer = File;

    fn new(capacity: usize) -> Self {
        let name = format!("anteroom-bench-{}", process::id());
        let path = &std::env::temp_dir().join(name);
        mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("no FIFO");
        // Opening both ends waits for no other process, and lets others open one.
        let both = OpenOptions::new().read(true).write(true).open(path);
        let reader = File::open(path);
        let writer = OpenOptions::new().write(true).open(path);
        // It needs no name any more.
        fs::remove_file(path).expect("it was there");
        drop(both.expect("cannot open the FIFO"));
        let writer = writer.expect("cannot open the FIFO");
        set_capacity(&writer, capacity);
        Self(reader.expect("cannot open the FIFO"), writer)
    }

    fn reader(&self) -> File {
        self.0.try_clone().expect("no descriptor")
    }

    fn writer(&self) -> File {
        self.1.try_clone().expect("no descriptor")
    }
}

fn set_capacity(pipe: &impl AsFd, capacity: usize) {
    fcntl_setpipe_size(pipe, capacity).expect("no pipe of this size");
}
