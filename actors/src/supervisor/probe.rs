//! Asking a service whether it is ready.

use std::time::Duration;

use hpcbench_services::BaseUrl;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

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

/// Status and body of `path`, which is below the service's base path; waits no longer than `patience`.
pub(super) async fn get(
    url: &BaseUrl,
    path: &str,
    bearer: Option<&str>,
    patience: Duration,
) -> Result<(u16, Vec<u8>), ProbeError> {
    let (authority, path) = (url.authority(), url.request_path(path));
    let patience = patience.min(PATIENCE);
    match tokio::time::timeout(patience, ask(url, &authority, &path, bearer)).await {
        Ok(answer) => answer,
        Err(_) => Err(ProbeError::Late {
            patience,
            authority,
            path,
        }),
    }
}

async fn ask(
    url: &BaseUrl,
    authority: &str,
    path: &str,
    bearer: Option<&str>,
) -> Result<(u16, Vec<u8>), ProbeError> {
    let stream = TcpStream::connect((url.host(), url.port()))
        .await
        .map_err(|cause| ProbeError::Connect {
            authority: authority.to_owned(),
            cause,
        })?;
    let http = |cause: Box<dyn std::error::Error + Send + Sync>| ProbeError::Http {
        authority: authority.to_owned(),
        path: path.to_owned(),
        cause,
    };
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| http(error.into()))?;
    let connection = actix::spawn(connection);
    let mut request = Request::builder()
        .method(Method::GET)
        .uri(path)
        .header("host", authority);
    if let Some(bearer) = bearer {
        request = request.header("authorization", format!("Bearer {bearer}"));
    }
    let request = request
        .body(Empty::<Bytes>::new())
        .map_err(|error| http(error.into()))?;
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| http(error.into()))?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), MAX_BODY_BYTES)
        .collect()
        .await
        .map_err(http)?;
    connection.abort();
    Ok((status, body.to_bytes().to_vec()))
}
