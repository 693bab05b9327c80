#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (tests_hostile::named("query").expect("a target of that name").run)(bytes)
});
