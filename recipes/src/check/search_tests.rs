//! Recipes with a search.

use serde_json::json;

use crate::plan::SearchPoint;
use crate::testing::check;
use crate::{Checked, Code, Plan};

fn recipe(load: &str, window: &str, search: &str) -> String {
    format!(
        "\
schema: hpcbench/v1
name: searched
service: {{kind: simulator}}
workload:
  load: {load}
  {window}
  prompts: {{source: synthetic, input_tokens: 64, output_tokens: 16}}
  slo: {{ttft_p90: 100ms}}
sweep: {{search: {search}}}
"
    )
}

const OPEN: &str = "{parameter: workload.load.rate, from: 10, to: 512.5}";
const CLOSED: &str = "{parameter: workload.load.concurrency, from: 1, to: 512, max_trials: 16}";

#[track_caller]
fn plan(checked: Checked) -> Plan {
    checked
        .plan
        .unwrap_or_else(|| panic!("{:#?}", checked.diagnostics))
}

#[track_caller]
fn assert_found(source: &str, expected: &[(Code, &str)]) {
    let checked = check(source);
    let found: Vec<_> = checked
        .diagnostics
        .iter()
        .map(|d| (d.code, d.pointer.as_str()))
        .collect();
    assert_eq!(found, expected, "{:#?}", checked.diagnostics);
}

#[test]
fn a_search_is_in_the_plan_and_no_trials_are() {
    let plan = plan(check(&recipe("{shape: poisson}", "requests: 1000", OPEN)));
    assert!(plan.trials.is_empty() && plan.is_intact());
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(Plan::read(text.as_bytes()).unwrap(), plan);
    let search = plan.search.unwrap();
    assert_eq!(
        (search.from, search.to, search.max_trials.get()),
        (10.0, 512.5, 24)
    );
    assert!((search.alpha() - 0.05 / 24.0).abs() < 1e-12);
}

#[test]
fn a_searched_trial_is_the_one_that_a_matrix_would_have() {
    let searched = plan(check(&recipe("{shape: poisson}", "requests: 1000", OPEN)));
    let matrix = recipe("{shape: poisson}", "requests: 1000", OPEN).replace(
        &format!("search: {OPEN}"),
        "repetitions: 2, matrix: {workload.load.rate: [20, 22.5]}",
    );
    let swept = plan(check(&matrix));
    let search = searched.search.as_ref().unwrap();
    for (expected, (level, repetition)) in
        swept
            .trials
            .iter()
            .zip([(20.0, 1), (22.5, 1), (20.0, 2), (22.5, 2)])
    {
        let point = SearchPoint { level, repetition };
        assert_eq!(search.trial(point, searched.seed).unwrap(), *expected);
        assert_eq!(searched.trial(&expected.id, Some(point)).unwrap(), *expected);
        assert_eq!(searched.trial(&expected.id, None), None);
    }
    let other = SearchPoint {
        level: 21.0,
        repetition: 1,
    };
    assert_eq!(searched.trial(&swept.trials[0].id, Some(other)), None);
}

#[test]
fn levels_of_a_closed_load_are_clients() {
    let plan = plan(check(&recipe("{shape: closed}", "duration: 30s", CLOSED)));
    let search = plan.search.unwrap();
    let trial = |level| {
        let point = SearchPoint { level, repetition: 3 };
        search.trial(point, 0)
    };
    let seven = trial(7.0).unwrap();
    assert_eq!(seven.parameters["workload.load.concurrency"], json!(7));
    assert_eq!(
        (seven.workload.load.max_in_flight().get(), seven.repetition),
        (7, 3)
    );
    assert!(trial(0.5).is_none() && trial(1e12).is_none());
}

#[test]
fn a_search_needs_objectives() {
    let without =
        recipe("{shape: closed}", "duration: 30s", CLOSED).replace("  slo: {ttft_p90: 100ms}\n", "");
    assert_found(&without, &[(Code::Search, "/sweep/search")]);
}

#[test]
fn the_range_of_a_search_rises() {
    for (range, found) in [
        ("from: 8, to: 8", "/sweep/search/to"),
        ("from: 9, to: 8", "/sweep/search/to"),
        ("from: 1.5, to: 8", "/sweep/search/from"),
    ] {
        let search = format!("{{parameter: workload.load.concurrency, {range}}}");
        assert_found(
            &recipe("{shape: closed}", "duration: 30s", &search),
            &[(Code::Search, found)],
        );
    }
    let below = "{parameter: workload.load.rate, from: -1, to: 8}";
    assert_found(
        &recipe("{shape: poisson}", "requests: 1000", below),
        &[(Code::WrongValue, "/sweep/search/from")],
    );
}

#[test]
fn a_search_varies_nothing_else() {
    for (beside, found) in [
        ("matrix: {service.options.max_num_seqs: [1, 2]}", "/sweep/matrix"),
        ("matrix: {workload.load.concurrency: [1, 2]}", "/sweep/matrix"),
        ("repetitions: 3", "/sweep/repetitions"),
    ] {
        let source = recipe("{shape: closed}", "duration: 30s", &format!("{CLOSED}, {beside}"));
        assert_found(&source, &[(Code::Search, found)]);
    }
}

#[test]
fn the_searched_parameter_is_one_of_the_load() {
    let closed = recipe("{shape: closed, concurrency: 1}", "duration: 30s", OPEN);
    let checked = check(&closed);
    assert!(checked.plan.is_none());
    assert!(
        checked
            .diagnostics
            .iter()
            .all(|d| d.code == Code::UnknownKey && d.pointer.starts_with("/sweep/search")),
        "{:#?}",
        checked.diagnostics
    );
    let other = "{parameter: service.options.max_num_seqs, from: 1, to: 8}";
    assert_found(
        &recipe("{shape: closed, concurrency: 1}", "duration: 30s", other),
        &[(Code::WrongValue, "/sweep/search/parameter")],
    );
}

#[test]
fn what_is_wrong_at_an_end_of_the_range_is_shown_there() {
    let far = "{parameter: workload.load.rate, from: 100, to: 1e9}";
    assert_found(
        &recipe("{shape: poisson}", "requests: 1000", far),
        &[(Code::WrongValue, "/sweep/search/to")],
    );
}

#[test]
fn the_lowest_level_has_enough_requests_to_pass() {
    // 50 requests at 10 a second; to be sure of a p90 takes 59.
    let few = recipe("{shape: poisson}", "duration: 5s", OPEN);
    let found = check(&few);
    let problem = found
        .diagnostics
        .iter()
        .find(|d| d.code == Code::SearchSample)
        .unwrap();
    assert!(
        problem.message.contains("it takes 59") && problem.message.contains("rate=10"),
        "{problem:?}"
    );
    assert!(found.plan.is_none());
    let enough = check(&recipe("{shape: poisson}", "duration: 6s", OPEN));
    assert!(enough.plan.is_some(), "{:#?}", enough.diagnostics);
}
