//! A law of 40 jurisdictions and 60 regions compiles in the time and memory that the goal allows.

use std::time::Duration;

use platform_runtime::Clock;

use crate::{Law, sample};

/// The goal is 2 s in a release build on a quiet machine; this is the test profile on a busy one.
const LIMIT: Duration = Duration::from_secs(10);

#[test]
fn forty_jurisdictions_and_sixty_regions_compile_in_time_and_fit_into_memory() {
    let bundle = sample::bundle(40, 60);
    let clock = Clock::system();
    let started = clock.monotonic();
    let law = Law::read(&bundle).unwrap_or_else(|faults| panic!("{faults}"));
    println!("40 x 60: read in {:?}", clock.monotonic() - started);
    assert_eq!(law.rules().len(), 40 * 6 + 2);
    let started = clock.monotonic();
    let compiled = law.compile().expect("it compiles");
    let took = clock.monotonic() - started;
    assert!(took <= LIMIT, "{took:?}");
    println!(
        "40 x 60: compiled in {took:?}, {} bytes",
        compiled.matrix.to_bytes().len()
    );
    assert_eq!(compiled.matrix.points(), 40 * 60 * 7 * 9 * 7);
    assert!(compiled.matrix.table_bytes() <= 8 << 20);
    assert_eq!(law.lint(&compiled), []);
    // Beyond the points that every compilation asks of Cedar.
    for number in (0..compiled.matrix.points()).step_by(1_801) {
        law.check_point(&compiled.matrix, &law.point(number))
            .expect("as Cedar does");
    }
}

#[test]
fn the_smallest_law_of_that_form_is_fit_too() {
    let law = Law::read(&sample::bundle(1, 2)).unwrap_or_else(|faults| panic!("{faults}"));
    let compiled = law.compile().expect("it compiles");
    assert!(compiled.matrix.points() > 0);
}
