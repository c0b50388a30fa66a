use hpcbench_core::Attempt;
use hpcbench_core::event::{Body, TrialCompleted};
use hpcbench_stats::{SloResult, SloSummary, TrialSummary};

use super::*;
use crate::testing::{Story, interrupted_and_cancelled, measured, plan, quickstart, troubled};

const NARROW: Style = Style {
    colour: false,
    width: 60,
};

fn shown(story: &Story, style: Style) -> String {
    results_table(&story.view(), style)
}

#[test]
fn a_run_in_which_all_is_well() {
    let table = shown(&quickstart(), Style::PLAIN);
    assert!(table.lines().all(|line| line.chars().count() <= 120), "{table}");
    insta::assert_snapshot!(table);
}

#[test]
fn doubts_and_failures_have_their_reasons_below() {
    insta::assert_snapshot!(shown(&troubled(), Style::PLAIN));
}

#[test]
fn trials_without_a_result_have_a_line_too() {
    insta::assert_snapshot!(shown(&interrupted_and_cancelled(), Style::PLAIN));
}

#[test]
fn trials_stand_one_below_the_other_where_there_is_little_room() {
    let table = shown(&troubled(), NARROW);
    assert!(table.lines().all(|line| line.chars().count() <= 60), "{table}");
    insta::assert_snapshot!(table);
}

#[test]
fn only_the_verdicts_have_a_colour() {
    let style = Style {
        colour: true,
        ..Style::PLAIN
    };
    let coloured = shown(&troubled(), style);
    assert_eq!(coloured.matches('\u{1b}').count(), 2 * 6, "{coloured:?}");
    let plain = ["\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m", "\u{1b}[0m"];
    let plain = plain.iter().fold(coloured, |text, code| text.replace(code, ""));
    assert_eq!(plain, shown(&troubled(), Style::PLAIN));
}

#[test]
fn a_single_trial_needs_no_parameters_and_a_missed_objective_is_told() {
    let mut summary = measured(20.0);
    let missed = SloResult {
        limit: 0.5,
        value: Some(0.936),
        met: false,
    };
    summary.slo = Some(SloSummary {
        met: false,
        limits: [("ttft_p99".to_owned(), missed)].into(),
    });
    summary.metrics.itl = hpcbench_stats::MetricSummary::default();
    insta::assert_snapshot!(settled(summary));
}

#[test]
fn an_open_load_counts_from_its_schedule_and_several_clients_from_their_barrier() {
    let mut summary = measured(1.0);
    summary.concurrency.requested = None;
    summary.metrics.ttft_sched = summary.metrics.ttft;
    summary.metrics.e2e_sched = summary.metrics.e2e;
    summary.metrics.queue = summary.metrics.client_lag;
    summary.metrics.queue.p99 = None;
    summary.start_error_seconds = Some(0.000_81);
    insta::assert_snapshot!(settled(summary));
}

/// The table of a run whose only trial came to this.
fn settled(summary: Box<TrialSummary>) -> String {
    let mut story = Story::new(plan("{}"));
    let trial = story.plan.trials[0].id.clone();
    let body = Body::from(TrialCompleted {
        trial,
        attempt: Attempt(1),
        summary,
    });
    story.tell(body);
    let mut view = RunView::new(story.plan.clone());
    view.take(&story.events[0], Story::hash(&story.events[0]));
    results_table(&view, Style::PLAIN)
}
