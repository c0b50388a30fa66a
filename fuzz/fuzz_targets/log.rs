//! Fuzzes `hpcbench_fuzz::log`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hpcbench_fuzz::log(data));
