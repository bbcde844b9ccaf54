//! `cargo xtask platforms`: compiles the crate for other systems and processors, and runs its tests
//! on those that this machine can run or emulate.
//!
//! No toolchain of such a target has to be installed. Cargo builds the standard library from its
//! source (`-Z build-std`), which a stable compiler does if it is told to (`RUSTC_BOOTSTRAP`). The
//! source must be that of the compiler's own version. This command installs nothing: it says what
//! is missing, and which package of Debian has it.
//!
//! - **Compiled** means: `cargo check` has no error and no warning.
//! - **Run** are the tests of the primitives of one process ([`IN_PROCESS`]): what processes share
//!   needs a robust list, which qemu's user mode does not have, and 64 bits.
//! - A test that needs what an emulator lacks asks `common::emulated`, and says that it is skipped.
//!
//! Everything is built in `target/platforms`, where each target has a log.

use crate::source;
use anyhow::{Context, Result, bail};
use clap::Args;
use regex::Regex;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[derive(Args)]
pub struct Options {
    /// Only targets that match this
    #[arg(long, value_name = "REGEX")]
    only: Option<Regex>,
    /// Runs no tests
    #[arg(long)]
    compile: bool,
    /// Only lists the targets
    #[arg(long)]
    list: bool,
    /// The folder `library` of the source of the standard library, in the compiler's version
    #[arg(long, value_name = "FOLDER")]
    library: Option<PathBuf>,
}

/// The folders of `tests` whose tests are of one process, and so run on each target.
const IN_PROCESS: &[&str] = &[
    "adversaries",
    "condvar",
    "histories",
    "interface",
    "mutex",
    "process",
    "rwlock",
    "semaphore",
];

/// Those that need what a feature adds, and the features.
const WITH_FEATURES: (&str, &str) = ("lock_api", "lock_api,lock_api_04");

struct Target {
    name: &'static str,
    /// What compiling for it needs beside the compiler.
    tool: Option<Tool>,
    /// Whether the primitives between processes are a part of the crate there.
    has_ipc: bool,
    machine: Option<Machine>,
}

/// A program, and the package of Debian that has it.
#[derive(Clone, Copy)]
struct Tool {
    program: &'static str,
    package: &'static str,
}

/// How this machine runs programs of a target.
struct Machine {
    linker: Tool,
    /// Where the target's C library lies.
    root: &'static str,
    how: How,
}

enum How {
    /// As its own, with this loader from the target's C library.
    Natively {
        loader: &'static str,
    },
    Emulated(Tool),
}

const fn compiled(name: &'static str) -> Target {
    Target {
        name,
        tool: None,
        has_ipc: false,
        machine: None,
    }
}

const fn tool(program: &'static str, package: &'static str) -> Tool {
    Tool { program, package }
}

const TARGETS: &[Target] = &[
    Target {
        tool: Some(tool(
            "x86_64-w64-mingw32-dlltool",
            "binutils-mingw-w64-x86-64",
        )),
        ..compiled("x86_64-pc-windows-gnu")
    },
    compiled("aarch64-apple-darwin"),
    compiled("x86_64-unknown-freebsd"),
    compiled("aarch64-linux-android"),
    // Without threads, and with them.
    compiled("wasm32-unknown-unknown"),
    compiled("wasm32-wasip1-threads"),
    compiled("x86_64-unknown-linux-musl"),
    // 32 bits, big-endian, without 64-bit atomics.
    compiled("powerpc-unknown-linux-gnu"),
    Target {
        machine: Some(Machine {
            linker: tool("i686-linux-gnu-gcc", "gcc-i686-linux-gnu"),
            root: "/usr/i686-linux-gnu",
            how: How::Natively {
                loader: "ld-linux.so.2",
            },
        }),
        ..compiled("i686-unknown-linux-gnu")
    },
    Target {
        has_ipc: true,
        machine: Some(Machine {
            linker: tool("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
            root: "/usr/aarch64-linux-gnu",
            how: How::Emulated(tool("qemu-aarch64", "qemu-user")),
        }),
        ..compiled("aarch64-unknown-linux-gnu")
    },
    Target {
        has_ipc: true,
        machine: Some(Machine {
            linker: tool("riscv64-linux-gnu-gcc", "gcc-riscv64-linux-gnu"),
            root: "/usr/riscv64-linux-gnu",
            how: How::Emulated(tool("qemu-riscv64", "qemu-user")),
        }),
        ..compiled("riscv64gc-unknown-linux-gnu")
    },
];

/// Prints a table of how each target fared. Returns whether all did well.
pub fn run(options: &Options) -> Result<bool> {
    let is_chosen = |target: &&Target| {
        let only = options.only.as_ref();
        only.is_none_or(|only| only.is_match(target.name))
    };
    let chosen: Vec<_> = TARGETS.iter().filter(is_chosen).collect();
    if options.list {
        chosen.iter().for_each(|target| println!("{target}"));
        return Ok(true);
    }
    let workshop = Workshop {
        library: library(options.library.as_deref())?,
        folder: source::root().join("target/platforms"),
        runs_tests: !options.compile,
    };
    fs::create_dir_all(&workshop.folder)?;
    let mut results = Vec::new();
    for target in chosen {
        println!("{target} …");
        let result = workshop.visit(target)?;
        println!("{result}");
        results.push((target, result));
    }
    println!("\n| target | result |\n|---|---|");
    for (target, result) in &results {
        println!("| {} | {result} |", target.name);
    }
    Ok(results.iter().all(|(_, result)| result.is_fine()))
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &self.machine {
            None => "is compiled",
            Some(Machine { how, .. }) => match how {
                How::Natively { .. } => "is compiled, and tests are run",
                How::Emulated(_) => "is compiled, and tests are run under qemu",
            },
        };
        write!(f, "{}: {what}", self.name)
    }
}

/// Where the source of the standard library lies.
struct Library {
    folder: PathBuf,
    /// Whether cargo finds it there by itself.
    is_installed: bool,
}

/// Looks for the source of the compiler's own version.
fn library(given: Option<&Path>) -> Result<Library> {
    let version = output("rustc", &["--version"])?;
    let version = version.split(' ').nth(1).context("rustc has no version")?;
    let root = PathBuf::from(output("rustc", &["--print", "sysroot"])?);
    let installed = root.join("lib/rustlib/src/rust/library");
    let debian = PathBuf::from(format!("/usr/src/rustc-{version}/library"));
    let has_source = |folder: &Path| folder.join("std/Cargo.toml").is_file();
    if let Some(folder) = given {
        if !has_source(folder) {
            bail!("{}: no standard library's source", folder.display());
        }
    } else if has_source(&installed) {
        return Ok(Library {
            folder: installed,
            is_installed: true,
        });
    } else if !has_source(&debian) {
        bail!(
            "The source of the standard library is missing, in version {version}. It is looked for \
             in\n    {}\n    {}\nWith rustup: `rustup component add rust-src`. From Debian, which \
             has several versions in its backports (`apt-cache policy rust-src` lists them): \
             `apt install rust-src=…`.\nElsewhere: `--library FOLDER`.",
            installed.display(),
            debian.display(),
        );
    }
    Ok(Library {
        folder: given.map_or(debian, Path::to_path_buf),
        is_installed: false,
    })
}

fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.with_context(|| program.to_string())?;
    Ok(String::from_utf8(output.stdout)?.trim().to_string())
}

/// How a target fared.
#[derive(Debug, PartialEq)]
enum Outcome {
    Missing(String),
    NotCompiled(PathBuf),
    Compiled,
    Ran(Tests, PathBuf),
}

/// What the log of a test run says.
#[derive(Debug, Default, PartialEq)]
struct Tests {
    passed: usize,
    failed: usize,
    /// Reasons, and how many tests, or parts of tests, did not run for each.
    skipped: BTreeMap<String, usize>,
    /// Whether cargo says that all went well.
    succeeded: bool,
}

impl Outcome {
    fn is_fine(&self) -> bool {
        match self {
            Outcome::Compiled => true,
            Outcome::Ran(tests, _) => tests.are_fine(),
            _ => false,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Missing(what) => write!(f, "NOT TRIED: {what}"),
            Outcome::NotCompiled(log) => write!(f, "NOT COMPILED: {}", log.display()),
            Outcome::Compiled => write!(f, "compiled"),
            Outcome::Ran(tests, log) => {
                write!(f, "compiled; {tests}")?;
                if !tests.are_fine() {
                    write!(f, ": {}", log.display())?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Tests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tests passed", self.passed)?;
        if !self.are_fine() {
            write!(f, ", {} FAILED", self.failed)?;
        }
        let skipped: usize = self.skipped.values().sum();
        if skipped > 0 {
            write!(f, ", {skipped} of them skipped, at least in part (")?;
            let mut separator = "";
            for (reason, times) in &self.skipped {
                write!(f, "{separator}{reason}: {times}")?;
                separator = "; ";
            }
            write!(f, ")")?;
        }
        Ok(())
    }
}

impl Tests {
    /// What libtest and `common::skip` have written.
    fn of(log: &str, succeeded: bool) -> Result<Self> {
        let result = Regex::new(r"test result: \w+\. (\d+) passed; (\d+) failed;")?;
        let skip = Regex::new(r"SKIPPED \(number \d+\): [^ ]+: (.*)")?;
        let mut tests = Tests {
            succeeded,
            ..Tests::default()
        };
        for line in log.lines() {
            if let Some(counts) = result.captures(line) {
                tests.passed += counts[1].parse::<usize>()?;
                tests.failed += counts[2].parse::<usize>()?;
            }
            if let Some(skip) = skip.captures(line) {
                *tests.skipped.entry(skip[1].to_string()).or_default() += 1;
            }
        }
        Ok(tests)
    }

    fn are_fine(&self) -> bool {
        self.succeeded && self.failed == 0 && self.passed > 0
    }
}

struct Workshop {
    library: Library,
    folder: PathBuf,
    runs_tests: bool,
}

impl Workshop {
    fn visit(&self, target: &Target) -> Result<Outcome> {
        let machine = target.machine.as_ref().filter(|_| self.runs_tests);
        if let Some(missing) = missing(target, machine) {
            return Ok(Outcome::Missing(missing));
        }
        let path = self.folder.join(format!("{}.log", target.name));
        let log = File::create(&path)?;
        let without_ipc: &[_] = &["-p", "anteroom", "--lib", "--no-default-features"];
        let mut builds: Vec<&[&str]> = vec![
            &["-p", "anteroom", "--lib"],
            &["-p", "anteroom-parking_lot", "--features", "arc_lock,serde"],
        ];
        if target.has_ipc {
            builds.push(without_ipc);
        }
        for build in builds {
            let mut check = self.cargo(target, "check");
            // (An error: a warning of the crate, not of its dependencies.)
            check.args(["-Zwarnings", "--config", "build.warnings='deny'"]);
            if !write_to(&log, check.args(build))? {
                return Ok(Outcome::NotCompiled(path));
            }
        }
        let Some(machine) = machine else {
            return Ok(Outcome::Compiled);
        };
        let mut test = self.cargo(target, "test");
        machine.prepare(target.name, &mut test);
        test.args(["--no-fail-fast", "--lib"]);
        for folder in IN_PROCESS {
            test.args(["--test", folder]);
        }
        let mut succeeded = write_to(&log, &mut test)?;
        let (folder, features) = WITH_FEATURES;
        let mut test = self.cargo(target, "test");
        machine.prepare(target.name, &mut test);
        test.args(["--features", features, "--test", folder]);
        succeeded &= write_to(&log, &mut test)?;
        Ok(Outcome::Ran(
            Tests::of(&fs::read_to_string(&path)?, succeeded)?,
            path,
        ))
    }

    /// Cargo, with a standard library of its own making.
    fn cargo(&self, target: &Target, command: &str) -> Command {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(source::root());
        cargo.args([command, "-Zbuild-std=std", "--target", target.name]);
        cargo.arg("--target-dir").arg(&self.folder);
        cargo.env("RUSTC_BOOTSTRAP", "1");
        if !self.library.is_installed {
            // Cargo's own tests use this variable. It has no other way to name the folder.
            cargo.env("__CARGO_TESTS_ONLY_SRC_ROOT", &self.library.folder);
        }
        // Small; where it is run, not too slow under an emulator; with the checks of a debug build.
        cargo.env("CARGO_PROFILE_DEV_DEBUG", "0");
        cargo.env("CARGO_INCREMENTAL", "0");
        if target.machine.is_some() {
            cargo.env("CARGO_PROFILE_DEV_OPT_LEVEL", "1");
        }
        cargo
    }
}

impl Machine {
    /// Tells cargo how a program of this target is linked and run.
    fn prepare(&self, target: &str, cargo: &mut Command) {
        let variable = |what| {
            let target = target.to_uppercase().replace('-', "_");
            format!("CARGO_TARGET_{target}_{what}")
        };
        cargo.env(variable("LINKER"), self.linker.program);
        let root = self.root;
        match self.how {
            How::Natively { loader } => {
                let loader = format!("-Clink-arg=-Wl,--dynamic-linker={root}/lib/{loader}");
                let libraries = format!("-Clink-arg=-Wl,-rpath={root}/lib");
                cargo.env(variable("RUSTFLAGS"), format!("{loader} {libraries}"));
            }
            How::Emulated(emulator) => {
                let emulator = format!("{} -L {root}", emulator.program);
                cargo.env(variable("RUNNER"), &emulator);
                // For the tests, which start themselves again.
                cargo.env("ANTEROOM_EMULATOR", emulator);
            }
        }
    }
}

/// Runs the command, and writes to the log what it writes. Returns whether it succeeded.
fn write_to(log: &File, command: &mut Command) -> Result<bool> {
    command.stdin(Stdio::null());
    command.stdout(log.try_clone()?).stderr(log.try_clone()?);
    let status = command.status();
    Ok(status.context("cargo cannot be started")?.success())
}

/// What compiling and running for this target lacks here, and how to get it.
fn missing(target: &Target, machine: Option<&Machine>) -> Option<String> {
    let mut tools: Vec<Tool> = target.tool.into_iter().collect();
    if let Some(machine) = machine {
        tools.push(machine.linker);
        if let How::Emulated(emulator) = machine.how {
            tools.push(emulator);
        }
    }
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let is_there =
        |tool: &Tool| std::env::split_paths(&paths).any(|path| path.join(tool.program).is_file());
    tools.retain(|tool| !is_there(tool));
    let program = |tool: &Tool| format!("`{}`", tool.program);
    let programs: Vec<_> = tools.iter().map(program).collect();
    let packages: Vec<_> = tools.iter().map(|tool| tool.package).collect();
    (!tools.is_empty()).then(|| {
        format!(
            "{} is missing; on Debian: `apt install {}`",
            programs.join(" and "),
            packages.join(" ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Folders of `tests` that no other target runs, and why.
    const ELSEWHERE: &[&str] = &[
        // What processes share.
        "ipc",
        "kills",
        "lifecycle",
        "pipes",
        // Models.
        "shuttle",
        // The compiler's texts.
        "misuse",
        "common",
    ];

    #[test]
    fn each_folder_of_tests_is_run_or_not() {
        let is_folder = |entry: &fs::DirEntry| entry.path().is_dir();
        let entries = fs::read_dir(source::root().join("tests")).unwrap();
        let folders: BTreeSet<_> = entries
            .map(Result::unwrap)
            .filter(is_folder)
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        let known = IN_PROCESS.iter().chain([&WITH_FEATURES.0]).chain(ELSEWHERE);
        let known: Vec<String> = known.map(ToString::to_string).collect();
        assert_eq!(known.len(), folders.len());
        assert_eq!(BTreeSet::from_iter(known), folders);
    }

    #[test]
    fn the_compiler_knows_each_target() {
        let targets = output("rustc", &["--print", "target-list"]).unwrap();
        for target in TARGETS {
            assert!(targets.lines().any(|line| line == target.name), "{target}");
            let cfg = output("rustc", &["--print", "cfg", "--target", target.name]).unwrap();
            let has = |key| cfg.lines().any(|line| line == key);
            let has_ipc = has("target_os=\"linux\"")
                && has("target_env=\"gnu\"")
                && has("target_pointer_width=\"64\"");
            assert_eq!(target.has_ipc, has_ipc, "{target}");
        }
    }

    #[test]
    fn a_log_is_counted() {
        let log = "\
running 3 tests
SKIPPED (number 1): tests/a/b.rs:7:9: no robust list: under an emulator
test a::b ... SKIPPED (number 2): tests/a/b.rs:9:9: no robust list: under an emulator
ok
test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
SKIPPED (number 1): tests/c/d.rs:7:9: not root
test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s
";
        let tests = Tests::of(log, false).unwrap();
        assert_eq!(
            tests.to_string(),
            "4 tests passed, 2 FAILED, 3 of them skipped, at least in part \
             (no robust list: under an emulator: 2; not root: 1)"
        );
        assert!(!tests.are_fine());
        // A test that ends its process leaves no result.
        let killed = Tests::of(&log.replace("2 failed", "0 failed"), false).unwrap();
        assert!(!killed.are_fine());
        let fine = Tests::of(&log.replace("2 failed", "0 failed"), true).unwrap();
        assert!(fine.are_fine());
        assert!(!Tests::of("", true).unwrap().are_fine(), "nothing was run");
    }

    #[test]
    fn a_missing_tool_is_told_with_its_package() {
        let there = tool("cargo", "cargo");
        let absent = tool("no-such-program", "no-such-package");
        let target = Target {
            tool: Some(there),
            ..compiled("none")
        };
        assert_eq!(missing(&target, None), None);
        let machine = Machine {
            linker: absent,
            root: "/",
            how: How::Emulated(absent),
        };
        let text = missing(&target, Some(&machine)).unwrap();
        assert!(text.contains("`no-such-program`"), "{text}");
        assert!(text.contains("apt install no-such-package"), "{text}");
    }
}
