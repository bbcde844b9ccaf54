//! The types over the specifications, as a user's model has them, beside those over the algorithms
//! in one build. `loom-tests/litmus.rs` runs the same programs over both.

#[path = "spec/mod.rs"]
mod spec;
#[path = "types/mod.rs"]
mod types;

use spec as raw;

pub use types::*;
