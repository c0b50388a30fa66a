//! Ollama's models: only an Ollama server can fetch them, so one runs meanwhile.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use hpcbench_recipes::ServicePlan;

use super::store::alone_in;
use super::{directory, option};
use crate::commands::programs::{Programs, Running};
use crate::terminal;

/// How long the server may take to listen.
const START: Duration = Duration::from_mins(1);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(50);
/// Longest try to connect.
const CONNECT: Duration = Duration::from_secs(1);

/// Fetches the service's model into the directory where its servers look for it.
pub(super) fn pull(service: &ServicePlan, programs: &Programs) -> anyhow::Result<()> {
    let models = directory(service, "models_dir")?;
    let program = option(service, "program").unwrap_or("ollama");
    let model = service.model.as_str();
    alone_in(&models, || {
        let address = free_address().context("failed to find a free port")?;
        let variables = [
            ("OLLAMA_HOST", address.to_string()),
            ("OLLAMA_MODELS", models.display().to_string()),
            // Other recipes keep theirs there.
            ("OLLAMA_NOPRUNE", "1".to_owned()),
        ];
        let mut server = programs.start(&[program, "serve"], &models, &variables, false)?;
        until_it_listens(&mut server, address, program, &programs.place())?;
        let status = programs.run(&[program, "pull", model], &models, &variables, true)?;
        if !status.success() {
            bail!("failed to fetch {model}: `{program} pull {model}` ended with {status}");
        }
        terminal::say(&format!("{model} is in {}", models.display()));
        Ok(())
    })
}

/// Of this machine alone: others must not use the server.
fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn until_it_listens(
    server: &mut Running,
    address: SocketAddr,
    program: &str,
    place: &str,
) -> anyhow::Result<()> {
    let since = Instant::now();
    while TcpStream::connect_timeout(&address, CONNECT).is_err() {
        if let Some(status) = server.has_ended()? {
            bail!("`{program} serve` of {place} ended with {status} before it listened");
        }
        if since.elapsed() > START {
            bail!(
                "`{program} serve` of {place} did not listen within {} s",
                START.as_secs()
            );
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}
