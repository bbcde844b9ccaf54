//! The types over the specifications, as a user's model has them, beside those over the algorithms
//! in one build. `loom-tests/litmus.rs` runs the same programs over both.

#[path = "../../types/mod.rs"]
mod types;

use crate::sys::spec as locks;

pub use types::*;
