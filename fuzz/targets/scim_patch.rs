#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| roster::fuzzing::check("scim_patch", input));
