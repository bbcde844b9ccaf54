// Where there is no `shared`, this leads to its file, by what is at the end of the page.
#![cfg_attr(
    all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"),
    doc = "[shared]: crate::shared\n"
)]
//! [`limits`]: crate::limits
//!
#![doc = include_str!("lifecycle.md")]
