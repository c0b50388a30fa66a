//! Fuzzes `hpcbench_fuzz::metrics`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hpcbench_fuzz::metrics(data));
