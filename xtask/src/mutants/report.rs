//! What is said of the mutants.

use super::justified::Entry;
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
    /// It survives, or would, and may.
    Justified {
        why: String,
    },
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
            Verdict::Justified { why } => format!("justified: {why}"),
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

/// Prints the table and the counts, and writes `results.json`. Returns whether all is well.
pub fn finish(judged: &[Judged], all: &[Mutant], entries: &[Entry]) -> Result<bool> {
    let path = folder().join("results.json");
    fs::write(&path, serde_json::to_string_pretty(judged)?)?;

    judged
        .iter()
        .for_each(|judged| println!("{}", judged.line()));
    let count =
        |is: fn(&Verdict) -> bool| judged.iter().filter(|judged| is(&judged.verdict)).count();
    let killed = count(|verdict| matches!(verdict, Verdict::Killed { .. }));
    let justified = count(|verdict| matches!(verdict, Verdict::Justified { .. }));
    let unknown = count(|verdict| matches!(verdict, Verdict::Unknown { .. }));
    let open = judged.len() - killed - justified - unknown;
    println!(
        "{} mutants: {killed} killed, {justified} justified, {open} survive, {unknown} unknown",
        judged.len()
    );
    println!("see {}", path.display());
    Ok(are_right(entries, all, judged) && open + unknown == 0)
}

/// Prints what in `xtask/justified.toml` is not right any more. Returns whether nothing is.
pub fn are_right(entries: &[Entry], all: &[Mutant], judged: &[Judged]) -> bool {
    let mut right = true;
    for entry in entries {
        let Entry { file, code, .. } = entry;
        for mutation in &entry.mutations {
            let is_named = |mutant: &Mutant| entry.names(mutation, mutant);
            let problem = if !all.iter().any(is_named) {
                "matches nothing any more"
            } else if judged
                .iter()
                .any(|it| it.is_killed() && is_named(&it.mutant))
            {
                "is killed"
            } else {
                continue;
            };
            eprintln!("xtask/justified.toml: {file}: `{code}`: {mutation}: {problem}");
            right = false;
        }
    }
    right
}
