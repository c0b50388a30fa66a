//! Everything about a load that is known before it starts.

use std::fmt;
use std::net::SocketAddr;

use crate::dialect::{BodyTemplate, push_number};
use crate::prompts::{Nonce, PromptSet};
use crate::secret::Secret;
use crate::spec::{Dialect, Endpoint, LoadSpec};

/// What all engine threads of a client work from.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) spec: LoadSpec,
    pub(crate) prompts: PromptSet,
    pub(crate) servers: Vec<Server>,
    pub(crate) body: BodyTemplate,
    /// Engine threads.
    pub(crate) threads: u32,
}

/// An endpoint, ready to be asked.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// The request's head up to the value of the request id. May hold a secret.
    head: Vec<u8>,
}

/// A rendered request and what is known about its prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) prompt_id: u64,
    pub(crate) input_planned: Option<u32>,
    pub(crate) output_planned: u32,
}

impl Server {
    pub(crate) fn new(endpoint: &Endpoint, dialect: Dialect, key: Option<&Secret>) -> Self {
        let mut head = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\n",
            endpoint.target(dialect),
            endpoint.host
        );
        if let Some(key) = key {
            head.push_str("Authorization: Bearer ");
            head.push_str(key.reveal());
            head.push_str("\r\n");
        }
        head.push_str(concat!(
            "User-Agent: hpcbench/",
            env!("CARGO_PKG_VERSION"),
            "\r\nAccept: text/event-stream, application/json, application/x-ndjson\r\n",
            "Content-Type: application/json\r\nX-Request-Id: "
        ));
        Self {
            address: endpoint.address,
            head: head.into_bytes(),
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Server")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Plan {
    /// The server with this number. Numbers are taken modulo the length of this list, which is never empty.
    pub(crate) fn server(&self, endpoint: u16) -> &Server {
        &self.servers[usize::from(endpoint)]
    }

    /// Renders the trial's request `index` to `server` into `out`. `body` is memory that is used again.
    pub(crate) fn render(
        &self,
        server: &Server,
        request_id: &str,
        index: u64,
        body: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Asked {
        body.clear();
        let mut asked = Asked {
            prompt_id: 0,
            input_planned: None,
            output_planned: 0,
        };
        // There is always a prompt: an empty set is refused before the start.
        if let Some((prompt_id, prompt)) = self.prompts.of_request(index) {
            self.body
                .render(prompt, Nonce::of_request(self.spec.seed, index), body);
            let (input_planned, output_planned) = (prompt.input_planned, prompt.output_planned);
            asked = Asked {
                prompt_id,
                input_planned,
                output_planned,
            };
        }
        out.extend_from_slice(&server.head);
        out.extend_from_slice(request_id.as_bytes());
        out.extend_from_slice(b"\r\nContent-Length: ");
        push_number(out, u32::try_from(body.len()).unwrap_or(u32::MAX));
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(body);
        asked
    }
}
