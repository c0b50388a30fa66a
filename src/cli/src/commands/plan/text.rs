//! A plan in words.

use std::fmt::Write as _;

use comfy_table::{ContentArrangement, Table, presets};
use hpcbench_recipes::PlannedNode;
use hpcbench_recipes::estimate::{
    Estimate, FIRST_TOKEN_SECONDS, TOKEN_SECONDS, TRIAL_OVERHEAD_SECONDS, estimate, in_words as length,
    instances,
};
use hpcbench_recipes::plan::{Plan, SearchPlan, ServicePlan, TrialPlan, Window};
use hpcbench_recipes::recipe::Load;
use hpcbench_report::ParameterNames;

/// Digits of a hash that tell plans apart.
const SHORT_HASH: usize = 12;

/// A plan in words: what is started, every trial, and what it takes.
pub(crate) fn in_words(plan: &Plan) -> String {
    let hash = plan.hash.get(..SHORT_HASH).unwrap_or(&plan.hash);
    let mut text = format!("{}, plan {hash}\n", plan.name);
    if !plan.description.is_empty() {
        let _ = writeln!(text, "{}", plan.description);
    }
    let nodes: Vec<String> = plan.nodes.iter().map(node).collect();
    let _ = writeln!(text, "\nnodes: {}", nodes.join(", "));
    let fewer_servers = plan.services.iter().any(|service| service.server_nodes.is_some());
    if fewer_servers || plan.trials.iter().any(|trial| trial.client_nodes.is_some()) {
        text.push_str("Each trial uses the first of each role's nodes, as many as it needs; the others are idle meanwhile.\n");
    }
    let _ = writeln!(text, "\n{}\n", services(plan).trim_fmt());
    let _ = match &plan.search {
        Some(searched) => writeln!(text, "{}", search(searched)),
        None => writeln!(text, "{}\n", trials(plan).trim_fmt()),
    };
    text.push_str(&expected(&estimate(plan)));
    text
}

fn node(node: &PlannedNode) -> String {
    let PlannedNode { node, role } = node;
    if node.as_str() == role.as_str() {
        node.to_string()
    } else {
        format!("{node} ({role})")
    }
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.to_vec());
    table
}

fn services(plan: &Plan) -> Table {
    let mut table = table(&["service", "kind", "model", "instances", "trials"]);
    for (index, service) in plan.services.iter().enumerate() {
        let trials = plan.trials.iter().filter(|trial| trial.service == index).count();
        table.add_row([
            (index + 1).to_string(),
            service.kind.to_string(),
            service.model.clone(),
            where_it_runs(plan, service),
            match &plan.search {
                Some(search) => format!("at most {}", search.max_trials),
                None => trials.to_string(),
            },
        ]);
    }
    table
}

fn where_it_runs(plan: &Plan, service: &ServicePlan) -> String {
    match (instances(plan, service), service.server_nodes) {
        (0, _) => service.endpoints.join(", "),
        (count, None) => count.to_string(),
        (count, Some(_)) => {
            let nodes: Vec<&str> = plan.servers_of(service).map(|node| node.node.as_str()).collect();
            match nodes[..] {
                [first, .., last] => format!("{count} on {first} to {last}"),
                _ => format!("{count} on {}", nodes.concat()),
            }
        }
    }
}

fn trials(plan: &Plan) -> Table {
    let mut table = table(&[
        "trial",
        "id",
        "service",
        "parameters",
        "load",
        "warm-up",
        "measured",
    ]);
    let names = ParameterNames::of(plan);
    for (index, trial) in plan.trials.iter().enumerate() {
        let TrialPlan {
            id,
            service,
            workload,
            ..
        } = trial;
        table.add_row([
            (index + 1).to_string(),
            id.to_string(),
            (service + 1).to_string(),
            names.pairs(trial).join(", "),
            load(&workload.load),
            workload.warmup.to_string(),
            window(workload.window),
        ]);
    }
    table
}

/// What a search will do.
fn search(search: &SearchPlan) -> String {
    let SearchPlan {
        parameter,
        from,
        to,
        max_trials,
        workload,
        ..
    } = search;
    let objectives: Vec<String> = workload
        .slo
        .0
        .iter()
        .map(|(target, limit)| format!("{target} at most {limit}"))
        .collect();
    let measured = window(workload.window);
    format!(
        "A search for the highest {} that keeps {}:\n{parameter} is doubled from {from} until a level fails, at most to \
         {to}, then bisected to 5 %, and the answer is\nmeasured once more; a level that is too close to call is measured up to \
         four times.\nAt most {max_trials} trials, each {measured} after a warm-up of {}; a level is judged with a risk of \
         {:.2} % to be wrong.\n",
        parameter.name(),
        objectives.join(", "),
        workload.warmup,
        100.0 * search.alpha(),
    )
}

fn window(window: Window) -> String {
    match window {
        Window::Duration(duration) => duration.to_string(),
        Window::Requests(requests) => format!("{requests} requests"),
    }
}

fn load(load: &Load) -> String {
    let shape = load.shape();
    match load {
        Load::Closed { concurrency, .. } => format!("{shape}, {concurrency} at once"),
        Load::Constant { rate, .. } | Load::Poisson { rate, .. } | Load::Gamma { rate, .. } => {
            format!("{shape}, {}/s", rate.per_second())
        }
        Load::Ramp { from, to, over, .. } => {
            format!(
                "{shape}, {} to {}/s over {over}",
                from.per_second(),
                to.per_second()
            )
        }
        Load::Trace { path, speed, .. } => format!("{shape}, {path} at speed {speed}"),
    }
}

fn expected(estimate: &Estimate) -> String {
    let Estimate {
        seconds,
        files,
        bytes,
        at_least,
        at_most,
        ..
    } = estimate;
    let about = match (at_least, at_most) {
        // Neither bound is one, where a search is of an unknown load.
        (true, true) | (false, false) => "about",
        (true, false) => "at least",
        (false, true) => "at most about",
    };
    format!(
        "An estimate: {about} {} of load with {TRIAL_OVERHEAD_SECONDS} s around each trial, and the time that the \
         service takes to start;\n{files} files with {about} {}, if requests take {FIRST_TOKEN_SECONDS} s and \
         {TOKEN_SECONDS} s for each token.\n",
        length(*seconds),
        size(*bytes),
    )
}

fn size(bytes: u64) -> String {
    let kibibytes = bytes as f64 / 1024.0;
    if kibibytes < 1024.0 {
        format!("{kibibytes:.0} KiB")
    } else if kibibytes < 1024.0 * 1024.0 {
        format!("{:.1} MiB", kibibytes / 1024.0)
    } else {
        format!("{:.1} GiB", kibibytes / 1024.0 / 1024.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_fitting_units() {
        assert_eq!([512, 3 << 20, 5 << 30].map(size), ["0 KiB", "3.0 MiB", "5.0 GiB"]);
    }
}
