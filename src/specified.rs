//! For models: the types as a user's model has them, over the specifications, in one build with those that stand on the
//! algorithms. `loom-tests/litmus.rs` runs the same programs over both.

#[path = "spec/mod.rs"]
mod spec;
#[path = "types/mod.rs"]
mod types;

use spec as raw;

pub use types::*;
