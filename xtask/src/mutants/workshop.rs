//! The copy of the crate that can be any of its mutants: written, compiled once, and run.

use super::baseline::Record;
use super::fingerprints::Fingerprints;
use super::names::Names;
use super::sites::{self, Mutant};
use crate::source;
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use wait_timeout::ChildExt;

/// How the paths begin of types and macros, of the switch between std and loom with the model
/// itself, and of what models do without.
const NOT_MUTATED: &[&str] = &[
    "src/ipc.rs",
    "src/ipc/types",
    "src/lib.rs",
    "src/limits",
    "src/parking/elsewhere.rs",
    "src/poison",
    "src/policy",
    "src/raw.rs",
    "src/sys/copy.rs",
    "src/sys/deadline.rs",
    "src/sys/fork.rs",
    "src/sys/load.rs",
    "src/sys/mod.rs",
    "src/sys/model",
    "src/sys/real",
    "src/sys/spec",
    "src/sys/system.rs",
    "src/rwlock/raw/tests.rs",
    "src/serialize.rs",
    "src/types/guard.rs",
    "src/types/mutex.rs",
    "src/types/raw_locks.rs",
    "src/types/rwlock.rs",
    "src/types/semaphore.rs",
];

pub fn folder() -> PathBuf {
    source::root().join("target/mutants")
}

/// How a model ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum End {
    Passed,
    Failed,
    /// It did not end in time, or something else than itself ended it.
    Unknown,
}

/// A path from the crate's folder, and what is there.
pub type File = (String, String);

pub struct Workshop {
    pub mutants: Vec<Mutant>,
    folder: PathBuf,
    binary: PathBuf,
    pub fingerprints: Fingerprints,
}

impl Workshop {
    /// Every mutant there is, and the files that can be any of them.
    pub fn sources() -> Result<(Vec<Mutant>, Vec<File>)> {
        let names = Names::of_crate()?;
        let (mut mutants, mut files) = (Vec::new(), Vec::new());
        for (file, mut text) in source::files()? {
            if !NOT_MUTATED.iter().any(|path| file.starts_with(path)) {
                let schema = sites::find(&file, &text, &names, mutants.len())?;
                mutants.extend(schema.mutants);
                text = schema.text;
            }
            files.push((file, text));
        }
        Ok((mutants, files))
    }

    /// Writes and compiles a copy that can be any of the mutants.
    pub fn open() -> Result<Self> {
        let (mutants, files) = Self::sources()?;
        Self::of(mutants, files, folder())
    }

    /// Writes these files into the folder, and compiles them.
    pub fn of(mutants: Vec<Mutant>, mut files: Vec<File>, folder: PathBuf) -> Result<Self> {
        let lib = files.iter_mut().find(|(file, _)| file == "src/lib.rs");
        lib.context("no src/lib.rs")?.1 += "\nmod mutant;\n";
        let switch = include_str!("switch.rs");
        let count = format!("\nconst COUNT: usize = {};\n", mutants.len());
        files.extend(source::below("loom-tests")?);
        // One of its files has its models there.
        files.extend(source::below("parking_lot/src")?);
        let fingerprints = Fingerprints::of(&files)?;
        files.push(("src/mutant.rs".into(), switch.to_string() + &count));
        for name in ["Cargo.lock", "src/lifecycle.md", "src/limits.md"] {
            let text = fs::read_to_string(source::root().join(name))?;
            files.push((name.into(), text));
        }
        files.push(("Cargo.toml".into(), manifest()?));

        let copy = folder.join("crate");
        for (file, text) in &files {
            write_if_changed(&copy.join(file), text)?;
        }
        let binary = compile(&copy)?;
        Ok(Workshop {
            mutants,
            folder,
            binary,
            fingerprints,
        })
    }

    pub fn models(&self) -> Result<Vec<String>> {
        let output = Command::new(&self.binary).arg("--list").output()?;
        let list = String::from_utf8(output.stdout)?;
        Ok(list
            .lines()
            .filter_map(|line| line.strip_suffix(": test"))
            .map(String::from)
            .collect())
    }

    /// Searches a model that is not broken, and says how long it takes and which sites it reaches.
    pub fn record(&self, model: &str, limit: Duration) -> Result<Record> {
        let path = self
            .folder
            .join(format!("record-{}", model.replace("::", "-")));
        let mut command = self.command(model);
        command.env("MUTANT_RECORD", &path);
        let start = Instant::now();
        let end = end_within(&mut command, limit)?;
        let took = start.elapsed();
        ensure!(end != End::Failed, "{model} fails without a mutant");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let _ = fs::remove_file(&path);
        let lines = text.lines().map(str::parse);
        Ok(Record {
            fingerprint: self.fingerprints.of_model(model)?,
            took,
            ended: end == End::Passed,
            // The last line may have been broken off.
            reached: lines.take_while(Result::is_ok).flatten().collect(),
        })
    }

    /// Searches a model of a mutant.
    pub fn try_mutant(&self, mutant: usize, model: &str, limit: Duration) -> Result<End> {
        let mut command = self.command(model);
        end_within(command.env("MUTANT", mutant.to_string()), limit)
    }

    fn command(&self, model: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(["--exact", model, "--test-threads", "1"]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // A backtrace takes longer to make than most mutants to kill.
        command.env("RUST_BACKTRACE", "0");
        command.env_remove("MUTANT").env_remove("MUTANT_RECORD");
        command
    }
}

fn end_within(command: &mut Command, limit: Duration) -> Result<End> {
    use std::os::unix::process::ExitStatusExt;
    const KILLED: Option<i32> = Some(9);
    let mut child = command.spawn()?;
    Ok(match child.wait_timeout(limit)? {
        Some(status) if status.success() => End::Passed,
        Some(status) if status.signal() != KILLED => End::Failed,
        Some(_) => End::Unknown,
        None => {
            child.kill()?;
            child.wait()?;
            End::Unknown
        }
    })
}

/// The crate's own manifest, without what is not copied.
fn manifest() -> Result<String> {
    let text = fs::read_to_string(source::root().join("Cargo.toml"))?;
    let mut manifest: toml::Table = text.parse()?;
    manifest.remove("bench");
    let tests = manifest.get_mut("test").and_then(toml::Value::as_array_mut);
    tests
        .context("there are tests")?
        .retain(|test| test["name"].as_str() == Some("loom"));
    let targets = manifest
        .get_mut("target")
        .and_then(toml::Value::as_table_mut);
    for (_, target) in targets.context("there are dependencies of some targets")? {
        // What only tests on real threads need, part of it in a folder that is not copied.
        let of_tests = target.as_table_mut();
        of_tests.and_then(|target| target.remove("dev-dependencies"));
    }
    manifest.insert("workspace".into(), toml::Table::new().into());
    Ok(toml::to_string(&manifest)?)
}

/// Cargo compiles again what has a newer date.
fn write_if_changed(path: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::create_dir_all(path.parent().context("it has a folder")?)?;
    Ok(fs::write(path, text)?)
}

/// Returns where the models are.
fn compile(copy: &Path) -> Result<PathBuf> {
    eprintln!("compiling the mutants");
    let output = Command::new(env!("CARGO"))
        .args([
            "test",
            "--quiet",
            "--no-run",
            "--release",
            "--features",
            "loom",
        ])
        .args(["--test", "loom"])
        .args(["--message-format", "json-render-diagnostics"])
        .arg("--target-dir")
        .arg(folder().join("build"))
        .current_dir(copy)
        .env(
            "RUSTFLAGS",
            "--cfg loom --cfg anteroom_models --cap-lints allow",
        )
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(
        output.status.success(),
        "the mutants do not compile, which is a defect of this tool"
    );
    for line in String::from_utf8(output.stdout)?.lines() {
        let message: serde_json::Value = serde_json::from_str(line)?;
        if message["target"]["name"] == "loom"
            && message["target"]["kind"][0] == "test"
            && let Some(binary) = message["executable"].as_str()
        {
            return Ok(binary.into());
        }
    }
    bail!("cargo names no executable")
}
