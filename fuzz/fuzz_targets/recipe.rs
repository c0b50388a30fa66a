//! Fuzzes `hpcbench_fuzz::recipe`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hpcbench_fuzz::recipe(data));
