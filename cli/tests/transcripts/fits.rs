//! Whether what was printed is what is written. Runs of spaces are one: the width of a column is that of its longest
//! cell, and a port or a time may be that.

/// Stands for anything within a line.
const ANY: &str = "[..]";
/// Stands for any number of lines.
const LINES: &str = "...";

pub fn fits(expected: &[String], printed: &[String]) -> bool {
    match expected.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if first.trim() == LINES => {
            (0..=printed.len()).any(|skipped| fits(rest, &printed[skipped..]))
        }
        Some((first, rest)) => printed
            .split_first()
            .is_some_and(|(line, below)| same(&squeezed(first), &squeezed(line)) && fits(rest, below)),
    }
}

fn same(expected: &str, printed: &str) -> bool {
    let Some((begins, rest)) = expected.split_once(ANY) else {
        return expected == printed;
    };
    let Some(behind) = printed.strip_prefix(begins) else {
        return false;
    };
    let ends = (0..=behind.len()).filter(|at| behind.is_char_boundary(*at));
    ends.into_iter().any(|at| same(rest, &behind[at..]))
}

fn squeezed(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn wildcards_stand_for_what_they_say_and_nothing_else_does() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let fit = |expected: &str, printed: &str| fits(&lines(expected), &lines(printed));
    assert!(fit("a   b\nc", "a b\nc"));
    assert!(fit("a\n...\nz", "a\nb\nc\nz"));
    assert!(fit("a [..]\nb", "a 17\nb"));
    assert!(fit("[..] b [..] d", "a b c d"));
    assert!(!fit("[..] b [..] e", "a b c d"));
    assert!(!fit("a\nb", "a"));
    assert!(!fit("a", "a\nb"));
    assert!(!fit("a\n...\nz", "a\nb"));
    assert!(!fit("a x[..]", "a 17"));
}
