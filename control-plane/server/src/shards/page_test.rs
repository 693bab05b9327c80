//! The page for those who run a world says the thresholds that the code has.

use platform_model::thresholds::TABLE;

const PAGE: &str = include_str!("../../../../docs/operations.md");

/// `(name, value)` of the page's rows.
fn rows(page: &str) -> Vec<(String, u64)> {
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split('|');
        let name = cells.next()?.trim().strip_suffix('`')?.to_owned();
        let value = cells.next()?.trim().parse().ok()?;
        Some((name, value))
    };
    page.lines().filter_map(row).collect()
}

#[test]
fn the_page_and_the_code_say_the_same() {
    let code: Vec<(String, u64)> = TABLE
        .iter()
        .map(|(name, value)| ((*name).to_owned(), *value))
        .collect();
    assert_eq!(sorted(rows(PAGE)), sorted(code));
}

fn sorted(mut rows: Vec<(String, u64)>) -> Vec<(String, u64)> {
    rows.sort();
    rows
}

#[test]
fn a_row_that_differs_is_seen() {
    let other = PAGE.replace("| `TICK_MS` | 50 |", "| `TICK_MS` | 51 |");
    assert_ne!(rows(&other), rows(PAGE));
    assert_eq!(rows(&other).len(), TABLE.len());
}
