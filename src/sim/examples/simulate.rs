//! Runs a simulated service: `cargo run -p hpcbench-sim --example simulate -- '{"port": 8000, "ttft": "20ms"}'`.
//! The one argument holds settings as a JSON object.

use std::error::Error;
use std::process::ExitCode;

use hpcbench_sim::{Exit, SimulatorConfig, serve};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let settings = std::env::args().nth(1).unwrap_or_else(|| "{}".to_owned());
    let config: SimulatorConfig = serde_json::from_str(&settings)?;
    Ok(match serve(config)? {
        Exit::Stopped => ExitCode::SUCCESS,
        Exit::Died { exit_code } => ExitCode::from(exit_code),
    })
}
