//! Registers with the system when the program, or a library that contains this crate, is loaded.
//!
//! Two registrations are cheap and certain only while a process has one thread: membarrier's
//! ([`crate::sys::fence`]), which takes half a microsecond then and 7 to 28 ms beside other
//! threads; and that of the fork handler ([`crate::sys::fork`]). So neither is left to the first
//! waiter or the user.
//!
//! Where this does not run, nothing breaks: waiters sleep for short times, as they do where
//! membarrier is refused, and [`fork::watch`] registers before the first wait.

use super::{fence, fork};

extern "C" fn at_load() {
    fork::watch();
    fence::register();
}

// SAFETY: the section is a list of functions without arguments that are called before `main`. (Some
// systems pass arguments, which this function ignores.) It needs nothing that is initialized later.
#[used]
#[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
#[cfg_attr(
    target_vendor = "apple",
    unsafe(link_section = "__DATA,__mod_init_func")
)]
static AT_LOAD: extern "C" fn() = at_load;

/// Refers to the entry. From a C archive a linker takes only what is referred to.
pub(crate) fn link() {
    std::hint::black_box(&AT_LOAD);
}
