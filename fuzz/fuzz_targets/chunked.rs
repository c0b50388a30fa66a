//! Fuzzes `hpcbench_fuzz::chunked`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hpcbench_fuzz::chunked(data));
