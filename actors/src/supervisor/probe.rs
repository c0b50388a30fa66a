//! Asking a service.

use std::time::Duration;

use hpcbench_recipes::ServicePlan;
use hpcbench_services::{BaseUrl, ServiceEndpoint};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::keys::api_key;
use crate::agent::AgentContext;
use crate::tls::{TlsError, connector, shake_hands};

/// How long one answer may take at the most.
const PATIENCE: Duration = Duration::from_secs(5);
/// Largest answer.
const MAX_BODY_BYTES: usize = 1 << 20;

/// No answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProbeError {
    /// No connection.
    #[error("no connection to {authority}")]
    Connect {
        /// Where to.
        authority: String,
        /// Why not.
        #[source]
        cause: std::io::Error,
    },
    /// No trust.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Something else than HTTP, or less of it than announced.
    #[error("no answer from {authority}{path}")]
    Http {
        /// Who was asked.
        authority: String,
        /// For what.
        path: String,
        /// Why not.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nothing in time.
    #[error("no answer from {authority}{path} within {} s", patience.as_secs_f64())]
    Late {
        /// For how long it was waited for.
        patience: Duration,
        /// Who was asked.
        authority: String,
        /// For what.
        path: String,
    },
}

impl ProbeError {
    /// Whether it makes no sense to ask again.
    pub(super) const fn is_final(&self) -> bool {
        matches!(self, Self::Tls(error) if error.is_final)
    }
}

/// A server to be asked.
pub(super) struct Server<'a> {
    pub(super) url: &'a BaseUrl,
    /// What it is shown as the API key.
    pub(super) key: Option<String>,
    /// Speaks TLS with it; none: nobody does.
    pub(super) tls: Option<TlsConnector>,
}

/// An endpoint of a service as it is asked.
pub(super) async fn server<'a>(
    context: &AgentContext,
    plan: &ServicePlan,
    endpoint: &'a ServiceEndpoint,
) -> Result<Server<'a>, String> {
    let key = endpoint.api_key.as_ref();
    let key = key.map(|key| api_key(context, plan, key));
    Ok(Server {
        url: &endpoint.url,
        key: key.transpose()?,
        tls: connector(endpoint).await?,
    })
}

impl Server<'_> {
    /// Status and body of `path`, which is below the service's base path; waits no longer than `patience`.
    pub(super) async fn get(&self, path: &str, patience: Duration) -> Result<(u16, Vec<u8>), ProbeError> {
        let (authority, path) = (self.url.authority(), self.url.request_path(path));
        let patience = patience.min(PATIENCE);
        match tokio::time::timeout(patience, self.ask(&authority, &path, None)).await {
            Ok(answer) => answer,
            Err(_) => Err(ProbeError::Late {
                patience,
                authority,
                path,
            }),
        }
    }

    /// Status and body of the answer to a JSON document; waits no longer than `patience`, which may be long.
    pub(super) async fn post(
        &self,
        path: &str,
        document: &Value,
        patience: Duration,
    ) -> Result<(u16, Vec<u8>), ProbeError> {
        let (authority, path) = (self.url.authority(), self.url.request_path(path));
        match tokio::time::timeout(patience, self.ask(&authority, &path, Some(document))).await {
            Ok(answer) => answer,
            Err(_) => Err(ProbeError::Late {
                patience,
                authority,
                path,
            }),
        }
    }

    async fn ask(
        &self,
        authority: &str,
        path: &str,
        document: Option<&Value>,
    ) -> Result<(u16, Vec<u8>), ProbeError> {
        let host = self.url.host();
        let stream = TcpStream::connect((host, self.url.port()))
            .await
            .map_err(|cause| ProbeError::Connect {
                authority: authority.to_owned(),
                cause,
            })?;
        let answer = match &self.tls {
            None => exchange(stream, authority, path, self.key.as_deref(), document).await,
            Some(connector) => {
                let stream = shake_hands(connector, host, stream).await?;
                exchange(stream, authority, path, self.key.as_deref(), document).await
            }
        };
        answer.map_err(|cause| ProbeError::Http {
            authority: authority.to_owned(),
            path: path.to_owned(),
            cause,
        })
    }
}

/// Asks for a path on a connection, or sends a document there.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin + 'static>(
    stream: S,
    authority: &str,
    path: &str,
    key: Option<&str>,
    document: Option<&Value>,
) -> Result<(u16, Vec<u8>), Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = actix::spawn(connection);
    let method = if document.is_some() {
        Method::POST
    } else {
        Method::GET
    };
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", authority);
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    if document.is_some() {
        request = request.header("content-type", "application/json");
    }
    let content = document.map(Value::to_string).unwrap_or_default();
    let request = request.body(Full::new(Bytes::from(content)))?;
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), MAX_BODY_BYTES)
        .collect()
        .await?;
    connection.abort();
    Ok((status, body.to_bytes().to_vec()))
}
