//! Checks that the numbers of the page are those of the source.

use crate::rwlock::{bias, word};

const PAGE: &str = include_str!("../limits.md");

/// The rows of a table: what, at most, beyond it.
fn rows(title: &str) -> Vec<[&'static str; 3]> {
    let sections = PAGE.split("\n## ").find(|it| it.starts_with(title));
    let text = sections.expect("a section of this title");
    let rows = text.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        cells.try_into().expect("three cells")
    })
    .collect()
}

/// The number with a comma before each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Each row of the table has these words and this number, and there are no others.
pub(crate) fn check(title: &str, expected: &[(&str, &str)]) {
    let rows = rows(title);
    for (row, (what, most)) in rows.iter().zip(expected) {
        assert!(row[0].contains(what), "{what}: {row:?}");
        let found = row[1].find(most);
        let place = found.unwrap_or_else(|| panic!("{most}: {row:?}"));
        // Not the end or the beginning of a longer number.
        let (before, after) = (&row[1][..place], &row[1][place + most.len()..]);
        let is_digit = |it: Option<char>| it.is_some_and(|it| it.is_ascii_digit());
        let before = before.trim_end_matches(',').chars().next_back();
        let after = after.trim_start_matches(',').chars().next();
        assert!(!is_digit(before) && !is_digit(after), "{most}: {row:?}");
    }
    assert_eq!(rows.len(), expected.len(), "{title}");
}

/// The number as it stands in the table.
pub(crate) fn number(number: impl TryInto<u64>) -> String {
    grouped(number.try_into().ok().expect("a number"))
}

#[test]
fn limits_in_one_process_are_the_constants() {
    let last_key = (0..).take_while(|key| word::copy(key + 1).is_some()).last();
    // The page has the numbers of 64 bits. With 32 there is no bias, so that no key is too many.
    let (keys, permits) = match usize::BITS {
        64 => (
            number(last_key.expect("some key")),
            number(crate::Semaphore::MAX_PERMITS),
        ),
        _ => ("254".into(), "usize::MAX >> 10".into()),
    };
    check(
        "In one process",
        &[
            ("threads that wait", "as many as the system has"),
            ("readers of", &number(word::MAX_READERS)),
            ("take an [`RwLock`] again", &number(word::MAX_AGAIN)),
            ("threads that read by bias", &number(bias::ROWS)),
            ("locks that one thread reads", &number(bias::SLOTS)),
            ("outlive their thread", &number(bias::STRAYS)),
            ("thread-specific keys", &keys),
            ("permits of a [`Semaphore`]", &permits),
            ("`acquire_many`", &number(u32::MAX)),
            ("timeout", "as far as an `Instant` goes"),
        ],
    );
    assert_eq!(word::MAX_READERS, 1 << 21);
    assert_eq!(crate::Semaphore::MAX_PERMITS, usize::MAX >> 10);
}

#[test]
fn numbers_are_grouped() {
    for (number, text) in [
        (0, "0"),
        (999, "999"),
        (1000, "1,000"),
        (1234567, "1,234,567"),
    ] {
        assert_eq!(grouped(number), text);
    }
}
