// Where there is no `ipc`, the end of `lifecycle.md` links to its file instead.
#![cfg_attr(
    all(
        feature = "ipc",
        target_os = "linux",
        target_env = "gnu",
        target_pointer_width = "64"
    ),
    doc = "[ipc]: crate::ipc\n"
)]
//! [`limits`]: crate::limits
//!
#![doc = include_str!("lifecycle.md")]
