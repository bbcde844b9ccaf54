//! What the compiler says of the commonest misuses: `cargo test --package anteroom-tests-misuse`.
//!
//! Each file of `cases` is one misuse, and has the compiler's text beside it. To accept new texts,
//! run the command with `TRYBUILD=overwrite`, and read what has changed.

use std::process::Command;

/// The compiler whose texts are beside the cases.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn each_misuse_gets_its_text() {
    let compiler = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    let version = Command::new(compiler).arg("--version").output().unwrap();
    let version = String::from_utf8_lossy(&version.stdout);
    if !version.starts_with(COMPILER) {
        common::skip(format!(
            "the texts are those of {COMPILER}, not of {version}"
        ));
        return;
    }
    trybuild::TestCases::new().compile_fail("cases/*.rs");
}
