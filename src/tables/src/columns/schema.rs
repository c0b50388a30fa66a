//! The record schema, column by column.

use arrow_array::types::{Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type};

use super::builder::{Column, boolean, number, per_event, server_durations, text};

/// All columns in the order of the file.
pub(super) fn columns() -> Vec<Column> {
    [identity(), times(), outcome(), tokens(), transfer(), events()]
        .into_iter()
        .flatten()
        .collect()
}

fn identity() -> Vec<Column> {
    vec![
        text("request_id", |r| Some(&r.request_id)).required(),
        number::<UInt64Type>("seq", |r| Some(r.seq)).required(),
        text("node", |r| Some(&r.node)).required(),
        number::<UInt16Type>("thread", |r| Some(r.thread)).required(),
        number::<UInt16Type>("endpoint", |r| Some(r.endpoint)).required(),
        number::<UInt64Type>("conversation", |r| r.conversation),
        number::<UInt16Type>("turn", |r| Some(r.turn)).required(),
        number::<UInt64Type>("prompt_id", |r| Some(r.prompt_id)).required(),
        text("phase", |r| Some(r.phase.as_str())).required(),
        boolean("cohort", |r| r.cohort),
        boolean("stream", |r| r.stream),
    ]
}

fn times() -> Vec<Column> {
    vec![
        number::<Int64Type>("t_intended", |r| Some(r.times.intended)).required(),
        number::<Int64Type>("t_dispatch", |r| r.times.dispatch),
        number::<Int64Type>("t_connect_start", |r| r.times.connect_start),
        number::<Int64Type>("t_connect_end", |r| r.times.connect_end),
        number::<Int64Type>("t_tls_end", |r| r.times.tls_end),
        number::<Int64Type>("t_send_start", |r| r.times.send_start),
        number::<Int64Type>("t_sent", |r| r.times.sent),
        number::<Int64Type>("t_send_done", |r| r.times.send_done),
        number::<Int64Type>("t_headers", |r| r.times.headers),
        number::<Int64Type>("t_first", |r| r.times.first),
        number::<Int64Type>("t_first_nonreasoning", |r| r.times.first_nonreasoning),
        number::<Int64Type>("t_last", |r| r.times.last),
        number::<Int64Type>("t_end", |r| r.times.end),
    ]
}

fn outcome() -> Vec<Column> {
    vec![
        number::<UInt64Type>("conn_id", |r| Some(r.conn_id)).required(),
        boolean("conn_reused", |r| r.conn_reused),
        number::<UInt8Type>("retries", |r| Some(r.retries)).required(),
        text("status", |r| Some(r.status.as_str())).required(),
        text("error_kind", |r| {
            r.error_kind.map(hpcbench_records::ErrorKind::as_str)
        }),
        text("error_text", |r| r.error_text.as_deref()),
        number::<UInt16Type>("http_status", |r| r.http_status),
        text("finish_reason", |r| r.finish_reason.as_deref()),
    ]
}

fn tokens() -> Vec<Column> {
    vec![
        number::<UInt32Type>("input_planned", |r| r.tokens.input_planned),
        number::<UInt32Type>("input_usage", |r| r.tokens.input_usage),
        number::<UInt32Type>("cached_input", |r| r.tokens.cached_input),
        number::<UInt32Type>("output_planned", |r| r.tokens.output_planned),
        number::<UInt32Type>("output_usage", |r| r.tokens.output_usage),
        number::<UInt32Type>("reasoning_usage", |r| r.tokens.reasoning_usage),
        number::<UInt32Type>("output_retokenized", |r| r.tokens.output_retokenized),
        number::<UInt32Type>("token_chunks", |r| r.tokens.chunks),
        text("tokens_source", |r| Some(r.tokens.source.as_str())).required(),
    ]
}

fn transfer() -> Vec<Column> {
    vec![
        number::<UInt64Type>("bytes_sent", |r| Some(r.bytes_sent)).required(),
        number::<UInt64Type>("bytes_received", |r| Some(r.bytes_received)).required(),
        server_durations("server_ns"),
        text("output_text", |r| r.output_text.as_deref()),
    ]
}

fn events() -> Vec<Column> {
    vec![
        per_event::<Int64Type>("ev_t", false, |events, to| to.append_slice(&events.t)),
        per_event::<UInt64Type>("ev_read_lag", false, |events, to| {
            to.append_slice(&events.read_lag);
        }),
        per_event::<UInt64Type>("ev_uncertainty", false, |events, to| {
            to.append_slice(&events.uncertainty);
        }),
        per_event::<UInt16Type>("ev_kind", false, |events, to| {
            events.kind.iter().for_each(|kind| to.append_value(kind.0));
        }),
        per_event::<UInt32Type>("ev_text_bytes", false, |events, to| {
            to.append_slice(&events.text_bytes);
        }),
        per_event::<UInt32Type>("ev_tokens", true, |events, to| {
            events.tokens.iter().for_each(|tokens| to.append_option(*tokens));
        }),
    ]
}
