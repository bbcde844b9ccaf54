//! The programs, over the types of all other users.

use anteroom as primitives;

#[path = "programs/mod.rs"]
pub(super) mod programs;
