use hpcbench_core::Seq;
use hpcbench_core::event::Unreadable;

use super::*;
use crate::testing::{Story as Told, interrupted_and_cancelled, quickstart, resumed_twice, troubled};
use crate::words::Style;

fn timeline(story: &Told) -> Timeline {
    let mut timeline = Timeline::new(&story.plan);
    for event in &story.events {
        timeline.take(event);
    }
    timeline
}

fn shown(story: &Told) -> String {
    let text = timeline(story).render(Style::PLAIN);
    text.replace(&story.plan.hash, "HASH-OF-THE-PLAN")
        .replace(&story.plan.recipe_sha256, "HASH-OF-THE-RECIPE")
}

#[test]
fn a_run_in_which_all_is_well() {
    insta::assert_snapshot!(shown(&quickstart()));
}

#[test]
fn a_run_in_trouble() {
    insta::assert_snapshot!(shown(&troubled()));
}

#[test]
fn a_run_of_two_epochs_that_is_cancelled() {
    insta::assert_snapshot!(shown(&interrupted_and_cancelled()));
}

#[test]
fn a_run_of_three_epochs_with_a_clock_that_was_set_back() {
    let story = resumed_twice();
    assert_eq!(story.view().state.epoch.0, 3);
    insta::assert_snapshot!(shown(&story));
}

#[test]
fn the_heading_has_the_first_acts_and_counts_the_others() {
    let mut story = resumed_twice();
    let acts = story
        .events
        .iter()
        .filter(|event| matches!(event.body, Body::RunResumed(_)));
    let acts: Vec<Event> = acts.cloned().cycle().take(13).collect();
    story.events.extend(acts);
    let text = shown(&story);
    let heading: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
    assert_eq!(
        heading.iter().filter(|line| line.starts_with("resumed ")).count(),
        10,
        "{text}"
    );
    assert_eq!(
        heading.last().map(|line| line.trim()),
        Some("and 5 more, below"),
        "{text}"
    );
}

#[test]
fn a_history_may_end_anywhere() {
    let mut story = troubled();
    while story.events.pop().is_some() {
        let timeline = timeline(&story);
        timeline.render(Style {
            colour: true,
            width: 40,
        });
        // Every event but those on files is in a row.
        let rows = timeline.rows.iter().chain(timeline.open.values());
        let last = rows.map(Row::last).max().unwrap_or_default();
        let told = story
            .events
            .iter()
            .rev()
            .find(|event| !matches!(event.body, Body::ArtifactRecorded(_)));
        assert_eq!(last, told.map_or(Seq(0), |event| event.seq));
    }
    insta::assert_snapshot!(shown(&story));
}

#[test]
fn what_this_version_does_not_know_has_a_row_too() {
    let mut story = Told::new(crate::testing::plan("{}"));
    let unknown = |problem: &str| {
        Body::Unreadable(Unreadable {
            kind: "comet.sighted".to_owned(),
            version: 1,
            problem: problem.to_owned(),
            data: "{}".to_owned(),
        })
    };
    story
        .epoch()
        .created()
        .tell(unknown(""))
        .tell(unknown("missing field `tail`"));
    let text = shown(&story);
    let rows: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("comet.sighted"))
        .collect();
    assert_eq!(rows.len(), 2, "{text}");
    assert!(rows[0].ends_with("this type is not known here"), "{text}");
    assert!(rows[1].ends_with("missing field `tail`"), "{text}");
}
