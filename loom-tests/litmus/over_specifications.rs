//! The programs, over the types of users' models.

use anteroom::specified as primitives;

#[path = "programs/mod.rs"]
pub(super) mod programs;
