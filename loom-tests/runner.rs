//! Runs the models, each in a process of its own, and adds up what was searched.
//!
//! Loom maps a stack for each thread of each execution, and takes it away again
//! ([`stacks`](crate::stacks) spares most of that). Two searches in one process wait for each other
//! to do that, and take longer than in two.

use crate::litmus::Litmus;
use crate::model::{Model, Searched, WANTED_PANICS, search};
use libtest_mimic::{Arguments, Failed, Trial};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::{env, panic};

/// Of all models that ended well so far.
struct Sum {
    /// To the end.
    searched: usize,
    executions: usize,
    /// Their names.
    unfinished: Vec<String>,
}

static SUM: Mutex<Sum> = Mutex::new(Sum {
    searched: 0,
    executions: 0,
    unfinished: Vec::new(),
});

/// The last line that a process prints is the sum, with this between its two numbers, and with that
/// after them.
const SEARCHED: &str = " models searched to the end, ";
const EXECUTIONS: &str = " executions";

pub(crate) fn main(
    models: impl Iterator<Item = &'static [Model]>,
    programs: impl Iterator<Item = Litmus>,
) {
    let arguments = Arguments::from_args();
    hide_wanted_panics();
    // Then the searches cannot wait for each other. It is what their own processes are told.
    let is_one_by_one = arguments.test_threads == Some(1);
    let models = models.flatten().map(|model| {
        let (_, name) = model.name.split_once("::").expect("the crate's name");
        trial(name.into(), is_one_by_one, move || Ok(search(model)))
    });
    let programs =
        programs.map(|program| trial(program.name(), is_one_by_one, move || program.search()));
    let trials = models.chain(programs).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    let sum = SUM.lock().unwrap();
    for name in &sum.unfinished {
        println!("not to the end: {name}");
    }
    println!("{}{SEARCHED}{}{EXECUTIONS}", sum.searched, sum.executions);
    conclusion.exit();
}

/// Of one search.
fn trial(
    name: String,
    is_here: bool,
    search: impl FnOnce() -> Result<Searched, Failed> + Send + 'static,
) -> Trial {
    Trial::test(name.clone(), move || {
        let searched = match is_here {
            true => search()?,
            false => search_elsewhere(&name)?,
        };
        add(name, searched);
        Ok(())
    })
}

/// In a process of its own.
fn search_elsewhere(name: &str) -> Result<Searched, Failed> {
    let output = Command::new(env::current_exe()?)
        .args(["--exact", name, "--test-threads", "1"])
        .stderr(Stdio::inherit())
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let sum = said.lines().last().and_then(parse);
    match sum {
        Some(searched) if output.status.success() => Ok(searched),
        _ => Err(said.into()),
    }
}

/// The sum of a process that searched one model.
fn parse(sum: &str) -> Option<Searched> {
    let (searched, executions) = sum.strip_suffix(EXECUTIONS)?.split_once(SEARCHED)?;
    Some(Searched {
        executions: executions.parse().ok()?,
        is_complete: searched == "1",
    })
}

fn add(name: String, searched: Searched) {
    let mut sum = SUM.lock().unwrap();
    sum.executions += searched.executions;
    match searched.is_complete {
        true => sum.searched += 1,
        false => sum.unfinished.push(name),
    }
}

/// A model may ask for a panic thousands of times.
fn hide_wanted_panics() {
    let show = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !panic
            .payload_as_str()
            .is_some_and(|text| WANTED_PANICS.iter().any(|wanted| text.starts_with(wanted)))
        {
            show(panic);
        }
    }));
}
