//! Everything that is answered at once.

use serde_json::{Value, json};

use super::{Engine, Incoming, Now, Reply};
use crate::api::{ApiError, Dialect, Page, Route, read_pull, route};
use crate::catalog::digest;
use crate::http::{Body, Method, Request, chunk, end_chunks, response, stream_head};
use crate::metrics::Gauges;
use crate::render::pull_lines;

/// The version that the Ollama side claims to be.
const OLLAMA_VERSION: &str = "0.12.6";

/// How much of an unknown path the answer repeats.
const MAX_ECHOED_CHARS: usize = 200;

impl<K: PartialEq + Copy> Engine<K> {
    /// Answers a request, or takes it in. Writes what is to be sent now into `out`.
    pub(crate) fn respond(&mut self, incoming: &Incoming<'_>, key: K, out: &mut Vec<u8>) -> Reply {
        let request = &incoming.request;
        let page = match route(request.method, request.path) {
            Route::Generation(endpoint) => return self.take_in(endpoint, incoming, key, out),
            Route::Page(page) => page,
        };
        let start = out.len();
        self.answer_at_once(page, request, incoming.now, out);
        if request.method == Method::Head {
            cut_body(out, start);
        }
        Reply::Written {
            keep_alive: request.keep_alive,
        }
    }

    fn answer_at_once(&mut self, page: Page, request: &Request<'_>, now: Now, out: &mut Vec<u8>) {
        let keep_alive = request.keep_alive;
        let body = match page {
            Page::Pull => return self.pull(request, out),
            Page::Tags => json_body(&self.catalog.tags()),
            Page::Ps => json_body(&self.catalog.loaded(now.mono, now.wall)),
            Page::Version => json_body(&json!({ "version": OLLAMA_VERSION })),
            Page::Models => json_body(&self.catalog.openai_list()),
            Page::Root => text_body("text/plain; charset=utf-8", "Ollama is running".to_owned()),
            Page::Metrics => text_body("text/plain; version=0.0.4; charset=utf-8", self.metrics_text()),
            Page::Truth => self.truth_body(request.query),
            Page::ResetTruth => {
                self.truth.reset();
                self.scheduler.reset_peaks();
                json_body(&json!({ "status": "reset" }))
            }
            Page::Health if self.ready(now.mono) => json_body(&json!({ "status": "ok" })),
            Page::Health => return error(&not_ready(), "", keep_alive, out),
            Page::Unknown => {
                let path: String = request.path.chars().take(MAX_ECHOED_CHARS).collect();
                return error(
                    &ApiError::new(404, format!("there is no {path}")),
                    "",
                    keep_alive,
                    out,
                );
            }
            Page::WrongMethod { allowed } => {
                let refusal = ApiError::new(405, format!("only {allowed} is allowed here"));
                return error(&refusal, &format!("allow: {allowed}\r\n"), keep_alive, out);
            }
        };
        response(out, 200, &body, "", keep_alive);
    }

    fn pull(&mut self, request: &Request<'_>, out: &mut Vec<u8>) {
        let keep_alive = request.keep_alive;
        let pulled = read_pull(request.body).and_then(|pull| self.catalog.add(&pull.model).map(|()| pull));
        let pull = match pulled {
            Ok(pull) => pull,
            Err(refusal) => {
                let body = refusal.body(Dialect::Ollama);
                return response(out, refusal.status, &body, "", keep_alive);
            }
        };
        tracing::info!(model = %pull.model, "pulled a model");
        if !pull.stream {
            return response(
                out,
                200,
                &json_body(&json!({ "status": "success" })),
                "",
                keep_alive,
            );
        }
        stream_head(out, "application/x-ndjson", "", keep_alive);
        for line in pull_lines(&digest(&pull.model)) {
            chunk(out, &line);
        }
        end_chunks(out);
    }

    fn metrics_text(&self) -> String {
        let gauges = Gauges {
            running: self.scheduler.running(),
            waiting: self.scheduler.waiting(),
            kv_cache_usage: (self.kv_tokens as f64 / self.config.kv_cache_tokens as f64).min(1.0),
        };
        self.metrics.render(&self.config.model, gauges)
    }

    fn truth_body(&self, query: &str) -> Body {
        let with_sends = query.split('&').any(|pair| pair == "sends=1");
        let (running, waiting) = (self.scheduler.running(), self.scheduler.waiting());
        let bytes = self
            .truth
            .to_json(self.scheduler.peaks(), running, waiting, with_sends);
        Body {
            media_type: "application/json",
            bytes,
        }
    }
}

/// Cuts the response that begins at `start` down to its head.
fn cut_body(out: &mut Vec<u8>, start: usize) {
    let head = out.get(start..).unwrap_or_default();
    if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
        out.truncate(start + end + 4);
    }
}

/// What a service says that is still starting.
pub(super) fn not_ready() -> ApiError {
    ApiError::new(503, "the service is still starting")
}

fn error(refusal: &ApiError, extra: &str, keep_alive: bool, out: &mut Vec<u8>) {
    response(
        out,
        refusal.status,
        &refusal.body(Dialect::OpenAi),
        extra,
        keep_alive,
    );
}

fn json_body(value: &Value) -> Body {
    Body {
        media_type: "application/json",
        bytes: value.to_string().into_bytes(),
    }
}

fn text_body(media_type: &'static str, text: String) -> Body {
    Body {
        media_type,
        bytes: text.into_bytes(),
    }
}
