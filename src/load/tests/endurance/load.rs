//! A load on the null server.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::Path;
use std::time::Duration;

use hpcbench_load::{
    ClientShare, Connections, Dialect, Endpoint, Length, LoadSpec, Pin, PromptSource, Prompts, Sampling,
    Shape, TokenCount,
};

/// So many requests of so many tokens, from eight users on one thread.
pub(crate) fn spec(address: SocketAddr, scratch: &Path, requests: u64, tokens: u32) -> LoadSpec {
    LoadSpec {
        node: "n1".into(),
        request_prefix: "t".into(),
        client: ClientShare::SOLE,
        clients_on_host: 1,
        endpoints: vec![Endpoint {
            address,
            host: "server".into(),
            base_path: String::new(),
            key: None,
            tls: None,
        }],
        model: "m".into(),
        dialect: Dialect::Chat,
        stream: true,
        shape: Shape::Closed {
            concurrency: 8,
            think_time: Duration::ZERO,
            turns: NonZeroU16::MIN,
        },
        warmup: Duration::ZERO,
        length: Length::Requests(requests),
        timeout: Duration::from_secs(20),
        connections: Connections::default(),
        prompts: Prompts {
            source: PromptSource::Synthetic {
                input_tokens: TokenCount::Fixed(12),
                shared_prefix_tokens: 0,
            },
            output_tokens: TokenCount::Fixed(tokens),
            nonce: true,
            tokenizer: None,
        },
        sampling: Sampling::default(),
        keep_text: false,
        seed: 1,
        threads: NonZeroU16::new(1),
        pin: Pin::Never,
        keep_awake: false,
        scratch: scratch.to_owned(),
    }
}
