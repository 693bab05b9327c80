#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (tests_hostile::named("backup-manifest").expect("a target of that name").run)(bytes)
});
