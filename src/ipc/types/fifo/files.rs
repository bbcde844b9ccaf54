//! The files of a FIFO: how they come and go together, though a process may be killed at each step.
//!
//! Each FIFO has an *id*, a random number that no other one ever has. Its files are
//! - `NAME`: the region, which contains the id;
//! - `NAME.ID.r` and `NAME.ID.w`: the bells of the readers and of the writers;
//! - `NAME.ID`: the region while the FIFO is *unfinished*.
//!
//! **Creating.** The creator makes the region as `NAME.ID`, takes its opening lock, makes the
//! bells, and renames the region to `NAME`. That is one step, which fails if the name is taken.
//! Before it the FIFO does not exist; after it the FIFO is complete, with all files its creator's.
//!
//! **Removing.** The remover removes `NAME`. That is one step, for which the kernel checks the
//! permission: a refused remover has changed nothing. Then it sweeps.
//!
//! **Sweeping** removes what is left of FIFOs of a name. It looks at each id for which it finds a
//! file. An id goes one way: it is unfinished, then it has the name, then it is gone. So a sweeper
//! looks for the unfinished region first and for the name second. If it finds the id in neither
//! place, the id is gone for good: its bells can be removed, whatever other processes do meanwhile.
//! Of an unfinished FIFO, the sweeper tries the opening lock. If that is free, the creator is dead,
//! or has not locked it yet. In the latter case, the creator's rename finds its region gone, and
//! the creator begins again with another id.
//!
//! Nothing here depends on a file that another process may replace under its name, except the two
//! steps above, each of which is one system call.

use super::{Found, Side};
use crate::sys::ipc::error::OpenError;
use crate::sys::ipc::me::Me;
use crate::sys::ipc::region;
use rustix::fs::{CWD, FileType, Mode, RenameFlags, mknodat, renameat_with, unlink};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::geteuid;
use rustix::rand::{GetRandomFlags, getrandom};
use std::collections::BTreeSet;
use std::fs::DirEntry;

#[derive(Clone, Copy)]
pub(super) struct Files<'a> {
    name: &'a str,
    id: u64,
}

/// Why a creator's FIFO did not get its name.
pub(super) enum Unfinished {
    /// A sweeper came before the creator had taken the opening lock.
    Swept,
    Refused(OpenError),
}

impl<'a> Files<'a> {
    pub(super) fn of(name: &'a str, id: u64) -> Self {
        Files { name, id }
    }

    /// The files of a FIFO that is to be created with this name.
    pub(super) fn new(name: &'a str) -> Result<Self, OpenError> {
        let mut id = [0; size_of::<u64>()];
        retry_on_intr(|| getrandom(&mut id, GetRandomFlags::empty()))?;
        let files = Files::of(name, u64::from_ne_bytes(id));
        files.bell(Side::Readers)?;
        Ok(files)
    }

    pub(super) fn id(self) -> u64 {
        self.id
    }

    /// The name of the region while the FIFO is unfinished.
    pub(super) fn unfinished(self) -> String {
        format!("{}.{:016x}", self.name, self.id)
    }

    pub(super) fn bell(self, side: Side) -> Result<String, OpenError> {
        let bell = self.unfinished() + side.ending();
        let ending = bell.len() - self.name.len();
        let path = region::path(self.name).and_then(|_| region::path(&bell));
        path.map_err(|error| match error {
            OpenError::NameTooLong { most } => OpenError::NameTooLong {
                most: most - ending,
            },
            error => error,
        })
    }

    /// Makes the bells of an unfinished FIFO, and gives it its name. If that fails, it removes
    /// them. The caller holds the opening lock.
    pub(super) fn finish(self, mode: u32) -> Result<(), Unfinished> {
        let finished = self.make_bells(mode).and_then(|()| self.rename());
        if finished.is_err() {
            self.remove_unfinished();
        }
        finished
    }

    fn make_bells(self, mode: u32) -> Result<(), Unfinished> {
        for side in Side::BOTH {
            let bell = self.bell(side).map_err(Unfinished::Refused)?;
            mknodat(CWD, bell, FileType::Fifo, Mode::from_raw_mode(mode), 0)?;
        }
        Ok(())
    }

    fn rename(self) -> Result<(), Unfinished> {
        let unfinished = region::path(&self.unfinished()).map_err(Unfinished::Refused)?;
        let name = region::path(self.name).map_err(Unfinished::Refused)?;
        match renameat_with(CWD, unfinished, CWD, name, RenameFlags::NOREPLACE) {
            Err(Errno::NOENT) => Err(Unfinished::Swept),
            renamed => Ok(renamed?),
        }
    }

    /// Removes the bells, and then the region: after a death, the next sweeper finds the region, or
    /// bells of an id that is gone.
    fn remove_unfinished(self) {
        self.remove_bells();
        let _ = region::path(&self.unfinished()).map(unlink);
    }

    /// What cannot be removed stays: this process may not remove it, or another one was faster.
    fn remove_bells(self) {
        for side in Side::BOTH {
            let _ = self.bell(side).map(unlink);
        }
    }

    /// Whether the FIFO has its name, as far as this process may know.
    pub(super) fn has_name(self) -> bool {
        match Found::open(self.name) {
            Ok(found) => found.id() == self.id,
            Err(OpenError::NotFound | OpenError::NotShared | OpenError::Type { .. }) => false,
            Err(_) => true,
        }
    }

    fn sweep(self) {
        match region::owner(&self.unfinished()) {
            Ok(Some(owner)) if owner == geteuid().as_raw() => self.sweep_unfinished(),
            // Another user's: its memory cannot be trusted, and that user must remove it.
            Ok(Some(_)) | Err(_) => {}
            Ok(None) => {
                if !self.has_name() {
                    self.remove_bells();
                }
            }
        }
    }

    fn sweep_unfinished(self) {
        // A FIFO with such a name has another id.
        let found = Found::open(&self.unfinished()).ok();
        let Some(found) = found.filter(|found| found.id() == self.id) else {
            return;
        };
        let (me, opening_lock) = (Me::get(), &found.named().opening_lock);
        if opening_lock.try_lock(me).is_some() {
            // The creator may have finished it just before.
            if matches!(region::owner(&self.unfinished()), Ok(Some(_))) {
                self.remove_unfinished();
            }
            opening_lock.unlock(me);
        }
    }
}

impl From<Errno> for Unfinished {
    fn from(error: Errno) -> Self {
        Unfinished::Refused(error.into())
    }
}

/// Removes the name, whatever has it, and all files of a FIFO.
pub(crate) fn remove(name: &str) -> Result<(), OpenError> {
    region::remove(name)?;
    sweep(name);
    Ok(())
}

/// Removes what is left of FIFOs that had this name, or were to get it, as far as it may.
pub(super) fn sweep(name: &str) {
    for id in ids(name) {
        Files::of(name, id).sweep();
    }
}

/// Whether the name is that of this user's FIFO, as far as its bells tell without opening it.
pub(super) fn is_own(name: &str) -> bool {
    let is_own = matches!(region::owner(name), Ok(Some(owner)) if owner == geteuid().as_raw());
    is_own && !ids(name).is_empty()
}

fn ids(name: &str) -> BTreeSet<u64> {
    let entries = std::fs::read_dir(region::FOLDER).into_iter().flatten();
    entries
        .filter_map(|entry| id_of(name, &entry.ok()?))
        .collect()
}

fn id_of(name: &str, entry: &DirEntry) -> Option<u64> {
    let file = entry.file_name();
    let rest = file.to_str()?.strip_prefix(name)?.strip_prefix('.')?;
    let bell = Side::BOTH
        .iter()
        .find_map(|side| rest.strip_suffix(side.ending()));
    if bell.is_some() {
        use std::os::unix::fs::FileTypeExt;
        entry.file_type().ok().filter(FileTypeExt::is_fifo)?;
    }
    let digits = bell.unwrap_or(rest);
    let id = u64::from_str_radix(digits, 16).ok()?;
    (digits == format!("{id:016x}")).then_some(id)
}
