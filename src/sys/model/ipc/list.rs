//! The calling thread's robust list, which is the modelled kernel's.

use super::kernel::Me;
use crate::sys::ipc::robust::Entry;
use crate::sys::mortal;

impl Entry {
    pub(crate) fn pend(&self, _: Me) {
        mortal::pend(Some(&self.word));
    }

    pub(crate) fn settle(_: Me) {
        mortal::pend(None);
    }

    pub(crate) fn link(&self, _: Me) {
        mortal::link(&self.word);
    }

    pub(crate) fn unlink(&self, _: Me) {
        mortal::unlink(&self.word);
    }
}
