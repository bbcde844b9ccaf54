//! Which mutant is active. This file is not compiled into the tool: it becomes the module `mutant`
//! of the copy, where each site asks it.

use loom::sync::atomic::Ordering::AcqRel;
use std::fs::File;
use std::io::Write;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Where to write which sites are reached, in a run without a mutant.
static RECORD: LazyLock<Option<File>> = LazyLock::new(|| {
    let path = std::env::var_os("MUTANT_RECORD")?;
    Some(File::create(path).expect("the tool has made the folder"))
});

static CHOSEN: LazyLock<Option<usize>> = LazyLock::new(|| {
    let chosen = std::env::var("MUTANT").ok()?;
    Some(chosen.parse().expect("the tool gives a number"))
});

static REACHED: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];

/// Whether the site is to behave as this mutant does.
pub(crate) fn active(mutant: usize) -> bool {
    if CHOSEN.is_none()
        && !REACHED[mutant].swap(true, Relaxed)
        && let Some(mut record) = RECORD.as_ref()
    {
        writeln!(record, "{mutant}").expect("the record can be written");
    }
    *CHOSEN == Some(mutant)
}

/// In place of a sequentially consistent fence.
pub(crate) fn weak_fence() {
    loom::sync::atomic::fence(AcqRel);
}
