//! A service behind TLS.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hpcbench_tests::summary::{count, trials};
use hpcbench_tests::{Authority, Finished, Recipe, Simulator, TlsManners, Workdir, events, of_type};

/// An authority, a simulated service, and its TLS side.
fn service(workdir: &Workdir) -> Result<(Authority, Simulator, SocketAddr)> {
    let simulator = Simulator::start(workdir, &["--ttft", "10ms", "--itl", "2ms"])?;
    let authority = Authority::new()?;
    let address = authority.front(simulator.address(), TlsManners::default())?;
    Ok((authority, simulator, address))
}

fn recipe(address: SocketAddr, options: &str) -> Recipe {
    Recipe::external(&format!("https://{address}/v1"), "simulated")
        .service("options", options)
        .service("restart", "{max: 0}")
        .workload("warmup", "200ms")
}

/// How many requests reached the service itself.
fn served(simulator: &Simulator) -> Result<usize> {
    let truth = simulator.truth()?;
    let requests = truth["requests"].as_object();
    Ok(requests.context("no requests in the truth")?.len())
}

/// Runs a recipe whose service is not to be trusted: it ends at once, although the service has ten minutes.
fn refused(workdir: &Workdir, recipe: &Recipe) -> Result<Finished> {
    let begun = Instant::now();
    let finished = workdir.bench(recipe)?.run()?;
    ensure!(finished.code == Some(1), "{finished}");
    ensure!(begun.elapsed() < Duration::from_secs(30), "{finished}");
    ensure!(of_type(&events(&workdir.run())?, "service.ready").is_empty());
    workdir.expect_no_process(Duration::from_secs(5))?;
    Ok(finished)
}

#[test]
fn a_service_behind_tls_is_benchmarked() -> Result<()> {
    let workdir = Workdir::new()?;
    let (authority, simulator, address) = service(&workdir)?;
    let ca_file = workdir.write("ca.pem", authority.pem())?;
    let recipe = recipe(address, &format!("{{tls: {{ca_file: {}}}}}", ca_file.display()));
    let finished = workdir.bench(&recipe)?.run()?;
    // Whether so short a measurement is valid depends on the machine; that it is a measurement does not.
    ensure!(matches!(finished.code, Some(0 | 1)), "{finished}");
    let trials = trials(&workdir.run())?;
    let trial = &trials[0];
    let ok = count(trial, "/requests/ok")?;
    ensure!(ok > 30 && count(trial, "/requests/error")? == 0, "{trial}");
    assert_eq!(count(trial, "/output_tokens")?, 8 * ok, "{trial}");
    ensure!(trial["verdict"]["status"] != "invalid", "{trial}");
    ensure!(
        served(&simulator)? as u64 >= ok,
        "not all requests reached the service"
    );
    workdir.expect_no_process(Duration::from_secs(5))
}

#[test]
fn a_stranger_gets_no_request() -> Result<()> {
    let workdir = Workdir::new()?;
    let (_, simulator, address) = service(&workdir)?;
    let finished = refused(&workdir, &recipe(address, "{}"))?;
    ensure!(
        finished.stderr.contains("unknown issuer") && finished.stderr.contains("ca_file"),
        "{finished}"
    );
    assert_eq!(served(&simulator)?, 0);
    Ok(())
}

#[test]
fn a_plain_service_is_no_tls_service() -> Result<()> {
    let workdir = Workdir::new()?;
    let simulator = Simulator::start(&workdir, &[])?;
    let finished = refused(&workdir, &recipe(simulator.address(), "{tls: {verify: false}}"))?;
    ensure!(finished.stderr.contains("http:// URL"), "{finished}");
    Ok(())
}

#[test]
fn a_missing_ca_file_is_named() -> Result<()> {
    let workdir = Workdir::new()?;
    let (_, _simulator, address) = service(&workdir)?;
    let finished = refused(&workdir, &recipe(address, "{tls: {ca_file: /nowhere/ca.pem}}"))?;
    ensure!(finished.stderr.contains("/nowhere/ca.pem"), "{finished}");
    Ok(())
}
