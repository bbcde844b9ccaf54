//! The programs over the types that everybody else uses.

use anteroom as primitives;

#[path = "programs/mod.rs"]
pub(super) mod programs;
