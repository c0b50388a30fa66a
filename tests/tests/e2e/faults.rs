//! A fault of hpcbench's own: the orchestrator panics in the middle of a run, and the run goes on.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hpcbench_tests::sound::expect_sound;
use hpcbench_tests::{Listener, Point, Recipe, StopAt, Workdir, data, events, of_type, terminal};

const LIMIT: Duration = Duration::from_mins(2);
const TRIALS: usize = 2;

#[test]
fn a_panic_of_the_orchestrator_costs_its_run_nothing() -> Result<()> {
    let workdir = Workdir::new()?;
    let fault = StopAt::new(&workdir)?;
    let listener = Listener::start(&workdir.run());
    let command = workdir.bench(&Recipe::simulated().levels(&[1, 2]))?.limit(LIMIT);
    let finished = fault.within(command, Point::FailedClock, "load.started").run()?;
    let judge = || {
        let events = events(&workdir.run())?;
        let code = terminal(&events)?["data"]["exit_code"].as_i64();
        // A second is too short for a valid verdict; that is not the point here.
        ensure!(
            matches!(code, Some(0 | 1)) && code == finished.code.map(i64::from),
            "the run's code is {code:?}"
        );
        let rebuilt = data(&events, "state.rebuilt")?;
        ensure!(rebuilt["during"] == "a look at the time", "{rebuilt:#}");
        let reason = rebuilt["reason"].to_string();
        ensure!(
            reason.contains("a panic: ") && reason.contains("Invalid argument"),
            "{reason}"
        );
        for (kind, number) in [
            ("epoch.started", 1),
            ("state.rebuilt", 1),
            ("trial.started", TRIALS),
        ] {
            ensure!(of_type(&events, kind).len() == number, "{kind}: not {number}");
        }
        expect_sound(&workdir, TRIALS, &listener.finish()?)
    };
    judge().with_context(|| finished.to_string())
}
