//! `cargo xtask dropin`: real programs over these locks.
//!
//! `xtask/dropin.toml` lists published crates. Each is copied twice from the registry's sources
//! into `target/dropin`, once with these locks in the place of its own; its own tests run in both,
//! and are compared one by one. With `--bench`, programs over such crates are measured instead
//! ([`applications`]).

mod applications;
mod crates;
mod suite;

use crate::source;
use anyhow::{Context, Result, ensure};
use clap::Args;
use regex::Regex;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[derive(Args)]
pub struct Options {
    /// Measures programs over these locks, parking_lot's and std's, and runs no tests
    #[arg(long)]
    bench: bool,
    /// Only shows the crates
    #[arg(long)]
    list: bool,
    /// Only crates whose name matches this
    #[arg(long, value_name = "REGEX", conflicts_with = "bench")]
    only: Option<Regex>,
    /// For the benchmark: rows, or options that `-- --help` shows
    #[arg(last = true, requires = "bench")]
    arguments: Vec<String>,
}

/// Returns whether every test ends as with the original.
pub fn run(options: &Options) -> Result<bool> {
    if options.bench {
        return applications::run(&options.arguments);
    }
    let mut subjects = crates::read()?;
    let only = options.only.as_ref();
    subjects.retain(|subject| only.is_none_or(|only| only.is_match(&subject.name)));
    if options.list {
        subjects
            .iter()
            .for_each(|subject| println!("{}", subject.title()));
        return Ok(true);
    }
    let mut lines = Vec::new();
    let mut same = true;
    for subject in &subjects {
        match suite::compare(subject) {
            Ok(comparison) => {
                same &= comparison.is_same();
                println!("{}", comparison.details());
                lines.push(comparison.line());
            }
            Err(error) => {
                same = false;
                println!("  {error:#}");
                lines.push(suite::line_of_error(subject));
            }
        }
    }
    let table = format!("{}\n{}\n", suite::HEADING, lines.join("\n"));
    fs::write(folder().join("tests.md"), &table)?;
    println!("\n{table}");
    Ok(same)
}

/// Where everything is made.
fn folder() -> PathBuf {
    source::root().join("target/dropin")
}

/// A cargo command about the package in a folder, which builds where all others do.
fn cargo(package: &Path, subcommand: &str) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.arg(subcommand).current_dir(package);
    // What `cargo xtask` was started with is not for these.
    command
        .env_remove("CARGO_MANIFEST_DIR")
        .env("CARGO_TARGET_DIR", folder().join("build"));
    command
}

/// Runs it, and returns what it prints.
fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{command:?}: {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// A copy of a folder, in the place of what was there.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to).with_context(|| to.display().to_string())?;
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let path = entry?.path();
        let copied = to.join(path.file_name().context("an entry has a name")?);
        if path.is_dir() {
            copy(&path, &copied)?;
        } else {
            fs::write(&copied, fs::read(&path)?)?;
        }
    }
    Ok(())
}

/// A copy's manifest, which is changed.
struct Manifest {
    path: PathBuf,
    table: toml::Table,
}

impl Manifest {
    fn of(package: &Path) -> Result<Self> {
        let path = package.join("Cargo.toml");
        let table = fs::read_to_string(&path)?.parse()?;
        Ok(Manifest { path, table })
    }

    fn section(&mut self, path: &[&str]) -> Result<&mut toml::Table> {
        path.iter().try_fold(&mut self.table, |table, name| {
            let section = table
                .entry(*name)
                .or_insert_with(|| toml::Table::new().into());
            section
                .as_table_mut()
                .with_context(|| format!("{name} is no table"))
        })
    }

    /// Has the package depend on this crate, with features.
    fn depend(&mut self, features: &[String]) -> Result<()> {
        let mut dependency = toml::Table::new();
        dependency.insert("path".into(), source::root().display().to_string().into());
        dependency.insert("features".into(), features.to_vec().into());
        self.section(&["dependencies"])?
            .insert("anteroom".into(), dependency.into());
        Ok(())
    }

    /// Puts the package of this name in a folder in the place of the registry's. The key is free.
    fn patch(&mut self, key: &str, name: &str, folder: &Path) -> Result<()> {
        let mut place = toml::Table::new();
        place.insert("package".into(), name.into());
        place.insert("path".into(), folder.display().to_string().into());
        self.section(&["patch", "crates-io"])?
            .insert(key.into(), place.into());
        Ok(())
    }

    fn write(self) -> Result<()> {
        Ok(fs::write(self.path, toml::to_string(&self.table)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is patched in for parking_lot must not depend on a crate that may depend on parking_lot
    /// itself: cargo refuses a circle, also one under a `cfg` that never holds.
    #[test]
    fn users_depend_on_no_crate_for_models() -> Result<()> {
        let Manifest { table, .. } = Manifest::of(source::root())?;
        let targets = table["target"].as_table().context("a table")?;
        for (target, sections) in targets {
            let of_target = sections.get("dependencies").and_then(toml::Value::as_table);
            let names = of_target.into_iter().flat_map(toml::Table::keys);
            for name in names {
                assert!(
                    !["loom", "shuttle"].contains(&name.as_str()),
                    "{target}: {name}"
                );
            }
        }
        for name in ["loom", "shuttle"] {
            let optional = &table["dependencies"][name]["optional"];
            assert_eq!(optional.as_bool(), Some(true), "{name}");
        }
        Ok(())
    }
}
