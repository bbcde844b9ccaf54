// Where there is no `shared`, the end of `lifecycle.md` links to its file instead.
#![cfg_attr(
    all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"),
    doc = "[shared]: crate::shared\n"
)]
//! [`limits`]: crate::limits
//!
#![doc = include_str!("lifecycle.md")]
