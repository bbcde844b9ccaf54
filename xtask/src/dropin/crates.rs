//! The crates of `xtask/dropin.toml`, and copies of them.

use super::{Manifest, cargo, copy, folder, output};
use crate::source;
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};

/// A published crate that is to run over these locks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    pub name: String,
    pub version: String,
    #[serde(default)]
    pub features: Vec<String>,
    /// Dependencies that both copies have in other versions.
    #[serde(default)]
    dependencies: toml::Table,
    /// What is other in the changed copy. Without any, parking_lot is patched.
    #[serde(default)]
    change: Vec<Change>,
    /// The features of this crate that the changed copy needs.
    #[serde(default)]
    anteroom: Vec<String>,
    /// A program of the benchmark uses the changed copy.
    #[serde(default)]
    pub is_measured: bool,
    /// Tests that are not run, and why.
    #[serde(default)]
    pub skip: Vec<Skip>,
}

/// In one file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    file: String,
    /// What is replaced, wherever it stands; without it, the whole file.
    from: Option<String>,
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skip {
    /// A part of the test's name.
    pub test: String,
    pub why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Subjects {
    #[serde(rename = "crate")]
    subjects: Vec<Subject>,
}

pub fn read() -> Result<Vec<Subject>> {
    let path = source::root().join("xtask/dropin.toml");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(toml::from_str::<Subjects>(&text)?.subjects)
}

/// The versions of parking_lot that ours stands in for: the folders of what is patched in.
const FACES: [&str; 2] = ["0.12", "0.13"];

/// Puts ours in the place of each version of parking_lot.
pub fn patch_parking_lot(manifest: &mut Manifest) -> Result<()> {
    for face in FACES {
        let folder = source::root().join("parking_lot").join(face);
        manifest.patch(&face.replace("0.", "parking_lot-"), "parking_lot", &folder)?;
    }
    Ok(())
}

/// Has the package use ours, where its lock file names versions of the registry; and sees that it
/// does.
pub fn choose_ours(package: &Path, features: &[String]) -> Result<()> {
    let lock = package.join("Cargo.lock");
    if !lock.exists() {
        output(cargo(package, "generate-lockfile").arg("--quiet"))?;
    }
    let lock: Lock = toml::from_str(&fs::read_to_string(lock)?)?;
    let replaced = lock.package.iter().filter(|locked| {
        let has_face = FACES.iter().any(|face| locked.version.starts_with(face));
        locked.name == "parking_lot" && locked.source.is_some() && has_face
    });
    for Locked { version, .. } in replaced {
        let package_id = format!("parking_lot@{version}");
        output(cargo(package, "update").args(["--quiet", &package_id]))?;
    }
    uses_ours(package, features)
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    /// None for a folder.
    source: Option<String>,
}

fn uses_ours(package: &Path, features: &[String]) -> Result<()> {
    let mut tree = cargo(package, "tree");
    tree.args(["--invert", "anteroom", "--features", &features.join(",")]);
    let tree = output(&mut tree)?;
    ensure!(
        tree.lines().count() > 1,
        "{}: nothing uses anteroom",
        package.display()
    );
    Ok(())
}

impl Subject {
    pub fn title(&self) -> String {
        format!("{} {}, {}", self.name, self.version, self.way())
    }

    /// How these locks come into it.
    pub fn way(&self) -> &'static str {
        match self.change.is_empty() {
            true => "parking_lot patched",
            false => "imports changed",
        }
    }

    /// A copy of the registry's sources.
    pub fn original_copy(&self) -> Result<PathBuf> {
        self.copy_to("original")
    }

    /// A copy with these locks in the place of the crate's own.
    pub fn changed_copy(&self) -> Result<PathBuf> {
        let package = self.copy_to("changed")?;
        for Change { file, from, to } in &self.change {
            let path = package.join(file);
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let changed = from
                .as_ref()
                .map_or(to.clone(), |from| text.replace(from, to));
            ensure!(changed != text, "{}: nothing to change", path.display());
            fs::write(path, changed)?;
        }
        let mut manifest = Manifest::of(&package)?;
        if self.change.is_empty() {
            patch_parking_lot(&mut manifest)?;
        } else {
            manifest.depend(&self.anteroom)?;
        }
        manifest.write()?;
        match self.change.is_empty() {
            true => choose_ours(&package, &self.features)?,
            false => uses_ours(&package, &self.features)?,
        }
        Ok(package)
    }

    fn copy_to(&self, name: &str) -> Result<PathBuf> {
        let package = folder().join("crates").join(&self.name).join(name);
        copy(&self.source()?, &package)?;
        let mut manifest = Manifest::of(&package)?;
        // Packages that its tests use depend on it themselves.
        manifest.patch(&self.name, &self.name, Path::new("."))?;
        manifest.section(&["workspace"])?;
        for (name, version) in &self.dependencies {
            let dependency = manifest.section(&["dependencies", name])?;
            dependency.insert("version".into(), version.clone());
        }
        manifest.write()?;
        Ok(package)
    }

    /// Where cargo has unpacked it.
    fn source(&self) -> Result<PathBuf> {
        let Subject { name, version, .. } = self;
        let package = folder().join("crates").join(name).join("fetch");
        fs::create_dir_all(package.join("src"))?;
        fs::write(package.join("src/lib.rs"), "")?;
        let manifest = format!(
            "[package]\nname = \"fetch\"\nedition = \"2024\"\n[workspace]\n\
             [dependencies]\n{name} = \"={version}\"\n"
        );
        fs::write(package.join("Cargo.toml"), manifest)?;
        let metadata = output(cargo(&package, "metadata").args(["--format-version", "1"]))?;
        let metadata: Metadata = serde_json::from_str(&metadata)?;
        let mut packages = metadata.packages.into_iter();
        let found = packages.find(|found| found.name == *name && found.version == *version);
        let manifest = found.with_context(|| self.title())?.manifest_path;
        Ok(manifest
            .parent()
            .context("a manifest lies in a folder")?
            .into())
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    manifest_path: PathBuf,
}
