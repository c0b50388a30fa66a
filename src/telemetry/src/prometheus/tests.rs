//! Texts of servers, and texts of nobody.

use proptest::prelude::*;

use super::*;

#[test]
fn values_labels_and_comments() {
    let text = b"# HELP vllm:num_requests_running Number of requests.\n\
        # TYPE vllm:num_requests_running gauge\n\
        vllm:num_requests_running{engine=\"0\",model_name=\"m\"} 3.0\n\
        \n  plain   7 1700000000000\r\n\
        inf{le=\"+Inf\",} +Inf\nnan NaN\n\
        spaced { a = \"b\" , c=\"d\" }\t1e-3\n\
        exemplar_bucket{le=\"1\"} 5 # {trace_id=\"x\"} 0.5\n\
        # EOF";
    let all = parse(text).unwrap();
    let names: Vec<_> = all.iter().map(|one| one.name).collect();
    assert_eq!(
        names,
        [
            "vllm:num_requests_running",
            "plain",
            "inf",
            "nan",
            "spaced",
            "exemplar_bucket"
        ]
    );
    assert_eq!(all[0].labels_text(), "engine=\"0\",model_name=\"m\"");
    assert_eq!(
        (all[0].value, all[1].value, all[2].value),
        (3.0, 7.0, f64::INFINITY)
    );
    assert!(all[3].value.is_nan());
    assert_eq!(
        (all[4].labels_text().as_str(), all[4].value),
        ("a=\"b\",c=\"d\"", 0.001)
    );
}

#[test]
fn escapes_are_undone_and_done() {
    let text = r#"a{b="x\\y\"z\n",c="\d"} 1"#;
    let all = parse(text.as_bytes()).unwrap();
    assert_eq!(all[0].labels[0].1, "x\\y\"z\n");
    assert_eq!(all[0].labels[1].1, "\\d");
    assert_eq!(all[0].labels_text(), r#"b="x\\y\"z\n",c="\\d""#);
}

#[test]
fn what_is_no_metric_is_refused_with_its_line() {
    let long = format!("a {}", "1".repeat(MAX_LINE_BYTES));
    let many: String = std::iter::once("a{".to_owned())
        .chain((0..=MAX_LABELS).map(|i| format!("l{i}=\"\",")))
        .chain(std::iter::once("} 1".to_owned()))
        .collect();
    let cases: &[(&[u8], LineProblem)] = &[
        (b"<html>", LineProblem::Name),
        (b"1a 2", LineProblem::Name),
        (b"a", LineProblem::Value),
        (b"a one", LineProblem::Value),
        (b"a{b} 1", LineProblem::Labels),
        (b"a{b=\"c} 1", LineProblem::Labels),
        (b"a{b=\"c\" d=\"e\"} 1", LineProblem::Labels),
        (b"a{b=\"c\"", LineProblem::Labels),
        (b"a 1 2 3", LineProblem::Time),
        (b"a 1 b", LineProblem::Time),
        (b"a \xff", LineProblem::NotUtf8),
        (long.as_bytes(), LineProblem::TooLong),
        (many.as_bytes(), LineProblem::TooManyLabels),
    ];
    for (line, problem) in cases {
        let text = [b"good 1\n", *line].concat();
        let expected = ParseError::Line {
            line: 2,
            problem: *problem,
        };
        assert_eq!(parse(&text), Err(expected), "{}", String::from_utf8_lossy(line));
    }
}

#[test]
fn too_much_is_refused() {
    let text = vec![b' '; MAX_TEXT_BYTES + 1];
    assert_eq!(parse(&text), Err(ParseError::TooLarge(MAX_TEXT_BYTES + 1)));
    let text = "a 1\n".repeat(MAX_SERIES + 1);
    assert_eq!(parse(text.as_bytes()), Err(ParseError::TooMany));
}

fn written(name: &str, labels: &[(String, String)], value: f64) -> String {
    let labels = labels
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().into()));
    let series = Series {
        name,
        labels: labels.collect(),
        value,
    };
    format!("{name}{{{}}} {value:?}", series.labels_text())
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,20}",
        labels in prop::collection::vec(("[a-zA-Z_][a-zA-Z0-9_]{0,9}", "\\PC{0,20}|[\\\\\"\n]{0,5}"), 0..5),
        value in any::<f64>().prop_filter("NaN is not itself", |value| !value.is_nan()),
    ) {
        let text = written(&name, &labels, value);
        let all = parse(text.as_bytes()).unwrap();
        prop_assert_eq!(all.len(), 1);
        prop_assert_eq!(all[0].name, name.as_str());
        prop_assert_eq!(all[0].value.to_bits(), value.to_bits());
        let read: Vec<_> = all[0].labels.iter().map(|(n, v)| ((*n).to_owned(), v.to_string())).collect();
        prop_assert_eq!(read, labels);
    }

    #[test]
    fn nothing_panics(text in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&text);
    }

    #[test]
    fn nothing_nearly_right_panics(text in "([a-z{}\"\\\\=, #0-9.\n]|\\PC){0,200}") {
        let _ = parse(text.as_bytes());
    }
}
