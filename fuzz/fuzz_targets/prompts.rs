//! Fuzzes `hpcbench_fuzz::prompts`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hpcbench_fuzz::prompts(data));
