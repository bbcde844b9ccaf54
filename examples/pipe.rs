//! A parent and the child that it forks, with a pipe between them: the child counts the words that
//! the parent writes.
//!
//! `cargo run --example pipe`

use anteroom::ipc::{PipeReader, PipeWriter, pipe};
use std::io::{self, Read, Write};

const TEXT: &str = "The anteroom is where threads wait for a locked room.\n";

fn main() -> io::Result<()> {
    // Smaller than the text: the parent waits for the child.
    let (reader, writer) = pipe(16)?;
    // SAFETY: this process has one thread.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        // Now both have both ends. Each drops the one that it does not use.
        0 => {
            drop(writer);
            count(reader)
        }
        child => {
            drop(reader);
            write(writer)?;
            // SAFETY: our own child.
            unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
            Ok(())
        }
    }
}

fn write(mut writer: PipeWriter) -> io::Result<()> {
    for _ in 0..1000 {
        writer.write_all(TEXT.as_bytes())?;
    }
    println!("the parent has written {} bytes", 1000 * TEXT.len());
    // Dropping the last writer is the end of the file.
    Ok(())
}

fn count(mut reader: PipeReader) -> io::Result<()> {
    let mut text = String::new();
    reader.read_to_string(&mut text)?;
    println!(
        "the child has read {} words",
        text.split_whitespace().count()
    );
    Ok(())
}
