//! Tests that want the machine for themselves, because they judge what the program measures or what it costs: run them
//! with `--test-threads=1`. With `--nocapture` they print what they found.

mod accuracy;
mod costs;
mod quickstart;
mod recipes;
