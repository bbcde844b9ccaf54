//! The programs over the types that users' models have.

use anteroom::specified as primitives;

#[path = "programs/mod.rs"]
pub(super) mod programs;
