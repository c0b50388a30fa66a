//! TLS with services, besides the load.

use hpcbench_load::{client_config, explain, server_name};
use hpcbench_services::{ServiceEndpoint, Trust};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::Error;

use crate::shell::describe;

/// No TLS with a server.
#[derive(Debug, thiserror::Error)]
#[error("no TLS connection to {host}: {reason}")]
pub(crate) struct TlsError {
    /// Who was spoken to.
    host: String,
    /// Why not, and what to do.
    reason: String,
    /// It will not be otherwise later.
    pub(crate) is_final: bool,
}

/// Trust as the load engine has it.
pub(crate) fn trust(trust: &Trust) -> hpcbench_load::Trust {
    hpcbench_load::Trust {
        ca_file: trust.ca_file.as_ref().map(Into::into),
        verify: trust.verify,
    }
}

/// What speaks TLS with an endpoint, if that is to be spoken with it; an error says whose certificates cannot be read.
pub(crate) async fn connector(endpoint: &ServiceEndpoint) -> Result<Option<TlsConnector>, String> {
    if !endpoint.url.is_tls() {
        return Ok(None);
    }
    let trust = trust(&endpoint.trust);
    let read = tokio::task::spawn_blocking(move || client_config(&trust)).await;
    let config = read
        .map_err(|error| error.to_string())?
        .map_err(|error| describe(&error))?;
    Ok(Some(TlsConnector::from(config)))
}

/// Shakes hands with the server on this connection, which has to prove that it is `host`.
pub(crate) async fn shake_hands(
    connector: &TlsConnector,
    host: &str,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, TlsError> {
    let failed = |reason: String, is_final| TlsError {
        host: host.to_owned(),
        reason,
        is_final,
    };
    let name = server_name(host).map_err(|error| failed(describe(&error), true))?;
    connector.connect(name, stream).await.map_err(|error| {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(known) => failed(
                explain(known),
                matches!(known, Error::InvalidCertificate(_) | Error::InvalidMessage(_)),
            ),
            None => failed(describe(&error), false),
        }
    })
}
