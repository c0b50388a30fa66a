//! A search as it may go.

use std::collections::BTreeMap;

use hpcbench_core::event::{RunCompleted, SearchEnded, TrialCompleted, TrialPlanned};
use hpcbench_core::{Attempt, Outline};
use hpcbench_recipes::plan::SearchPoint;
use hpcbench_stats::SloEvidence;
use hpcbench_stats::search::{Level, Next, QueueTrend, Violations};

use super::Story;
use super::plan::plan;
use super::stories::{down, measured, share, start, up};

/// Up to five clients are served in time; with six it is too close to call.
pub(crate) fn searched() -> Story {
    let mut story = Story::new(plan(
        "{search: {parameter: workload.load.concurrency, from: 2, to: 16}}",
    ));
    let outline = Outline::of(&story.plan).search.unwrap();
    story.epoch().created();
    let ending = loop {
        let search = story.view().state.search.unwrap();
        let (level, purpose) = match outline.search.next(&search.tried()) {
            Next::End(ending) => break ending,
            Next::Try { level, purpose } => (level, purpose),
        };
        let before = search
            .trials
            .iter()
            .filter(|trial| Level(trial.point.level) == level);
        let repetition = before.count() as u32 + 1;
        let point = SearchPoint {
            level: level.0,
            repetition,
        };
        let plan = story.plan.search.as_ref().unwrap();
        let trial = plan.trial(point, story.plan.seed).unwrap();
        story.tell(TrialPlanned {
            trial: trial.id.clone(),
            parameters: trial.parameters,
            level,
            repetition,
            purpose,
            because: "what came before".to_owned(),
        });
        if search.trials.is_empty() {
            up(&mut story);
        }
        start(&mut story, &trial.id, 1);
        share(&mut story, &trial.id, 1, 9.02);
        let mut summary = measured(level.0);
        summary.slo_evidence = Some(evidence(level));
        story.wait(0.03).tell(TrialCompleted {
            trial: trial.id,
            attempt: Attempt(1),
            summary,
        });
    };
    story.tell(SearchEnded { ending });
    down(&mut story);
    story.tell(RunCompleted { exit_code: 0 });
    story
}

fn evidence(level: Level) -> SloEvidence {
    let missed = match level.0 {
        ..5.5 => 0,
        ..6.5 => 1,
        _ => 60,
    };
    let violations = Violations {
        tolerated: 0.01,
        independent: true,
        batches: vec![[100, missed].into(); 20],
    };
    SloEvidence {
        unusable: None,
        queue: QueueTrend::None,
        objectives: BTreeMap::from([("ttft_p99".to_owned(), violations)]),
    }
}
