//! Whether the endpoints can be reached from here.

use std::time::{Duration, Instant};

use hpcbench_core::event::EndpointProbe;
use hpcbench_services::{BaseUrl, ServiceEndpoint, Trust};
use tokio::net::{TcpStream, lookup_host};

use crate::agent::AgentContext;
use crate::shell::describe;
use crate::supervisor::declared;
use crate::tls::{connector, shake_hands};

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
pub(super) async fn probe(context: &AgentContext, urls: &[String]) -> Result<Vec<EndpointProbe>, String> {
    let mut probes = Vec::with_capacity(urls.len());
    for url in urls {
        let (base, address) = resolve(url).await?;
        let before = Instant::now();
        let failed = |reason: String| format!("{url} ({address}): {reason}");
        let late = |_| failed(format!("no connection within {} s", PATIENCE.as_secs()));
        let stream = tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await;
        let stream = stream.map_err(late)?.map_err(|error| failed(error.to_string()))?;
        let connect_seconds = before.elapsed().as_secs_f64();
        let endpoint = as_declared(context, base)?;
        if let Some(connector) = connector(&endpoint).await? {
            let shaken =
                tokio::time::timeout(PATIENCE, shake_hands(&connector, endpoint.url.host(), stream)).await;
            shaken.map_err(late)?.map_err(|error| failed(describe(&error)))?;
        }
        probes.push(EndpointProbe {
            url: url.clone(),
            connect_seconds,
        });
    }
    Ok(probes)
}

/// What the plan says about the endpoint with this URL. One that it does not name has nothing special about it.
fn as_declared(context: &AgentContext, url: BaseUrl) -> Result<ServiceEndpoint, String> {
    for service in &context.plan.services {
        let mut endpoints = declared(context, service)?.into_iter();
        if let Some(known) = endpoints.find(|known| known.url == url) {
            return Ok(known);
        }
    }
    Ok(ServiceEndpoint {
        url,
        api_key: None,
        trust: Trust::default(),
    })
}
