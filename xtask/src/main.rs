//! What cargo cannot do by itself: `cargo xtask mutants`, `cargo xtask planted`,
//! `cargo xtask check-comments`, `cargo xtask dropin` and `cargo xtask platforms`.

mod comments;
mod dropin;
mod mutants;
mod planted;
mod platforms;
mod source;

use clap::Parser;
use std::process::ExitCode;

#[derive(Parser)]
#[command(about = "Checks of the sources that cargo cannot do by itself")]
enum Command {
    /// Breaks the crate in one place at a time, and finds the models that notice it
    Mutants(mutants::Options),
    /// Plants bugs that other locks had, and sees that the models find them
    Planted(planted::Options),
    /// Looks for unsafe code without `SAFETY`, and for atomic operations without `ORDERING`
    CheckComments,
    /// Runs the tests of published crates over these locks, or measures programs over them
    Dropin(dropin::Options),
    /// Compiles the crate for other systems and processors, and runs tests where that is possible
    Platforms(platforms::Options),
}

fn main() -> anyhow::Result<ExitCode> {
    let fine = match Command::parse() {
        Command::Mutants(options) => mutants::run(&options)?,
        Command::Planted(options) => planted::run(&options)?,
        Command::CheckComments => comments::check()?,
        Command::Dropin(options) => dropin::run(&options)?,
        Command::Platforms(options) => platforms::run(&options)?,
    };
    Ok(if fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
