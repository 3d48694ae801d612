#![no_main]

#[expect(dead_code, reason = "each target runs a part of it")]
#[path = "../../tests/common/fuzzing.rs"]
mod fuzzing;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::results(bytes));
