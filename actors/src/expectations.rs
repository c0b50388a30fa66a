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
        // Prompts are used again, and a file's may repeat themselves.
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

/// Lengths are exact where the number is fixed and the model is told not to stop before it.
fn output_length(workload: &WorkloadPlan) -> OutputLength {
    let tokens = match &workload.prompts {
        Prompts::Synthetic { output_tokens, .. } | Prompts::File { output_tokens, .. } => output_tokens,
    };
    match tokens {
        TokenCount::Fixed(_) if workload.sampling.ignore_eos => OutputLength::Planned,
        _ => OutputLength::Free,
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    duration.as_micros().saturating_mul(1000)
}
