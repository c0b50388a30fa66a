use hpcbench_core::event::Draft;
use hpcbench_core::{Epoch, Seq, Timestamp};
use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{MAX_LINE_BYTES, MAX_WRITTEN_BYTES, Place, SUM_KEY, TAIL_BYTES, decode, encode};
use crate::scan::Line;
use crate::{CheckedLine, Entry, JournalError, LineFault, LineHash, Position};

const PLACE: Place = Place {
    seq: Seq(7),
    prev: LineHash::EMPTY,
    durable: Seq(5),
};

fn draft(data: &str) -> Draft {
    Draft {
        at: Timestamp::from_micros(1_764_016_496_000_001),
        kind: "thing.happened".to_owned(),
        version: 3,
        actor: "supervisor".to_owned(),
        node: "node-1".parse().unwrap(),
        correlation: "trial/1".to_owned(),
        causation: Some(Seq(6)),
        data: RawValue::from_string(data.to_owned()).unwrap(),
    }
}

fn line(data: &str) -> Vec<u8> {
    encode(draft(data), PLACE).unwrap().1
}

/// The line with another body, and the sum that belongs to it.
fn resummed(line: &[u8], edit: impl FnOnce(String) -> String) -> Vec<u8> {
    let body = String::from_utf8(line[..line.len() - TAIL_BYTES].to_vec()).unwrap();
    let mut edited = edit(body).into_bytes();
    let (sum, _) = super::digest(&edited);
    edited.extend_from_slice(&super::tail_of(sum));
    edited
}

#[test]
fn a_line_is_the_documented_text() {
    let text = String::from_utf8(line(r#"{"b":1,"a":2}"#)).unwrap();
    let (body, tail) = text.split_once(r#","sum":"#).unwrap();
    assert_eq!(
        body,
        concat!(
            r#"{"seq":7,"prev":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","#,
            r#""at":"2025-11-24T20:34:56.000001Z","type":"thing.happened","v":3,"actor":"supervisor","#,
            r#""node":"node-1","correlation":"trial/1","causation":6,"durable":5,"data":{"b":1,"a":2}"#
        )
    );
    assert_eq!(
        tail,
        format!("\"{}\"}}", &LineHash::of(body.as_bytes()).to_string()[..16])
    );
}

#[test]
fn line_breaks_and_sums_within_data_leave_the_line_whole() {
    let text = String::from_utf8(line("{\"a\":\r\n1,\"sum\":{\"x\":[1,\n2],\"sum\":3}}")).unwrap();
    assert!(!text.contains(['\n', '\r']));
    assert_eq!(text.matches(r#","sum":"#).count(), 1);
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["data"], json!({"a": 1, "sum": {"x": [1, 2], "sum": 3}}));
}

#[test]
fn data_has_to_be_an_object_that_fits() {
    assert!(matches!(
        encode(draft("[]"), PLACE),
        Err(JournalError::DataIsNoObject { .. })
    ));
    let frame = line(r#"{"t":""}"#).len();
    let fits = format!(r#"{{"t":"{}"}}"#, "x".repeat(MAX_WRITTEN_BYTES - frame));
    assert!(decode(&line(&fits)).is_ok());
    let over = format!(r#"{{"t":"{}"}}"#, "x".repeat(MAX_WRITTEN_BYTES - frame + 1));
    assert!(matches!(
        encode(draft(&over), PLACE),
        Err(JournalError::LineTooLong { .. })
    ));
}

#[test]
fn faults_are_told_apart() {
    let line = line(r#"{"a":1}"#);
    assert!(matches!(decode(b""), Err(LineFault::NoSum)));
    assert!(matches!(decode(&line[..line.len() - 1]), Err(LineFault::NoSum)));
    let mut flipped = line.clone();
    flipped[10] ^= 1;
    assert!(matches!(decode(&flipped), Err(LineFault::WrongSum { .. })));
    let mut upper = line.clone();
    let digits = line.len() - 18..line.len() - 2;
    upper[digits].make_ascii_uppercase();
    assert_eq!(decode(&upper).is_err(), upper != line);
    assert!(matches!(
        decode(&vec![b'x'; MAX_LINE_BYTES + 1]),
        Err(LineFault::TooLong { .. })
    ));
}

#[test]
fn fields_have_their_order_and_nothing_else_stands_among_them() {
    let good = line(r#"{"a":1}"#);
    assert!(decode(&resummed(&good, |body| body)).is_ok());
    let edits: [fn(String) -> String; 7] = [
        |body| body.replace(r#""v":3,"actor":"supervisor""#, r#""actor":"supervisor","v":3"#),
        |body| body.replace(r#","causation":6"#, ""),
        |body| body.replace(r#","data""#, r#","extra":1,"data""#),
        |body| body.replace(r#"{"a":1}"#, "[1]"),
        |body| body.replace("2025-11-24T", "yesterday"),
        |body| body.replace("node-1", "node.1"),
        |body| body + r#","more":1"#,
    ];
    for edit in edits {
        assert!(matches!(
            decode(&resummed(&good, edit)),
            Err(LineFault::NotAnEvent(_))
        ));
    }
}

prop_compose! {
    fn any_draft()(
        micros in -60_000_000_000_000_000_i64..250_000_000_000_000_000,
        kind in ".*", actor in ".*", correlation in ".*",
        version in any::<u16>(), causation in proptest::option::of(any::<u64>()),
        key in ".*", text in ".*", number in any::<f64>(),
    ) -> Draft {
        let data = Value::Object([(key, json!([text, number, {"sum": 1}]))].into_iter().collect());
        let at = Timestamp::from_micros(micros);
        let causation = causation.map(Seq);
        Draft { at, kind, version, actor, correlation, causation, ..draft(&data.to_string()) }
    }
}

proptest! {
    #[test]
    fn every_event_is_read_back_as_written(draft in any_draft(), seq: u64, durable: u64, prev: [u8; 32]) {
        let place = Place { seq: Seq(seq), prev: LineHash::from_bytes(prev), durable: Seq(durable) };
        let (written, line, hash) = encode(draft, place).unwrap();
        prop_assert!(!line.contains(&b'\n'));
        prop_assert_eq!(hash, LineHash::of(&line));
        prop_assert_eq!(memchr::memmem::find_iter(&line, SUM_KEY).count(), 1);
        let decoded = decode(&line).unwrap();
        prop_assert_eq!((decoded.prev, decoded.durable, decoded.hash), (place.prev, place.durable, hash));
        let position = Position { epoch: Epoch(1), line: 1, offset: 0 };
        let read = Entry::from(CheckedLine::from(Line::new(decoded, &line, position))).event;
        prop_assert_eq!(serde_json::to_string(&read).unwrap(), serde_json::to_string(&written).unwrap());
    }

    #[test]
    fn no_bytes_are_read_as_an_event_by_chance(bytes: Vec<u8>, at: prop::sample::Index, byte: u8) {
        prop_assert!(decode(&bytes).is_err());
        let good = line(r#"{"a":1}"#);
        let mut changed = good.clone();
        changed[at.index(good.len())] = byte;
        prop_assert_eq!(decode(&changed).is_ok(), changed == good);
    }
}
