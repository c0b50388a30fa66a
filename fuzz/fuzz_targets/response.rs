//! Fuzzes `hpcbench_fuzz::response`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hpcbench_fuzz::response(data));
