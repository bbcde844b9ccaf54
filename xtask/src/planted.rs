//! `cargo xtask planted`: plants bugs that other locks had into this crate, to see that its models
//! find them.
//!
//! `xtask/planted.toml` lists them: where each had bitten, what it looks like in our own code, and
//! the models that must fail. All are compiled at once, as mutants are ([`crate::mutants`]), into
//! `target/planted/crate`. A model counts only if it comes to the place, and passes while nothing
//! is broken.

use crate::mutants::baseline::Record;
use crate::mutants::sites::{self, Mutant};
use crate::mutants::workshop::{End, File, Workshop};
use crate::source;
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use regex::Regex;
use serde::Deserialize;
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::ops::Range;
use std::time::{Duration, Instant};

#[derive(Args)]
pub struct Options {
    /// Only shows the bugs, after a look whether each still fits the code, and whether its models
    /// exist
    #[arg(long)]
    list: bool,
    /// Only bugs whose name or file matches this
    #[arg(long, value_name = "REGEX")]
    only: Option<Regex>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bug {
    /// What is wrong, in a few words.
    name: String,
    /// Its number among the adversaries that the tests were written against.
    adversary: u32,
    /// The locks that had it.
    origin: String,
    file: String,
    /// An expression, or statements up to the last one's semicolon, that stands in the file once.
    /// Lines may be broken otherwise than there.
    code: String,
    /// What is to stand there.
    bug: String,
    /// Each must fail.
    models: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bugs {
    bug: Vec<Bug>,
}

/// Returns whether every model has found what it must.
pub fn run(options: &Options) -> Result<bool> {
    let bugs = read()?;
    let (mutants, files) = plant(&bugs)?;
    let is_chosen = |bug: &&Bug| {
        let only = options.only.as_ref();
        only.is_none_or(|only| only.is_match(&bug.name) || only.is_match(&bug.file))
    };
    let chosen: Vec<_> = bugs.iter().filter(is_chosen).collect();
    if options.list {
        chosen.iter().for_each(|bug| println!("{}", bug.title()));
        return Ok(true);
    }
    let workshop = Workshop::of(mutants, files, source::root().join("target/planted"))?;
    let mut trial = Trial {
        workshop,
        unbroken: HashMap::new(),
    };
    let mut caught = 0;
    for bug in &chosen {
        caught += usize::from(trial.is_caught(bug)?);
    }
    println!("{caught} of {} planted bugs were caught", chosen.len());
    Ok(caught == chosen.len())
}

fn read() -> Result<Vec<Bug>> {
    let path = source::root().join("xtask/planted.toml");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let Bugs { bug: bugs } = toml::from_str(&text)?;
    let names: BTreeSet<_> = bugs.iter().map(|bug| &bug.name).collect();
    ensure!(names.len() == bugs.len(), "two planted bugs have one name");
    let known = models()?;
    for model in bugs.iter().flat_map(|bug| &bug.models) {
        ensure!(known.contains(model), "no model is called {model}");
    }
    Ok(bugs)
}

/// What the models are called, by the lists at the heads of their files: a line there is
/// `name: bound how`.
fn models() -> Result<BTreeSet<String>> {
    let line = Regex::new(r"(?m)^    (\w+): \w+((?: \w+)*),$")?;
    let mut models = BTreeSet::new();
    for (file, text) in source::below("loom-tests")? {
        let module = file
            .trim_start_matches("loom-tests/")
            .trim_end_matches(".rs");
        models.extend(line.captures_iter(&text).map(|line| {
            let how = line[2].replace(' ', "_");
            format!("{}::{}{how}", module.replace('/', "::"), &line[1])
        }));
    }
    Ok(models)
}

impl Bug {
    fn title(&self) -> String {
        let Bug { name, file, .. } = self;
        format!(
            "{file}: {name} ({}; adversary {})",
            self.origin, self.adversary
        )
    }

    /// Where its code is in the text of its file.
    fn find(&self, text: &str) -> Result<Range<usize>> {
        let words: Vec<_> = self.code.split_whitespace().map(regex::escape).collect();
        let code = Regex::new(&words.join(r"\s+"))?;
        let mut places = code.find_iter(text);
        match (places.next(), places.next()) {
            (Some(place), None) => Ok(place.range()),
            (None, _) => bail!("{}: the code is not there", self.title()),
            _ => bail!("{}: the code is there more than once", self.title()),
        }
    }
}

/// The crate's files, which can have any of the bugs.
fn plant(bugs: &[Bug]) -> Result<(Vec<Mutant>, Vec<File>)> {
    let (mut mutants, mut planted) = (Vec::new(), Vec::new());
    for (file, text) in source::files()? {
        let here = bugs.iter().filter(|bug| bug.file == file);
        let mut changes = here
            .map(|bug| Ok((bug.find(&text)?, &*bug.name, &*bug.bug)))
            .collect::<Result<Vec<_>>>()?;
        changes.sort_by_key(|(place, ..)| (place.start, Reverse(place.end)));
        let schema = sites::plant(&file, &text, changes, mutants.len());
        syn::parse_file(&schema.text)
            .with_context(|| format!("{file}: a bug or its code is no expression or statements"))?;
        mutants.extend(schema.mutants);
        planted.push((file, schema.text));
    }
    ensure!(
        mutants.len() == bugs.len(),
        "a planted bug names no file of the crate"
    );
    Ok((mutants, planted))
}

/// How long a model may take while nothing is broken.
const PATIENCE: Duration = Duration::from_secs(600);

/// Tries models on bugs.
struct Trial {
    workshop: Workshop,
    /// What a model does while nothing is broken.
    unbroken: HashMap<String, Record>,
}

impl Trial {
    /// Says how each of its models ends.
    fn is_caught(&mut self, bug: &Bug) -> Result<bool> {
        let mutants = &mut self.workshop.mutants.iter();
        let id = mutants.position(|mutant| mutant.what == bug.name);
        let id = id.context("every bug is a mutant")?;
        let mut caught = !bug.models.is_empty();
        for model in &bug.models {
            let start = Instant::now();
            let end = self.end(id, model)?;
            let verdict = match end {
                Some(End::Failed) => "caught by",
                Some(End::Passed) => "NOT CAUGHT by",
                Some(End::Unknown) => "NO END of",
                None => "NOT REACHED by",
            };
            let took = start.elapsed().as_secs_f64();
            println!("{verdict} {model} after {took:.1} s: {}", bug.title());
            caught &= end == Some(End::Failed);
        }
        Ok(caught)
    }

    /// How the model ends with this bug, if it comes to the bug's place at all.
    fn end(&mut self, id: usize, model: &str) -> Result<Option<End>> {
        if !self.unbroken.contains_key(model) {
            let record = self.workshop.record(model, PATIENCE)?;
            ensure!(
                record.ended,
                "{model} does not end even if nothing is broken"
            );
            self.unbroken.insert(model.into(), record);
        }
        let unbroken = &self.unbroken[model];
        if !unbroken.reached.contains(&id) {
            return Ok(None);
        }
        let limit = Duration::from_secs(30) + 10 * unbroken.took;
        self.workshop.try_mutant(id, model, limit).map(Some)
    }
}
