//! The optimised program from end to end: real processes, real files, real services.

mod llama;
