//! Fuzzes `hpcbench_fuzz::event_line`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hpcbench_fuzz::event_line(data));
