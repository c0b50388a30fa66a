use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::event::CancelRequested;

fn map(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}

#[test]
fn every_former_version_has_one_step_and_nothing_else_has() {
    let mut wanted: Vec<(&str, u16)> = Body::KINDS
        .iter()
        .flat_map(|(kind, current)| (1..*current).map(move |version| (*kind, version)))
        .collect();
    let mut there: Vec<(&str, u16)> = STEPS.iter().map(|step| (step.kind, step.from)).collect();
    wanted.sort_unstable();
    there.sort_unstable();
    assert_eq!(there, wanted);
}

#[test]
fn a_cancel_of_version_1_does_not_say_who_asked() {
    let body = read(
        "cancel.requested",
        1,
        r#"{"source":"signal","reason":"SIGINT","at_once":true}"#,
    );
    let asked = CancelRequested {
        source: "signal".to_owned(),
        user: None,
        host: None,
        reason: "SIGINT".to_owned(),
        at_once: true,
        command_line: Vec::new(),
    };
    assert_eq!(body, Ok(Body::CancelRequested(asked)));
}

#[test]
fn steps_are_taken_in_order_from_where_the_data_are() {
    fn renamed(mut data: Map<String, Value>) -> Map<String, Value> {
        if let Some(size) = data.remove("size") {
            data.insert("mass".to_owned(), size);
        }
        data
    }
    fn in_grams(mut data: Map<String, Value>) -> Map<String, Value> {
        let grams = data.get("mass").and_then(Value::as_u64).map(|mass| mass * 1000);
        data.insert("mass".to_owned(), json!(grams));
        data
    }
    let step = |kind, from, apply| Step { kind, from, apply };
    let steps = [
        step("comet.sighted", 2, in_grams),
        step("comet.lost", 1, in_grams),
        step("comet.sighted", 1, renamed),
    ];
    let raised = |from: u16, data: &str| {
        let steps = chain::between(&steps, "comet.sighted", from, 3).unwrap();
        raise(&steps, data).unwrap()
    };
    assert_eq!(raised(1, r#"{"size":3}"#), r#"{"mass":3000}"#);
    assert_eq!(raised(2, r#"{"mass":3}"#), r#"{"mass":3000}"#);
    assert_eq!(raised(3, r#"{"mass":3}"#), r#"{"mass":3}"#);
    let problem = |from, to| chain::between(&steps, "comet.sighted", from, to).err().unwrap();
    assert!(problem(4, 3).contains("newer"), "{}", problem(4, 3));
    assert!(problem(0, 3).contains("version 0"), "{}", problem(0, 3));
    assert!(problem(1, 4).contains("version 1"), "{}", problem(1, 4));
}

#[test]
fn what_is_not_known_or_does_not_fit_says_why() {
    let cases = [
        ("comet.sighted", 1, "{}", ""),
        ("cancel.requested", 3, "{}", "newer"),
        ("cancel.requested", 0, "{}", "version 0"),
        ("cancel.requested", 1, "[]", "invalid type"),
        ("cancel.requested", 1, r#"{"source":7}"#, "invalid type"),
        ("cancel.requested", 2, r#"{"source":"bus"}"#, "missing field"),
    ];
    for (kind, version, data, problem) in cases {
        let why = read(kind, version, data).unwrap_err();
        assert!(
            why.contains(problem) && why.is_empty() == problem.is_empty(),
            "{why}"
        );
    }
}

proptest! {
    #[test]
    fn steps_take_any_object(data in proptest::collection::btree_map("[a-z_]{1,8}", any::<i64>(), 0..6)) {
        let data = map(json!(data));
        for step in STEPS {
            let raised = (step.apply)(data.clone());
            prop_assert!(data.keys().all(|key| raised.contains_key(key)));
        }
    }
}
