//! A search as the two ends of its range: what is right for both is right for every level between them.

use serde_json::Value;

use super::axes::{Axis, Group, section};
use crate::code::Code;
use crate::problem::Problem;
use crate::recipe::{Search, Sweep};
use crate::tree::Pointer;

/// The group of axes that a search is; none if something is wrong with it.
pub(super) fn group(sweep: &Sweep, search: &Search, problems: &mut Vec<Problem>) -> Option<Group> {
    let before = problems.len();
    problems.extend(alone(sweep));
    problems.extend(range(search));
    (problems.len() == before).then(|| Group {
        length: 2,
        axes: vec![Axis {
            path: search.parameter.path().to_owned(),
            target: Pointer::from_dotted(search.parameter.path()),
            listed_at: section("search"),
            keys: Some(["from", "to"]),
            values: vec![number(search.from), number(search.to)],
        }],
    })
}

/// A level as a recipe has it: without a fractional part, it is an integer.
pub(crate) fn number(level: f64) -> Value {
    if level.fract() == 0.0 && level.abs() < 2.0_f64.powi(53) {
        Value::from(level as i64)
    } else {
        Value::from(level)
    }
}

/// A search decides itself which levels there are, and how often each is measured.
fn alone(sweep: &Sweep) -> Vec<Problem> {
    let together = [
        ("matrix", !sweep.matrix.is_empty()),
        ("zip", !sweep.zip.is_empty()),
        ("exclude", !sweep.exclude.is_empty()),
    ];
    let mut problems: Vec<Problem> = together
        .into_iter()
        .filter(|(_, there)| *there)
        .map(|(key, _)| {
            let message = format!("this build cannot combine a search with `{key}`");
            let help = "make each variant a recipe of its own, or give it by `--set`".to_owned();
            Problem::key(Code::Search, section(key), message).with_help(help)
        })
        .collect();
    if sweep.repetitions.get() > 1 {
        let message = "a search repeats levels where it has to, and takes no `repetitions`";
        let help = "run it several times to see how its answers differ".to_owned();
        problems.push(Problem::value(Code::Search, section("repetitions"), message).with_help(help));
    }
    problems
}

fn range(search: &Search) -> Vec<Problem> {
    let place = |key| section("search").child(key);
    let mut problems = Vec::new();
    if search.parameter.is_whole() {
        for (key, level) in [("from", search.from), ("to", search.to)] {
            if level.fract() != 0.0 {
                let message = format!("`{}` is a whole number, not {level}", search.parameter);
                problems.push(Problem::value(Code::Search, place(key), message));
            }
        }
    }
    if search.from >= search.to {
        let message = format!("the range ends at {}, and begins at {}", search.to, search.from);
        let help = "the highest level must be above the lowest".to_owned();
        problems.push(Problem::value(Code::Search, place("to"), message).with_help(help));
    }
    problems
}
