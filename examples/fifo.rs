//! Two terminals talk through a pipe that has a name.
//!
//! `cargo run --example fifo -- read NAME` in one, and `cargo run --example fifo -- write NAME` in
//! the other. What is typed there comes out here, until its end (Ctrl-D), or until one of them is
//! killed.

use anteroom::ipc::{Fifo, OpenError};
use std::error::Error;
use std::io;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["read", name] => read(name),
        ["write", name] => write(name),
        _ => Err("fifo read NAME, or fifo write NAME".into()),
    }
}

/// The first process creates it.
fn create(name: &str) -> Result<(), OpenError> {
    match Fifo::create(name, 4096) {
        Ok(()) | Err(OpenError::AlreadyExists) => Ok(()),
        Err(error) => Err(error),
    }
}

fn read(name: &str) -> Result<(), Box<dyn Error>> {
    create(name)?;
    eprintln!("waiting for a writer");
    let mut reader = Fifo::open_reader(name)?;
    // Both have it open: it needs its name no longer.
    Fifo::unlink(name)?;
    let bytes = io::copy(&mut reader, &mut io::stdout())?;
    eprintln!("the end, after {bytes} bytes");
    Ok(())
}

fn write(name: &str) -> Result<(), Box<dyn Error>> {
    create(name)?;
    eprintln!("waiting for a reader");
    let mut writer = Fifo::open_writer(name)?;
    io::copy(&mut io::stdin(), &mut writer)?;
    Ok(())
}
