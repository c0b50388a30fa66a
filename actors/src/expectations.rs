//! From a trial of the plan to the yardstick that its numbers are held against.

use hpcbench_recipes::plan::WorkloadPlan;
use hpcbench_recipes::recipe::{
    ClientPlacement as Placement, LaunchMode, Load as RecipeLoad, Prompts, TokenCount,
};
use hpcbench_recipes::units::Duration;
use hpcbench_recipes::{Plan, TrialPlan};
use hpcbench_stats::{
    CachedInput, ClientPlacement, Expectations, GoodputLimits, Load, OutputLength, SloLimit, SloMetric,
};

/// What a trial was meant to be.
pub(crate) fn expectations(plan: &Plan, trial: &TrialPlan) -> Expectations {
    let workload = &trial.workload;
    Expectations {
        load: load(&workload.load),
        slo: slo(workload),
        searched: plan.search.is_some(),
        goodput: GoodputLimits {
            ttft: workload.goodput.ttft.map(nanoseconds),
            tpot: workload.goodput.tpot.map(nanoseconds),
            e2e: workload.goodput.e2e.map(nanoseconds),
        },
        failed_tolerance: Some(workload.tolerance.failed),
        output_length: output_length(workload),
        cached_input: cached_input(workload),
        placement: match (plan.launch.mode, plan.resources.clients.placement) {
            (LaunchMode::Local, _) => ClientPlacement::OneMachine,
            (LaunchMode::Slurm, Placement::Dedicated) => ClientPlacement::Dedicated,
            (LaunchMode::Slurm, _) => ClientPlacement::WithServers,
        },
    }
}

fn cached_input(workload: &WorkloadPlan) -> CachedInput {
    match (&workload.load, &workload.prompts) {
        // Conversations repeat what was said before, and traces name the text that their prompts share.
        (RecipeLoad::Closed { turns, .. }, _) if turns.get() > 1 => CachedInput::Expected,
        (RecipeLoad::Trace { .. }, _) => CachedInput::Expected,
        (
            _,
            Prompts::Synthetic {
                shared_prefix_tokens,
                nonce: true,
                ..
            },
        ) => CachedInput::Prefix {
            tokens: *shared_prefix_tokens,
        },
        // Whatever a file's prompts have in common stands behind their nonces.
        (_, Prompts::File { nonce: true, .. }) => CachedInput::UNEXPECTED,
        // Prompts are used again in a trial, and a file's may repeat themselves.
        (_, Prompts::Synthetic { nonce: false, .. } | Prompts::File { nonce: false, .. }) => {
            CachedInput::Expected
        }
    }
}

fn load(load: &RecipeLoad) -> Load {
    match load {
        RecipeLoad::Closed {
            concurrency,
            think_time,
            ..
        } => Load::Closed {
            concurrency: u64::from(concurrency.get()),
            think_time_ns: nanoseconds(*think_time),
        },
        _ => Load::Open,
    }
}

fn slo(workload: &WorkloadPlan) -> Vec<SloLimit> {
    let limit = |(target, limit): (&hpcbench_recipes::recipe::SloTarget, &Duration)| {
        use hpcbench_recipes::recipe::Metric;
        let metric = match target.metric {
            Metric::Ttft => SloMetric::Ttft,
            Metric::Itl => SloMetric::Itl,
            Metric::Tpot => SloMetric::Tpot,
            Metric::E2e => SloMetric::E2e,
        };
        SloLimit {
            metric,
            quantile: target.percentile.quantile(),
            limit_ns: nanoseconds(*limit),
        }
    };
    workload.slo.0.iter().map(limit).collect()
}

/// Lengths are exact where the number is fixed and the model can be told not to stop before it, and is.
fn output_length(workload: &WorkloadPlan) -> OutputLength {
    let tokens = match &workload.prompts {
        Prompts::Synthetic { output_tokens, .. } | Prompts::File { output_tokens, .. } => output_tokens,
    };
    match tokens {
        TokenCount::Fixed(_) if workload.sampling.ignore_eos && workload.endpoint.takes_ignore_eos() => {
            OutputLength::Planned
        }
        _ => OutputLength::Free,
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    duration.as_micros().saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use hpcbench_recipes::{DiskFiles, Input, PathBase, RecipeChecker};
    use hpcbench_services::REGISTRY;

    use super::*;

    /// What is expected of the quickstart's first trial with these values.
    fn expected(overrides: &[String]) -> Expectations {
        let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../recipes");
        let source = std::fs::read(recipes.join("quickstart.yaml")).unwrap();
        let overrides = [overrides, &["sweep={}".to_owned()]].concat();
        let paths = PathBase {
            directory: recipes,
            home: None,
        };
        let checked = RecipeChecker::new(&REGISTRY).check(&Input {
            source: &source,
            overrides: &overrides,
            paths: &paths,
            files: &DiskFiles,
        });
        let plan = checked
            .plan
            .unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
        expectations(&plan, &plan.trials[0])
    }

    /// What a cache may know under this load, with these prompts.
    fn cached(load: &str, prompts: &str) -> CachedInput {
        let overrides = [
            format!("workload.load={load}"),
            format!("workload.prompts={prompts}"),
        ];
        expected(&overrides).cached_input
    }

    #[test]
    fn lengths_are_exact_where_the_model_can_be_told_so() {
        const FIXED: &str = "workload.prompts.output_tokens=8";
        let length = |values: &[&str]| {
            let overrides: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
            expected(&overrides).output_length
        };
        for endpoint in ["chat", "completions"] {
            let endpoint = format!("workload.endpoint={endpoint}");
            assert_eq!(length(&[FIXED, &endpoint]), OutputLength::Planned, "{endpoint}");
            let free = length(&[FIXED, &endpoint, "workload.sampling.ignore_eos=false"]);
            assert_eq!(free, OutputLength::Free, "{endpoint}");
        }
        for endpoint in ["generate", "ollama-chat"] {
            let endpoint = format!("workload.endpoint={endpoint}");
            assert_eq!(length(&[FIXED, &endpoint]), OutputLength::Free, "{endpoint}");
        }
    }

    #[test]
    fn a_cache_may_know_what_prompts_share_on_purpose() {
        const CLOSED: &str = "{shape: closed, concurrency: 2}";
        let synthetic =
            |more: &str| format!("{{source: synthetic, input_tokens: 16, output_tokens: 8{more}}}");
        assert_eq!(cached(CLOSED, &synthetic("")), CachedInput::UNEXPECTED);
        let prefix = synthetic(", shared_prefix_tokens: 5");
        assert_eq!(cached(CLOSED, &prefix), CachedInput::Prefix { tokens: 5 });
        let again = synthetic(", nonce: false");
        assert_eq!(cached(CLOSED, &again), CachedInput::Expected);
        let talk = "{shape: closed, concurrency: 2, turns: 3}";
        assert_eq!(cached(talk, &synthetic("")), CachedInput::Expected);

        let mut file = tempfile::NamedTempFile::with_suffix(".jsonl").unwrap();
        std::io::Write::write_all(&mut file, b"{\"prompt\": \"hello\"}\n").unwrap();
        let of_file = |more: &str| {
            let path = file.path().display();
            cached(
                CLOSED,
                &format!("{{source: file, path: {path}, output_tokens: 8{more}}}"),
            )
        };
        let with_nonce = of_file(", nonce: true");
        assert_eq!(with_nonce, CachedInput::UNEXPECTED, "it is at the beginning");
        assert_eq!(of_file(""), CachedInput::Expected);
    }
}
