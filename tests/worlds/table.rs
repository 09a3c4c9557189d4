//! The table itself, as it stands in the documentation.

use crate::{beyond, edges, effects, inputs, misuses};

const TEXT: &str = include_str!("../../src/machine/worlds.md");

/// The rows: the name of a row's tests, and its cells.
fn rows() -> Vec<(String, [&'static str; 3])> {
    let mut rows = Vec::new();
    // Each part of it has a head of its own.
    let is_row =
        |line: &&str| line.starts_with("| ") && !line.ends_with("| event engine | turmoil | real sockets |");
    for line in TEXT.lines().filter(is_row) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [name, worlds @ ..] = cells.as_slice() else { panic!("{line}") };
        let worlds = worlds.try_into().unwrap_or_else(|_| panic!("not three worlds: {line}"));
        rows.push((test_name(name), worlds));
    }
    rows
}

/// What the tests of a row are called.
fn test_name(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    // Inputs are written as one word each.
    words.map(snake).collect::<Vec<_>>().join("_")
}

fn snake(word: &str) -> String {
    let mut snake = String::new();
    for c in word.chars() {
        if c.is_ascii_uppercase() && snake.ends_with(|last: char| last.is_ascii_lowercase()) {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// Whether a row is the same in all worlds.
pub(crate) fn is_same(row: &str) -> bool {
    let rows = rows();
    let (_, cells) = rows.iter().find(|(name, _)| name == row).expect("the table has this row");
    cells[1..] == ["same", "same"]
}

#[test]
fn every_row_has_its_tests_and_every_test_its_row() {
    let tested = [inputs::ROWS, effects::ROWS, misuses::ROWS, edges::ROWS, beyond::ROWS].concat();
    let rows: Vec<String> = rows().into_iter().map(|(name, _)| name).collect();
    assert_eq!(rows, tested, "the table has these rows, and these are tested");
}

#[test]
fn every_cell_says_something() {
    for (name, cells) in rows() {
        assert!(cells.iter().all(|cell| !cell.is_empty()) && cells[0] != "same", "{name}");
    }
}
