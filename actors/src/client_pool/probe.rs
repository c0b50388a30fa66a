//! Whether the endpoints can be reached from here.

use std::time::{Duration, Instant};

use hpcbench_core::event::EndpointProbe;
use hpcbench_services::BaseUrl;
use tokio::net::{TcpStream, lookup_host};

use crate::shell::describe;

/// How long one connection may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// An endpoint's URL and the address that its name stands for.
pub(super) async fn resolve(url: &str) -> Result<(BaseUrl, std::net::SocketAddr), String> {
    let base: BaseUrl = url.parse().map_err(|error| describe(&error))?;
    let addresses = lookup_host((base.host(), base.port())).await;
    let address = addresses
        .map_err(|error| format!("{url}: its name cannot be resolved: {error}"))?
        .next();
    let address = address.ok_or_else(|| format!("{url}: its name stands for no address"))?;
    Ok((base, address))
}

/// Opens one connection to each endpoint.
pub(super) async fn probe(urls: &[String]) -> Result<Vec<EndpointProbe>, String> {
    let mut probes = Vec::with_capacity(urls.len());
    for url in urls {
        let (_, address) = resolve(url).await?;
        let before = Instant::now();
        match tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(format!("{url} ({address}): {error}")),
            Err(_) => {
                return Err(format!(
                    "{url} ({address}): no connection within {} s",
                    PATIENCE.as_secs()
                ));
            }
        }
        probes.push(EndpointProbe {
            url: url.clone(),
            connect_seconds: before.elapsed().as_secs_f64(),
        });
    }
    Ok(probes)
}
