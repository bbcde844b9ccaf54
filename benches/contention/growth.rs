//! How the locks do as there are more and more threads, locks, or waiters.

use crate::harness::row::Question;
use crate::harness::statistics::FEWEST;
use crate::{crowd, many_locks, many_readers, mutex};

/// Of two sizes that differ by a factor, no more can be told anyway.
pub const ROUNDS: usize = FEWEST;

pub fn questions() -> Vec<Question> {
    let mut questions: Vec<_> = mutex::growth().collect();
    questions.extend(many_locks::questions());
    questions.extend(many_readers::questions());
    questions.extend(crowd::questions());
    questions
}
