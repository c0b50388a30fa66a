//! The course of one response: a state machine that is told the time and writes the next bytes.
//!
//! ```text
//! streamed:  Opening ──> Tokens ──> … ──> Closing ──> done
//! whole:     Whole ──> done
//! ```
//!
//! The schedule is absolute: token k has its place at first + Σ steps, whatever became of the tokens before it. So the
//! lateness of one write is not carried over to the next.

use hpcbench_timing::{Monotonic, Realtime};

use crate::api::{ApiError, Delivery, GenerationRequest};
use crate::fault::{Ending, Faults};
use crate::http::{Body, chunk, end_chunks, response, stream_head};
use crate::render::{Durations, FinishReason, Renderer, Totals};
use crate::timing_model::TimingModel;

/// From the last token to the events that end the stream. Real servers write these separately too.
const CLOSING_DELAY_NANOS: i64 = 100_000;

/// What happens now, as far as it matters to a response.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment<'a> {
    pub(crate) now: Monotonic,
    pub(crate) wall: Realtime,
    /// Requests in the batch.
    pub(crate) running: usize,
    pub(crate) model: &'a TimingModel,
}

/// How a response has to go on after the bytes that were just written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is more at this time.
    Next { due: Monotonic },
    /// The response is complete.
    Finished,
    /// The response is complete, but it carries an error.
    Failed,
    /// Nothing more will come, but the connection stays.
    Stalled,
    /// The connection has to be closed.
    Cut,
}

/// What a request will get, decided before it is admitted.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) ordinal: u64,
    pub(crate) request: GenerationRequest,
    pub(crate) faults: Faults,
    pub(crate) tokens: u32,
    pub(crate) finish: FinishReason,
    /// Header lines that are added to the response.
    pub(crate) extra_headers: String,
    pub(crate) keep_alive: bool,
}

/// One response in the making.
#[derive(Debug)]
pub(crate) struct Generation {
    plan: Plan,
    renderer: Renderer,
    arrival: Monotonic,
    admitted: Monotonic,
    load_nanos: i64,
    first_place: Monotonic,
    /// Place of the next token in the undisturbed schedule.
    place: Monotonic,
    last_token: Monotonic,
    sent: u32,
    malformed_sent: bool,
    status: u16,
    stage: Stage,
    payload: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Opening,
    Tokens,
    Closing,
    Whole,
}

impl Generation {
    pub(crate) fn new(mut plan: Plan, renderer: Renderer, arrival: Monotonic) -> Self {
        if matches!(plan.faults.ending, Ending::RoleOnly | Ending::Empty) {
            plan.tokens = 0;
        }
        let stage = match plan.request.delivery {
            Delivery::Whole => Stage::Whole,
            Delivery::Stream { .. } => Stage::Opening,
        };
        Self {
            plan,
            renderer,
            arrival,
            admitted: arrival,
            load_nanos: 0,
            first_place: arrival,
            place: arrival,
            last_token: arrival,
            sent: 0,
            malformed_sent: false,
            status: 200,
            stage,
            payload: Vec::new(),
        }
    }

    /// The request enters the batch at `at`; the model is loaded `load_nanos` later. Returns when to
    /// [`advance`](Self::advance) for the first time.
    pub(crate) fn admit(
        &mut self,
        at: Monotonic,
        load_nanos: i64,
        running: usize,
        model: &TimingModel,
    ) -> Monotonic {
        let delay = model.first_delay(self.plan.ordinal, self.plan.request.prompt_tokens, running, at);
        self.admitted = at;
        self.load_nanos = load_nanos;
        self.first_place = at.plus_nanos(load_nanos).plus_nanos(delay);
        self.place = self.first_place;
        if self.stage == Stage::Opening {
            return at;
        }
        let later = i64::from(self.plan.tokens.saturating_sub(1)).saturating_mul(model.step(running, at));
        self.place.plus_nanos(later)
    }

    /// Appends to `out` what is due.
    pub(crate) fn advance(&mut self, moment: &Moment<'_>, out: &mut Vec<u8>) -> Progress {
        match self.stage {
            Stage::Opening => self.open(out),
            Stage::Tokens => self.next_tokens(moment, out),
            Stage::Closing => self.close(moment, out),
            Stage::Whole => self.write_whole(moment, out),
        }
    }

    /// Tokens that were written so far.
    pub(crate) const fn tokens_sent(&self) -> u32 {
        self.sent
    }

    /// The HTTP status that was sent; 200 as long as nothing was.
    pub(crate) const fn status(&self) -> u16 {
        self.status
    }

    pub(crate) const fn plan(&self) -> &Plan {
        &self.plan
    }

    fn open(&mut self, out: &mut Vec<u8>) -> Progress {
        let plan = &self.plan;
        stream_head(
            out,
            self.renderer.media_type(),
            &plan.extra_headers,
            plan.keep_alive,
        );
        if plan.faults.ending != Ending::Empty {
            self.write_chunk(out, Renderer::opening);
        }
        self.stage = if self.plan.tokens == 0 {
            Stage::Closing
        } else {
            Stage::Tokens
        };
        Progress::Next {
            due: self.first_place,
        }
    }

    fn next_tokens(&mut self, moment: &Moment<'_>, out: &mut Vec<u8>) -> Progress {
        if let Some(progress) = self.deviate(out) {
            return progress;
        }
        let count = self
            .plan
            .faults
            .tokens_per_chunk
            .min(self.plan.tokens - self.sent);
        let first = self.sent;
        self.write_chunk(out, |renderer, payload| {
            renderer.tokens(payload, first, count, moment.wall);
        });
        self.sent += count;
        self.last_token = moment.now;
        if self.sent == self.plan.tokens {
            self.stage = Stage::Closing;
            return Progress::Next {
                due: moment.now.plus_nanos(CLOSING_DELAY_NANOS),
            };
        }
        let step = moment.model.step(moment.running, moment.now);
        let step = step.saturating_mul(i64::from(count));
        self.place = self.place.plus_nanos(step);
        Progress::Next {
            due: self
                .place
                .plus_nanos(moment.model.displacement(self.plan.ordinal, self.sent)),
        }
    }

    /// The fault that this request suffers now, if it does.
    fn deviate(&mut self, out: &mut Vec<u8>) -> Option<Progress> {
        match self.plan.faults.ending {
            Ending::StallAfter(tokens) if self.sent >= tokens => Some(Progress::Stalled),
            Ending::CutAfter(tokens) if self.sent >= tokens => Some(Progress::Cut),
            Ending::ErrorEventAfter(tokens) if self.sent >= tokens => {
                self.write_chunk(out, |renderer, payload| {
                    renderer.error_event(payload, &simulated_error());
                });
                chunk(out, self.renderer.bare_end());
                end_chunks(out);
                Some(Progress::Failed)
            }
            Ending::MalformedAfter(tokens) if self.sent >= tokens && !self.malformed_sent => {
                self.malformed_sent = true;
                self.write_chunk(out, Renderer::malformed);
                None
            }
            _ => None,
        }
    }

    fn close(&mut self, moment: &Moment<'_>, out: &mut Vec<u8>) -> Progress {
        if let Some(progress) = self.deviate(out) {
            return progress;
        }
        if self.plan.faults.ending == Ending::Empty {
            chunk(out, self.renderer.bare_end());
        } else {
            for payload in self.renderer.closing(&self.totals(moment)) {
                chunk(out, &payload);
            }
        }
        end_chunks(out);
        Progress::Finished
    }

    fn write_whole(&mut self, moment: &Moment<'_>, out: &mut Vec<u8>) -> Progress {
        let ending = self.plan.faults.ending;
        if matches!(ending, Ending::StallAfter(_)) {
            return Progress::Stalled;
        }
        self.sent = self.plan.tokens;
        self.last_token = moment.now;
        let value = match ending {
            Ending::ErrorEventAfter(_) => {
                let error = simulated_error();
                (self.sent, self.status) = (0, error.status);
                error.value(self.plan.request.endpoint.dialect())
            }
            Ending::Empty => serde_json::json!({}),
            _ => self.renderer.whole(&self.totals(moment)),
        };
        let mut bytes = value.to_string().into_bytes();
        if matches!(ending, Ending::MalformedAfter(_)) {
            bytes.truncate(bytes.len() / 2);
        }
        let body = Body {
            media_type: "application/json",
            bytes,
        };
        let start = out.len();
        response(
            out,
            self.status,
            &body,
            &self.plan.extra_headers,
            self.plan.keep_alive,
        );
        if matches!(ending, Ending::CutAfter(_)) {
            out.truncate(start + (out.len() - start).saturating_sub(body.bytes.len() / 2));
            return Progress::Cut;
        }
        if self.status == 200 {
            Progress::Finished
        } else {
            Progress::Failed
        }
    }

    fn totals(&self, moment: &Moment<'_>) -> Totals {
        let asked = match self.plan.request.delivery {
            Delivery::Stream { usage } => usage,
            Delivery::Whole => true,
        };
        let span = |from: Monotonic, to: Monotonic| u64::try_from(to.nanos_since(from)).unwrap_or(0);
        let load = self.load_nanos;
        Totals {
            prompt_tokens: self.plan.request.prompt_tokens,
            tokens: self.sent,
            finish: self.plan.finish,
            usage: asked && !self.plan.faults.omit_usage,
            durations: Durations {
                total: span(self.arrival, moment.now),
                load: u64::try_from(load).unwrap_or(0),
                prompt_eval: span(self.admitted.plus_nanos(load), self.first_place),
                eval: span(self.first_place, self.last_token),
            },
            wall: moment.wall,
        }
    }

    fn write_chunk(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&Renderer, &mut Vec<u8>)) {
        self.payload.clear();
        write(&self.renderer, &mut self.payload);
        chunk(out, &self.payload);
    }
}

/// The error that stands inside a stream or in place of a whole result.
fn simulated_error() -> ApiError {
    ApiError::new(500, "simulated fault: the engine failed while generating")
}

#[cfg(test)]
mod tests;
