//! The programs of `benches/applications/program`, built once for each lock, and measured by
//! `cargo bench --bench applications`.

use super::{Manifest, cargo, copy, crates, folder, output};
use crate::source;
use anyhow::Result;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// What a program is called, the feature that chooses its locks, and whether ours are put below the
/// crates.
const BUILDS: [(&str, &str, bool); 4] = [
    ("anteroom", "parking_lot", true),
    ("parking_lot", "parking_lot", false),
    ("std", "std", false),
    ("poison", "poison", false),
];

pub fn run(arguments: &[String]) -> Result<bool> {
    let programs = folder().join("programs");
    fs::create_dir_all(&programs)?;
    for (name, feature, patched) in BUILDS {
        let program = build(name, feature, patched)?;
        fs::copy(program, programs.join(name))?;
    }
    let mut bench = Command::new(env!("CARGO"));
    bench.args(["bench", "--bench", "applications", "--", "--programs"]);
    bench.arg(programs).args(arguments);
    Ok(bench.current_dir(source::root()).status()?.success())
}

fn build(name: &str, feature: &str, patched: bool) -> Result<PathBuf> {
    println!("building the program over {name}");
    let package = folder().join("applications").join(name);
    copy(
        &source::root().join("benches/applications/program"),
        &package,
    )?;
    let mut manifest = Manifest::of(&package)?;
    let called = format!("applications-{name}");
    manifest
        .section(&["package"])?
        .insert("name".into(), called.as_str().into());
    let ours = manifest.section(&["dependencies", "anteroom"])?;
    ours.insert("path".into(), source::root().display().to_string().into());
    if patched {
        for subject in crates::read()?.iter().filter(|subject| subject.is_measured) {
            manifest.patch(&subject.name, &subject.name, &subject.changed_copy()?)?;
        }
        crates::patch_parking_lot(&mut manifest)?;
    }
    manifest.write()?;
    if patched {
        crates::choose_ours(&package, &[feature.into()])?;
    }
    let mut build = cargo(&package, "build");
    build.args(["--release", "--features", feature]);
    output(&mut build)?;
    Ok(folder().join("build/release").join(called))
}
