//! Fuzzes `hpcbench_fuzz::head`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hpcbench_fuzz::head(data));
