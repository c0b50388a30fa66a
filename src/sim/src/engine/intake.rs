//! Taking in a request for tokens: read it, decide its faults and its length, admit it or let it wait.

use hpcbench_timing::Monotonic;

use super::admin::not_ready;
use super::{Engine, Incoming, Job, Reply};
use crate::api::{ApiError, Endpoint, GenerationRequest, Wanted, read_ollama, read_openai};
use crate::draw::{Purpose, uniform};
use crate::fault::{Ending, Faults, pick};
use crate::generation::{Generation, Plan};
use crate::http::{Body, response};
use crate::metrics::Finished;
use crate::render::{FinishReason, Header, Renderer, load_line};
use crate::scheduler::Admission;
use crate::truth::{NewEntry, Outcome, TruthKey};

/// A request for tokens that has an entry in the truth.
struct Intake<'a, 'b> {
    endpoint: Endpoint,
    incoming: &'a Incoming<'b>,
    ordinal: u64,
    truth: TruthKey,
}

impl<K: PartialEq + Copy> Engine<K> {
    pub(super) fn take_in(
        &mut self,
        endpoint: Endpoint,
        incoming: &Incoming<'_>,
        key: K,
        out: &mut Vec<u8>,
    ) -> Reply {
        let Incoming {
            request,
            arrived,
            now,
        } = incoming;
        if self.ready(now.mono) {
            self.received += 1;
        }
        let ordinal = self.received;
        let read = self.read(endpoint, request.body, now.mono);
        let input_tokens = match &read {
            Ok(Wanted::Tokens(wanted)) => wanted.prompt_tokens,
            _ => 0,
        };
        let id = request.id.map_or_else(|| format!("sim-{ordinal}"), str::to_owned);
        let truth = self.truth.arrive(NewEntry {
            id,
            endpoint: endpoint.path(),
            arrival: arrived.wall,
            source: arrived.source,
            input_tokens,
        });
        let intake = Intake {
            endpoint,
            incoming,
            ordinal,
            truth,
        };
        match read {
            Ok(Wanted::Tokens(wanted)) => self.plan(&intake, wanted, key, out),
            Ok(Wanted::Load { model }) => {
                self.catalog.load(&model, now.mono);
                self.answer(&intake, &load_line(endpoint, &model, now.wall, "load"), out)
            }
            Ok(Wanted::Unload { model }) => {
                self.catalog.unload(&model);
                self.answer(&intake, &load_line(endpoint, &model, now.wall, "unload"), out)
            }
            Err(refusal) => self.refuse(&intake, &refusal, out),
        }
    }

    fn read(&self, endpoint: Endpoint, body: &[u8], now: Monotonic) -> Result<Wanted, ApiError> {
        if !self.ready(now) {
            return Err(not_ready());
        }
        let read = match endpoint {
            Endpoint::Chat | Endpoint::Completions => Wanted::Tokens(read_openai(endpoint, body)?),
            Endpoint::OllamaGenerate | Endpoint::OllamaChat => read_ollama(endpoint, body)?,
        };
        let model = match &read {
            Wanted::Tokens(wanted) => wanted.model.as_deref(),
            Wanted::Load { model } | Wanted::Unload { model } => Some(model.as_str()),
        };
        match model {
            Some(name) if !self.catalog.contains(name) => {
                Err(ApiError::new(404, format!("model '{name}' not found")))
            }
            _ => Ok(read),
        }
    }

    /// Decides what the request gets, before it is admitted.
    fn plan(
        &mut self,
        intake: &Intake<'_, '_>,
        wanted: GenerationRequest,
        key: K,
        out: &mut Vec<u8>,
    ) -> Reply {
        let faults = match self.faults(intake) {
            Ok(faults) => faults,
            Err(refusal) => return self.refuse(intake, &refusal, out),
        };
        match faults.ending {
            Ending::Status(status) => {
                return self.refuse(intake, &ApiError::new(status, "simulated fault"), out);
            }
            Ending::CloseBeforeHeaders => {
                self.truth.finish(intake.truth, Outcome::Cut, None);
                self.metrics.finished(Finished::Error, 0);
                return Reply::Close;
            }
            _ => {}
        }
        let (tokens, finish) = match faults.tokens {
            Some(tokens) => (tokens, FinishReason::Stop),
            None => self.length(intake.ordinal, &wanted),
        };
        let header = Header {
            endpoint: intake.endpoint,
            model: wanted.model.as_deref().unwrap_or(&self.config.model),
            ordinal: intake.ordinal,
            created: intake.incoming.now.wall,
            role_chunk: self.config.role_chunk,
        };
        let renderer = Renderer::new(&header);
        let plan = Plan {
            ordinal: intake.ordinal,
            request: wanted,
            faults,
            tokens,
            finish,
            extra_headers: intake.extra_headers(),
            keep_alive: intake.incoming.request.keep_alive,
        };
        let generation = Generation::new(plan, renderer, intake.incoming.arrived.mono);
        self.enqueue(
            intake,
            Box::new(Job::new(generation, intake.truth, intake.incoming.arrived.mono)),
            key,
            out,
        )
    }

    fn enqueue(&mut self, intake: &Intake<'_, '_>, mut job: Box<Job>, key: K, out: &mut Vec<u8>) -> Reply {
        match self.scheduler.arrive(key) {
            Admission::Run => {
                let due = self.admit(&mut job, intake.incoming.arrived.mono);
                Reply::Run { job, due }
            }
            Admission::Wait => Reply::Wait { job },
            Admission::Refuse => {
                let refusal = ApiError::new(
                    503,
                    "server busy, please try again: maximum pending requests exceeded",
                );
                self.refuse(intake, &refusal, out)
            }
        }
    }

    /// What the header says, else what is drawn for a share of the requests.
    fn faults(&self, intake: &Intake<'_, '_>) -> Result<Faults, ApiError> {
        if let Some(text) = intake.incoming.request.fault {
            return text
                .parse()
                .map_err(|error| ApiError::bad_request(format!("X-Sim-Fault: {error}")));
        }
        if self.config.faults.is_empty() {
            return Ok(Faults::NONE);
        }
        let draw = uniform(self.config.seed, intake.ordinal, Purpose::Fault, 0);
        Ok(pick(&self.config.faults, draw).unwrap_or(Faults::NONE))
    }

    /// How many tokens the request gets and why it ends there.
    fn length(&self, ordinal: u64, wanted: &GenerationRequest) -> (u32, FinishReason) {
        let limit = wanted.max_tokens.unwrap_or(self.config.default_output_tokens);
        let draw = |purpose| uniform(self.config.seed, ordinal, purpose, 0);
        if wanted.ignore_eos || limit < 2 || draw(Purpose::EarlyStop) >= self.config.early_stop {
            return (limit, FinishReason::Length);
        }
        let tokens = 1 + (draw(Purpose::EarlyLength) * f64::from(limit - 1)) as u32;
        (tokens, FinishReason::Stop)
    }

    fn refuse(&mut self, intake: &Intake<'_, '_>, refusal: &ApiError, out: &mut Vec<u8>) -> Reply {
        tracing::debug!(
            status = refusal.status,
            path = intake.endpoint.path(),
            "refused: {}",
            refusal.message
        );
        self.truth
            .finish(intake.truth, Outcome::Error, Some(refusal.status));
        self.metrics.finished(Finished::Error, 0);
        let body = refusal.body(intake.endpoint.dialect());
        let keep_alive = intake.incoming.request.keep_alive;
        response(out, refusal.status, &body, &intake.extra_headers(), keep_alive);
        Reply::Written { keep_alive }
    }

    fn answer(&mut self, intake: &Intake<'_, '_>, line: &[u8], out: &mut Vec<u8>) -> Reply {
        self.truth.finish(intake.truth, Outcome::Completed, Some(200));
        let body = Body {
            media_type: "application/json",
            bytes: line.to_vec(),
        };
        let keep_alive = intake.incoming.request.keep_alive;
        response(out, 200, &body, &intake.extra_headers(), keep_alive);
        Reply::Written { keep_alive }
    }
}

impl Intake<'_, '_> {
    /// The request's id comes back. It was checked to be visible ASCII.
    fn extra_headers(&self) -> String {
        self.incoming
            .request
            .id
            .map_or_else(String::new, |id| format!("x-request-id: {id}\r\n"))
    }
}
