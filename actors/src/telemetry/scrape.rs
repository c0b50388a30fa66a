//! Asking a service for its metrics.

use std::time::Duration;

use hpcbench_services::{BaseUrl, MetricsDialect};
use hpcbench_telemetry::clock::monotonic_ns;
use hpcbench_telemetry::prometheus::{MAX_TEXT_BYTES, ParseError, parse};
use hpcbench_telemetry::service::{Dialect, Reading, read, samples};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::HeaderValue;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::recorder::Recorder;

/// How long one look may take: a busy server answers late.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where an instance shows its metrics.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) instance: String,
    pub(super) url: BaseUrl,
    pub(super) path: &'static str,
    pub(super) dialect: Dialect,
    /// What proves that we may ask: llama.cpp's server wants its API key here too.
    pub(super) authorization: Option<HeaderValue>,
}

/// No metrics could be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum ScrapeError {
    /// No connection.
    #[error("no connection to {0}")]
    Connect(String, #[source] std::io::Error),
    /// Something else than HTTP, or too much of it.
    #[error("no metrics from {0}")]
    Http(String, #[source] Box<dyn std::error::Error + Send + Sync>),
    /// Another answer than 200.
    #[error("{0} answers with status {1} where its metrics should be")]
    Status(String, u16),
    /// Nothing in time.
    #[error("no metrics from {0} within {patience} s", patience = PATIENCE.as_secs())]
    Late(String),
    /// Something else than metrics.
    #[error("what {0} shows cannot be read")]
    Parse(String, #[source] ParseError),
}

/// The names that a service uses.
pub(super) const fn dialect(of: MetricsDialect) -> Dialect {
    match of {
        MetricsDialect::Vllm => Dialect::Vllm,
        MetricsDialect::LlamaCpp => Dialect::LlamaCpp,
    }
}

/// A look at an instance, which is recorded; with the moment at which it was asked.
pub(super) async fn scrape(target: &Target, recorder: &Recorder) -> Result<(i64, Reading), ScrapeError> {
    let at_ns = monotonic_ns();
    let authority = target.url.authority();
    let text = match tokio::time::timeout(PATIENCE, get(target, &authority)).await {
        Ok(answer) => answer?,
        Err(_) => return Err(ScrapeError::Late(authority)),
    };
    let all = parse(&text).map_err(|error| ScrapeError::Parse(authority, error))?;
    let reading = read(target.dialect, &all);
    recorder.record(samples(at_ns, &target.instance, target.dialect, &all, &reading));
    Ok((at_ns, reading))
}

async fn get(target: &Target, authority: &str) -> Result<Bytes, ScrapeError> {
    let url = &target.url;
    let stream = TcpStream::connect((url.host(), url.port()))
        .await
        .map_err(|error| ScrapeError::Connect(authority.to_owned(), error))?;
    let http =
        |error: Box<dyn std::error::Error + Send + Sync>| ScrapeError::Http(authority.to_owned(), error);
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| http(error.into()))?;
    let _connection = AbortOnDrop(actix::spawn(connection));
    let request = Request::get(target.path)
        .header("host", authority)
        .header("accept", "text/plain; version=0.0.4");
    let request = match &target.authorization {
        Some(authorization) => request.header("authorization", authorization),
        None => request,
    };
    let request = request
        .body(Empty::<Bytes>::new())
        .map_err(|error| http(error.into()))?;
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| http(error.into()))?;
    if response.status() != 200 {
        return Err(ScrapeError::Status(
            authority.to_owned(),
            response.status().as_u16(),
        ));
    }
    let body = Limited::new(response.into_body(), MAX_TEXT_BYTES).collect();
    Ok(body.await.map_err(http)?.to_bytes())
}

/// Ends a connection with whoever uses it.
struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
