use super::*;
use crate::summary::Summary;
use crate::testing::{quickstart, searched};
use crate::words::Style;
use crate::{Status, Timeline, WriterLife, results_table};

#[test]
fn levels_and_answer_stand_below_the_trials() {
    let view = searched().view();
    let mut text = String::new();
    push(&mut text, &view, Style::PLAIN);
    insta::assert_snapshot!(text);
    assert!(results_table(&view, Style::PLAIN).ends_with(&text));
    let mut none = String::new();
    push(&mut none, &quickstart().view(), Style::PLAIN);
    assert_eq!(none, "");
}

#[test]
fn the_summary_has_the_search() {
    let view = searched().view();
    let summary: serde_json::Value = serde_json::from_str(&Summary::of(&view).to_json().unwrap()).unwrap();
    let mut search = summary["search"].clone();
    let levels = search["levels"].as_array_mut().unwrap();
    let trials: usize = levels
        .iter()
        .map(|level| level["trials"].as_array().unwrap().len())
        .sum();
    assert_eq!(trials, summary["trials"].as_array().unwrap().len());
    // The others are alike.
    levels.truncate(1);
    insta::assert_snapshot!(serde_json::to_string_pretty(&search).unwrap());
}

#[test]
fn a_search_that_goes_on_has_no_total() {
    let mut story = searched();
    let third = story
        .events
        .iter()
        .filter(|event| event.body.kind() == "trial.planned")
        .nth(2);
    let seq = third.unwrap().seq.0 as usize;
    let ended = Status::of(&story.view(), WriterLife::Gone, None);
    assert!(
        ended.to_text(120).contains("completed; the search ended: found"),
        "{}",
        ended.to_text(120)
    );
    story.events.truncate(seq);
    let status = Status::of(&story.view(), WriterLife::Alive, None);
    let text = status.to_text(120);
    assert!(
        text.contains("2 completed, of a search with at most 24, 1 pending"),
        "{text}"
    );
    let mut shown = String::new();
    push(&mut shown, &story.view(), Style::PLAIN);
    assert!(shown.contains("the search has not ended"), "{shown}");
}

#[test]
fn a_timeline_names_levels() {
    let story = searched();
    let mut timeline = Timeline::new(&story.plan);
    for event in &story.events {
        timeline.take(event);
    }
    let text = timeline.render(Style::PLAIN);
    for words in [
        "(concurrency=2) planned",
        "search found: concurrency 5",
        "the search has its answer",
        "a search",
    ] {
        assert!(text.contains(words), "{words:?} is not in\n{text}");
    }
}

#[test]
fn every_outcome_has_words() {
    let ending = |outcome, answer: Option<f64>| Ending {
        outcome,
        answer: answer.map(Level),
        boundary: Some(Level(8.0)),
        highest_pass: Some(Level(4.0)),
        reason: None,
    };
    let outcomes = [
        (Outcome::Found, Some(4.0)),
        (Outcome::AllPass, Some(4.0)),
        (Outcome::NonePasses, None),
        (Outcome::NonMonotone, Some(4.0)),
        (Outcome::NonMonotone, None),
        (Outcome::Undecided, None),
        (Outcome::ClientLimit, None),
    ];
    for (outcome, answer) in outcomes {
        let words = in_words(&ending(outcome, answer), "rate");
        assert!(
            words.starts_with(outcome.as_str()) && !words.contains('-'),
            "{words}"
        );
    }
    let reason = Ending {
        reason: Some("all of 4 trials were made".to_owned()),
        ..ending(Outcome::Undecided, None)
    };
    assert!(in_words(&reason, "rate").ends_with(": all of 4 trials were made"));
}
