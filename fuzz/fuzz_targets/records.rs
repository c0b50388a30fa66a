//! Fuzzes `hpcbench_fuzz::records`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hpcbench_fuzz::records(data));
