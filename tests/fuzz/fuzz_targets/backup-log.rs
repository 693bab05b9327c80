#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (tests_hostile::named("backup-log").expect("a target of that name").run)(bytes)
});
