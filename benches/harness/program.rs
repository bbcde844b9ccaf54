//! Measurements by other programs, each in a process of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::time::Duration;

use super::row::Measure;
use super::sample::Sample;

/// A program that measures one row when it is asked to, and what it is called.
#[derive(Clone)]
pub struct Build {
    pub name: &'static str,
    pub program: PathBuf,
}

impl FromStr for Build {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, program) = text.split_once('=').ok_or("NAME=PROGRAM is wanted")?;
        Ok(Self {
            name: String::from(name).leak(),
            program: program.into(),
        })
    }
}

/// Has the program measure the row of this name, by a process for each measurement.
pub fn by_program(program: PathBuf, row: &str, peer: &'static str) -> Measure {
    let row = String::from(row);
    Box::new(move |length| measure(&program, &row, peer, length))
}

fn measure(program: &Path, row: &str, peer: &str, length: Duration) -> Sample {
    let microseconds = length.as_micros().to_string();
    let output = Command::new(program)
        .args(["--bench", "--row", row, "--peer", peer])
        .args(["--microseconds", &microseconds])
        .stderr(Stdio::inherit())
        .output()
        .expect("cannot start a child");
    assert!(output.status.success(), "{row}, {peer}: {}", output.status);
    let text = String::from_utf8(output.stdout).expect("figures are ASCII");
    let figures = text.split_whitespace().map(str::parse);
    let figures: Result<_, _> = figures.collect();
    Sample::figures(figures.expect("figures are numbers"))
}
