//! Everything that is answered at once.

use serde_json::{Value, json};

use super::{Arrived, Engine, Now, Reply};
use crate::api::{ApiError, Endpoint, Route, read_pull, route};
use crate::catalog::digest;
use crate::http::{Body, Method, Request, chunk, end_chunks, response, stream_head};
use crate::metrics::Gauges;
use crate::render::pull_lines;

/// The version that the Ollama side claims to be.
const OLLAMA_VERSION: &str = "0.12.6";

impl<K: PartialEq + Copy> Engine<K> {
    /// Answers `request`, or takes it in. Writes what is to be sent now into `out`.
    pub(crate) fn respond(
        &mut self,
        request: &Request<'_>,
        arrived: Arrived,
        now: Now,
        key: K,
        out: &mut Vec<u8>,
    ) -> Reply {
        let keep_alive = request.keep_alive;
        let body = match route(request.method, request.path) {
            Route::Generation(endpoint) => return self.take_in(endpoint, request, arrived, now, key, out),
            Route::Pull => return self.pull(request, out),
            Route::Tags => json_body(&self.catalog.tags()),
            Route::Ps => json_body(&self.catalog.loaded(now.mono, now.wall)),
            Route::Version => json_body(&json!({ "version": OLLAMA_VERSION })),
            Route::Models => json_body(&self.catalog.openai_list()),
            Route::Root => text_body("text/plain; charset=utf-8", "Ollama is running".to_owned()),
            Route::Metrics => text_body("text/plain; version=0.0.4; charset=utf-8", self.metrics_text()),
            Route::Truth => self.truth_body(request.query),
            Route::ResetTruth => {
                self.truth.reset();
                self.scheduler.reset_peaks();
                json_body(&json!({ "status": "reset" }))
            }
            Route::Health if self.ready(now.mono) => json_body(&json!({ "status": "ok" })),
            Route::Health => return error(&not_ready(), "", keep_alive, out),
            Route::Unknown => {
                let path: String = request.path.chars().take(200).collect();
                return error(
                    &ApiError::new(404, format!("there is no {path}")),
                    "",
                    keep_alive,
                    out,
                );
            }
            Route::WrongMethod { allowed } => {
                let refusal = ApiError::new(405, format!("only {allowed} is allowed here"));
                return error(&refusal, &format!("allow: {allowed}\r\n"), keep_alive, out);
            }
        };
        let body = if request.method == Method::Head {
            Body {
                bytes: Vec::new(),
                ..body
            }
        } else {
            body
        };
        response(out, 200, &body, "", keep_alive);
        Reply::Written { keep_alive }
    }

    fn pull(&mut self, request: &Request<'_>, out: &mut Vec<u8>) -> Reply {
        let keep_alive = request.keep_alive;
        let pulled = read_pull(request.body).and_then(|pull| self.catalog.add(&pull.model).map(|()| pull));
        let pull = match pulled {
            Ok(pull) => pull,
            Err(refusal) => {
                response(
                    out,
                    refusal.status,
                    &refusal.body(Endpoint::OllamaChat.dialect()),
                    "",
                    keep_alive,
                );
                return Reply::Written { keep_alive };
            }
        };
        tracing::info!(model = %pull.model, "pulled a model");
        if pull.stream {
            stream_head(out, "application/x-ndjson", "", keep_alive);
            for line in pull_lines(&digest(&pull.model)) {
                chunk(out, &line);
            }
            end_chunks(out);
        } else {
            response(
                out,
                200,
                &json_body(&json!({ "status": "success" })),
                "",
                keep_alive,
            );
        }
        Reply::Written { keep_alive }
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

/// What a service says that is still starting.
pub(super) fn not_ready() -> ApiError {
    ApiError::new(503, "the service is still starting")
}

fn error(refusal: &ApiError, extra: &str, keep_alive: bool, out: &mut Vec<u8>) -> Reply {
    response(
        out,
        refusal.status,
        &refusal.body(Endpoint::Chat.dialect()),
        extra,
        keep_alive,
    );
    Reply::Written { keep_alive }
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
