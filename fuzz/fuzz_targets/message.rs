//! Fuzzes `hpcbench_fuzz::message`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hpcbench_fuzz::message(data));
