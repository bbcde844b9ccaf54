//! What is done when the program, or a library that contains this crate, is loaded.
//!
//! Two things are cheap and certain only while a process has one thread: to register with
//! membarrier ([`crate::fence`]: half a microsecond, against 7 to 28 ms beside other threads), and
//! to register what a fork is to do ([`crate::fork`]). So they are neither left to the first thread
//! that waits, nor to a call of the user's.
//!
//! Where this does not run, nothing is wrong: waiters sleep for short times, as they do where
//! membarrier is refused, and [`fork::watch`] registers before the first wait.

use crate::{fence, fork};

extern "C" fn at_load() {
    fork::watch();
    fence::register();
}

// SAFETY: the section is a list of functions without arguments, which are called before `main`.
// (Some systems give them arguments, which this one leaves alone.) It needs nothing that is made
// ready later.
#[used]
#[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
#[cfg_attr(
    target_vendor = "apple",
    unsafe(link_section = "__DATA,__mod_init_func")
)]
static AT_LOAD: extern "C" fn() = at_load;

/// A linker leaves out what nothing refers to, where it takes this crate from a C archive: this
/// refers to it.
pub(crate) fn link() {
    std::hint::black_box(&AT_LOAD);
}
