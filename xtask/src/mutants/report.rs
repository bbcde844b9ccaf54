//! What is said of the mutants.

use super::justified;
use super::sites::Mutant;
use super::workshop::folder;
use anyhow::Result;
use serde::Serialize;
use std::fs;
use std::time::Duration;

#[derive(Serialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub enum Verdict {
    Killed {
        by: String,
    },
    Survived,
    /// No model comes there, so that it survives too.
    Unreached,
    /// A model did not end in time, and no other failed.
    Unknown {
        by: String,
    },
}

#[derive(Serialize)]
pub struct Judged {
    #[serde(flatten)]
    pub mutant: Mutant,
    #[serde(flatten)]
    pub verdict: Verdict,
    pub took: Duration,
}

impl Judged {
    pub fn line(&self) -> String {
        let verdict = match &self.verdict {
            Verdict::Killed { by } => format!("killed by {by}"),
            Verdict::Survived => "SURVIVED".into(),
            Verdict::Unreached => "UNREACHED".into(),
            Verdict::Unknown { by } => format!("UNKNOWN: no end of {by}"),
        };
        let Mutant { what, .. } = &self.mutant;
        format!(
            "{}  {what}  {verdict}  {:.1} s",
            self.mutant.place(),
            self.took.as_secs_f64()
        )
    }

    fn is_killed(&self) -> bool {
        matches!(self.verdict, Verdict::Killed { .. })
    }
}

pub fn list(mutant: &Mutant) {
    println!("{}  {}", mutant.place(), mutant.what);
}

/// Prints the table and the counts, and writes `results.json`. Returns whether all is well.
pub fn finish(judged: &[Judged], all: &[Mutant]) -> Result<bool> {
    let path = folder().join("results.json");
    fs::write(&path, serde_json::to_string_pretty(judged)?)?;

    let entries = justified::read()?;
    let reason = |mutant: &Mutant| entries.iter().find(|entry| entry.is_about(mutant));
    let (mut killed, mut unknown, mut excused, mut open) = (0, 0, 0, 0);
    for judged in judged {
        println!("{}", judged.line());
        match (&judged.verdict, reason(&judged.mutant)) {
            (Verdict::Killed { .. }, _) => killed += 1,
            (Verdict::Unknown { .. }, _) => unknown += 1,
            (_, Some(entry)) => {
                println!("    justified: {}", entry.why);
                excused += 1;
            }
            (_, None) => open += 1,
        }
    }
    let mut stale = 0;
    for entry in &entries {
        let killed = |judged: &Judged| entry.is_about(&judged.mutant) && judged.is_killed();
        let problem = if !all.iter().any(|mutant| entry.is_about(mutant)) {
            "matches nothing any more"
        } else if entry.is_exact() && judged.iter().any(killed) {
            "is killed"
        } else {
            continue;
        };
        println!("xtask/justified.toml: {}: {problem}", entry.shown());
        stale += 1;
    }
    println!(
        "{} mutants: {killed} killed, {excused} survive and are justified, {open} survive, {unknown} unknown",
        judged.len()
    );
    println!("see {}", path.display());
    Ok(open + unknown + stale == 0)
}
