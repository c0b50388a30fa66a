use proptest::prelude::*;

use super::*;

fn layout(timestamps: Timestamps) -> TraceLayout {
    TraceLayout {
        timestamps,
        block_tokens: NonZeroU32::new(512).unwrap(),
    }
}

fn parse(text: &str) -> Result<Trace, TraceError> {
    Trace::parse(text.as_bytes(), layout(Timestamps::Auto))
}

fn times(text: &str, timestamps: Timestamps) -> Vec<u64> {
    let trace = Trace::parse(text.as_bytes(), layout(timestamps)).unwrap();
    trace.requests().iter().map(|request| request.at).collect()
}

#[test]
fn mooncake_lines_are_read() {
    let text = "{\"timestamp\": 27482, \"input_length\": 1025, \"output_length\": 52, \"hash_ids\": [46, 47, 9]}\r\n\n\
                {\"timestamp\": 30535, \"input_length\": 6, \"output_length\": 0, \"hash_ids\": [46], \"type\": \"x\"}\n";
    let trace = parse(text).unwrap();
    let [first, second] = trace.requests() else {
        panic!("{trace:?}")
    };
    assert_eq!(
        (first.at, first.input_tokens, first.output_tokens, &*first.blocks),
        (0, Some(1025), Some(52), [46, 47, 9].as_slice())
    );
    assert_eq!((second.at, second.output_tokens), (3_053_000_000, Some(0)));
    assert!((trace.seconds(2.0) - 1.5265).abs() < 1e-9);
    assert_eq!(trace.arrivals_between(0.0..1.5265, 2.0), 1);
}

#[test]
fn time_stamps_say_what_they_count() {
    let fractions = "{\"timestamp\": 1.0}\n{\"timestamp\": 1.5}";
    let whole = "{\"timestamp\": 5}\n{\"timestamp\": 7}";
    assert_eq!(times(fractions, Timestamps::Auto), [0, 500_000_000]);
    assert_eq!(times(whole, Timestamps::Auto), [0, 2_000_000]);
    assert_eq!(times(fractions, Timestamps::Milliseconds), [0, 500_000]);
    assert_eq!(times(whole, Timestamps::Seconds), [0, 2_000_000_000]);
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    for (text, line, part) in [
        (
            "{\"timestamp\": 5}\n{\"timestamp\": 7.5}",
            2,
            "say which with `timestamps`",
        ),
        ("{\"timestamp\": 5}\n\n{\"timestamp\": 4}", 3, "before"),
        (
            "{\"timestamp\": 5}\n{\"timestamp\": 9}\n{\"timestamp\": 8}",
            3,
            "before",
        ),
        ("{\"timestamp\": \"x\"}", 1, "at column"),
        ("{\"time\": 1}", 1, "missing field `timestamp`"),
        ("nonsense", 1, "expected ident"),
        ("{\"timestamp\": 1, \"input_length\": -1}", 1, "invalid value"),
        ("{\"timestamp\": 1, \"input_length\": 0}", 1, "at least one token"),
        ("{\"timestamp\": 1, \"input_length\": 4000001}", 1, "above"),
        ("{\"timestamp\": 1, \"hash_ids\": [1]}", 1, "no `input_length`"),
        (
            "{\"timestamp\": 1, \"input_length\": 513, \"hash_ids\": [1]}",
            1,
            "2 blocks",
        ),
        ("{\"timestamp\": 0}\n{\"timestamp\": 99999999999999}", 2, "a year"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(
            matches!(&error, TraceError::Line { line: found, problem } if *found == line && problem.contains(part)),
            "{text}: {error}"
        );
    }
    assert_eq!(parse(" \n\n"), Err(TraceError::Empty));
    let long = format!(
        "{{\"timestamp\": 1, \"x\": \"{}\"}}",
        "y".repeat(MAX_TRACE_LINE_BYTES)
    );
    assert!(matches!(parse(&long), Err(TraceError::Line { line: 1, .. })));
}

proptest! {
    #[test]
    fn any_bytes_are_a_trace_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Trace::parse(&bytes, layout(Timestamps::Auto));
    }

    #[test]
    fn arrivals_never_go_back(stamps in proptest::collection::vec(0_u64..1_000_000, 1..50)) {
        let text: Vec<String> = stamps.iter().map(|at| format!("{{\"timestamp\": {at}}}")).collect();
        if let Ok(trace) = parse(&text.join("\n")) {
            prop_assert!(trace.requests().is_sorted_by_key(|request| request.at));
            prop_assert_eq!(trace.requests().len(), stamps.len());
            prop_assert!(stamps.is_sorted());
        }
    }
}
