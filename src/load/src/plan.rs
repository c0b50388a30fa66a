//! Everything about a load that is known before it starts.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use crate::dialect::{BodyTemplate, push_number};
use crate::engine::History;
use crate::prompts::{Nonce, Prompt, PromptSet};
use crate::recorded::RecordedPrompts;
use crate::secret::Secret;
use crate::spec::{Connections, Dialect, Endpoint, LoadSpec};

/// What all engine threads of a client work from.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) spec: LoadSpec,
    pub(crate) prompts: PromptSet,
    /// What takes the place of prompts where a trace says how long they are.
    pub(crate) recorded: Option<RecordedPrompts>,
    pub(crate) servers: Vec<Server>,
    pub(crate) body: BodyTemplate,
    /// Engine threads.
    pub(crate) threads: u32,
    /// Connections that may be open at once.
    pub(crate) most_connections: u64,
    /// The core that each of them is bound to; empty if they are not.
    pub(crate) cores: Vec<usize>,
}

/// An endpoint, ready to be asked.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// What it is called in messages.
    pub(crate) host: String,
    /// How TLS is spoken with it, if it is.
    pub(crate) tls: Option<ServerTls>,
    /// The request's head up to the value of the request id. May hold a secret.
    head: Vec<u8>,
}

/// How TLS is spoken with an endpoint.
pub(crate) struct ServerTls {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: ServerName<'static>,
}

/// A rendered request and what is known about its prompt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) prompt_id: u64,
    pub(crate) input_planned: Option<u32>,
    pub(crate) output_planned: u32,
}

impl Server {
    pub(crate) fn new(
        endpoint: &Endpoint,
        dialect: Dialect,
        connections: Connections,
        key: Option<&Secret>,
        tls: Option<ServerTls>,
    ) -> Self {
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
        if connections == Connections::Fresh {
            head.push_str("Connection: close\r\n");
        }
        head.push_str(concat!(
            "User-Agent: hpcbench/",
            env!("CARGO_PKG_VERSION"),
            "\r\nAccept: text/event-stream, application/json, application/x-ndjson\r\n",
            "Content-Type: application/json\r\nX-Request-Id: "
        ));
        Self {
            address: endpoint.address,
            host: endpoint.host.clone(),
            tls,
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

    /// Renders a request to `server` into `out`, and leaves its own prompt in `memory`.
    pub(crate) fn render(
        &self,
        server: &Server,
        request: &ToRender<'_>,
        memory: &mut RenderMemory,
        out: &mut Vec<u8>,
    ) -> Asked {
        let RenderMemory { prompt, body } = memory;
        prompt.clear();
        body.clear();
        let mut asked = self.write_prompt(request.index, prompt);
        let history = request.history;
        if let Some(history) = history {
            let both = asked.input_planned.zip(history.tokens);
            asked.input_planned = both.map(|(own, before)| own.saturating_add(before));
        }
        let before = history.map_or([].as_slice(), |history| &history.messages);
        self.body.render(before, prompt, asked.output_planned, body);
        out.extend_from_slice(&server.head);
        out.extend_from_slice(request.id.as_bytes());
        out.extend_from_slice(b"\r\nContent-Length: ");
        push_number(out, u32::try_from(body.len()).unwrap_or(u32::MAX));
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(body);
        asked
    }

    /// Writes the prompt of the trial's request `index` as the JSON value that the dialect wants.
    fn write_prompt(&self, index: u64, out: &mut Vec<u8>) -> Asked {
        let recorded = self.recorded.as_ref();
        let lengths = recorded.and_then(|recorded| recorded.lengths(index));
        let (input, output) = lengths.map_or((None, None), |lengths| (lengths.input, lengths.output));
        // There is always a prompt: an empty set is refused before the start.
        let Some((prompt_id, prompt)) = self.prompts.of_request(index) else {
            return Asked::default();
        };
        let output_planned = output.unwrap_or(prompt.output_planned);
        if let (Some(recorded), Some(input)) = (recorded, input) {
            recorded.write(index, input, out);
            return Asked {
                prompt_id: index,
                input_planned: Some(input),
                output_planned,
            };
        }
        write_whole(prompt, self.prompts.nonce(index), out);
        Asked {
            prompt_id,
            input_planned: prompt.input_planned,
            output_planned,
        }
    }
}

/// Which request is to be rendered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ToRender<'a> {
    pub(crate) id: &'a str,
    /// The trial's number of the request.
    pub(crate) index: u64,
    /// What was said before it.
    pub(crate) history: Option<&'a History>,
}

/// Memory that is used again for each request.
#[derive(Debug, Default)]
pub(crate) struct RenderMemory {
    /// The request's own prompt or messages.
    pub(crate) prompt: Vec<u8>,
    body: Vec<u8>,
}

fn write_whole(prompt: &Prompt, nonce: Nonce<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&prompt.head);
    nonce.write(prompt.nonce_words, out);
    out.extend_from_slice(&prompt.tail);
}
