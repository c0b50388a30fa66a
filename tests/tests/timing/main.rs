//! What the measurements are worth, and what the program costs. Each test wants the machine for itself: run with
//! `--test-threads=1`. With `--nocapture` they print what they found.

mod accuracy;
mod costs;
