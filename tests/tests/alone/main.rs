//! Tests that want the machine for themselves, because they judge what the program measures or what it costs: run them
//! with `--test-threads=1`. With `--nocapture` they print what they found. Those that are ignored are benchmarks, each
//! beside a reference of the same run; `make bench` runs them too.

mod accuracy;
mod chunk_cost;
mod costs;
mod many_streams;
mod quickstart;
mod recipes;
mod search;

use anyhow::Result;

/// How often it is measured: another program may want the machine just then, and that is nobody's fault.
const TRIES: u32 = 3;

/// Measures until it comes out well.
fn repeated(measure: impl Fn() -> Result<()>) -> Result<()> {
    let mut result = Ok(());
    for _ in 0..TRIES {
        result = measure();
        match &result {
            Ok(()) => break,
            Err(error) => println!("{error:#}"),
        }
    }
    result
}
