//! A request for tokens, in the terms that all endpoints share.

/// Whose API an endpoint belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    OpenAi,
    Ollama,
}

/// The endpoints that generate tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Chat,
    Completions,
    OllamaGenerate,
    OllamaChat,
}

impl Endpoint {
    pub(crate) const fn dialect(self) -> Dialect {
        match self {
            Self::Chat | Self::Completions => Dialect::OpenAi,
            Self::OllamaGenerate | Self::OllamaChat => Dialect::Ollama,
        }
    }

    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
            Self::OllamaGenerate => "/api/generate",
            Self::OllamaChat => "/api/chat",
        }
    }
}

/// How the result is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// In one response, when all tokens are there.
    Whole,
    /// Token by token; `usage` asks for the token counts at the end.
    Stream { usage: bool },
}

/// What a client wants generated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GenerationRequest {
    pub(crate) endpoint: Endpoint,
    /// None: the model that is served.
    pub(crate) model: Option<String>,
    pub(crate) prompt_tokens: u32,
    /// None: as many as the service likes.
    pub(crate) max_tokens: Option<u32>,
    /// Never stop before `max_tokens`.
    pub(crate) ignore_eos: bool,
    pub(crate) delivery: Delivery,
}

/// What a request to one of these endpoints means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Tokens(GenerationRequest),
    /// Ollama without a prompt: only load the model.
    Load {
        model: String,
    },
    /// Ollama without a prompt and with `keep_alive: 0`: only unload it.
    Unload {
        model: String,
    },
}
