//! See `porchlight_fuzz_targets::template`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| porchlight_fuzz_targets::template(data));
