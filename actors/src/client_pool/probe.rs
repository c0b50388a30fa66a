//! Whether the endpoints can be reached from here.

use std::net::SocketAddr;
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

/// Most addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;

/// A connection to an endpoint.
struct Reached {
    address: SocketAddr,
    stream: TcpStream,
    took: Duration,
}

/// An endpoint's URL and the address to use for it: where its name stands for several, as `localhost` does, the first that
/// accepts a connection.
pub(super) async fn resolve(url: &str) -> Result<(BaseUrl, SocketAddr), String> {
    let (base, addresses) = look_up(url).await?;
    match addresses.as_slice() {
        [only] => Ok((base, *only)),
        several => Ok((base, reach(url, several).await?.address)),
    }
}

/// Opens one connection to each endpoint.
pub(super) async fn probe(context: &AgentContext, urls: &[String]) -> Result<Vec<EndpointProbe>, String> {
    let mut probes = Vec::with_capacity(urls.len());
    for url in urls {
        let (base, addresses) = look_up(url).await?;
        let reached = reach(url, &addresses).await?;
        let failed = |reason: String| failure(url, reached.address, &reason);
        let endpoint = as_declared(context, base)?;
        if let Some(connector) = connector(&endpoint).await? {
            let shaking = shake_hands(&connector, endpoint.url.host(), reached.stream);
            let shaken = tokio::time::timeout(PATIENCE, shaking).await;
            let shaken = shaken.map_err(|_| failed(too_late()))?;
            shaken.map_err(|error| failed(describe(&error)))?;
        }
        probes.push(EndpointProbe {
            url: url.clone(),
            connect_seconds: reached.took.as_secs_f64(),
        });
    }
    Ok(probes)
}

/// An endpoint's URL and the addresses that its name stands for, one at least.
async fn look_up(url: &str) -> Result<(BaseUrl, Vec<SocketAddr>), String> {
    let base: BaseUrl = url.parse().map_err(|error| describe(&error))?;
    let found = lookup_host((base.host(), base.port())).await;
    let found = found.map_err(|error| format!("{url}: its name cannot be resolved: {error}"))?;
    let mut addresses = Vec::new();
    for address in found {
        if addresses.len() < MAX_ADDRESSES && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(format!("{url}: its name stands for no address"));
    }
    Ok((base, addresses))
}

/// Connects to the first of these addresses that accepts it. A server may listen at one of its name's addresses only.
async fn reach(url: &str, addresses: &[SocketAddr]) -> Result<Reached, String> {
    let mut failures = Vec::new();
    for &address in addresses {
        let before = Instant::now();
        let reason = match tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                return Ok(Reached {
                    address,
                    stream,
                    took: before.elapsed(),
                });
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => too_late(),
        };
        failures.push(failure(url, address, &reason));
    }
    Err(failures.join("; "))
}

fn failure(url: &str, address: SocketAddr, reason: &str) -> String {
    format!("{url} ({address}): {reason}")
}

fn too_late() -> String {
    format!("no connection within {} s", PATIENCE.as_secs())
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

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// An address at which nobody listens.
    fn deserted() -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.local_addr().unwrap()
    }

    #[tokio::test]
    async fn a_server_at_one_of_its_names_addresses_is_reached_there() {
        let server = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let (address, nobody) = (server.local_addr().unwrap(), deserted());
        let reached = reach("http://name", &[nobody, address]).await.unwrap();
        assert_eq!(reached.address, address);
        assert_eq!(reached.stream.peer_addr().unwrap(), address);
        let error = reach("http://name", &[nobody]).await.map(drop).unwrap_err();
        assert!(error.starts_with(&format!("http://name ({nobody}): ")), "{error}");
    }

    #[tokio::test]
    async fn localhost_is_where_the_server_listens() {
        let server = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = server.local_addr().unwrap();
        let url = format!("http://localhost:{}", address.port());
        assert_eq!(resolve(&url).await.unwrap().1, address);
    }
}
