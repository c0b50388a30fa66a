//! The axes of a sweep and what can be wrong with them.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::points::{self, Point};
use super::search;
use super::{MAX_COMBINATIONS, MAX_TRIALS};
use crate::canonical::canonical_json;
use crate::code::Code;
use crate::problem::Problem;
use crate::recipe::Sweep;
use crate::schema::suggest;
use crate::tree::Pointer;

/// A parameter and the values it takes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    /// The parameter's path, as the recipe writes it.
    pub path: String,
    /// The place in the recipe that it sets.
    pub target: Pointer,
    /// Where its values are listed.
    pub listed_at: Pointer,
    /// The keys of its values there; none: they are a list.
    pub keys: Option<[&'static str; 2]>,
    /// The values.
    pub values: Vec<Value>,
}

impl Axis {
    /// Where the value with this index is written.
    pub(crate) fn place(&self, index: usize) -> Pointer {
        match self.keys.and_then(|keys| keys.get(index).copied()) {
            Some(key) => self.listed_at.child(key),
            None => self.listed_at.child(index.to_string()),
        }
    }
}

/// Axes whose values advance together; of a matrix, each axis is a group of its own.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group {
    pub axes: Vec<Axis>,
    pub length: usize,
}

/// All points of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Space {
    pub groups: Vec<Group>,
    pub points: Vec<Point>,
}

impl Space {
    /// The points of a sweep, or what is wrong with it.
    pub(crate) fn new(sweep: &Sweep) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let groups = groups(sweep, &mut problems);
        check_paths(&groups, &mut problems);
        check_values(&groups, &mut problems);
        check_exclusions(sweep, &groups, &mut problems);
        let groups = match &sweep.search {
            Some(searched) => search::group(sweep, searched, &mut problems)
                .into_iter()
                .collect(),
            None => groups,
        };
        let combinations = groups
            .iter()
            .try_fold(1usize, |product, group| product.checked_mul(group.length));
        if combinations.is_none_or(|count| count > MAX_COMBINATIONS) {
            let message = format!("the sweep has more than {MAX_COMBINATIONS} combinations");
            problems.push(size_problem(message));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let points = points::enumerate(&groups, &sweep.exclude);
        let trials = points.len().saturating_mul(sweep.repetitions.get() as usize);
        if points.is_empty() {
            let message = "the exclusions leave no point of the sweep";
            return Err(vec![Problem::key(
                Code::SweepExclude,
                section("exclude"),
                message,
            )]);
        }
        if trials > MAX_TRIALS {
            let message = format!("the sweep has {trials} trials; {MAX_TRIALS} are allowed");
            return Err(vec![size_problem(message)]);
        }
        Ok(Self { groups, points })
    }

    /// The axes, in their order.
    pub(crate) fn axes(&self) -> impl Iterator<Item = &Axis> {
        self.groups.iter().flat_map(|group| &group.axes)
    }

    /// Each axis with the index of its value at a point.
    pub(crate) fn at<'s>(&'s self, point: &'s Point) -> impl Iterator<Item = (&'s Axis, usize)> {
        let indexed = self.groups.iter().zip(&point.indexes);
        indexed.flat_map(|(group, index)| group.axes.iter().map(|axis| (axis, *index)))
    }
}

pub(super) fn section(name: &str) -> Pointer {
    Pointer::root().child("sweep").child(name)
}

fn size_problem(message: String) -> Problem {
    let help = "vary fewer parameters, name fewer values, or split the recipe".to_owned();
    Problem::value(Code::SweepSize, Pointer::root().child("sweep"), message).with_help(help)
}

fn groups(sweep: &Sweep, problems: &mut Vec<Problem>) -> Vec<Group> {
    let matrix = axes(&sweep.matrix, &section("matrix"));
    let mut groups: Vec<Group> = matrix
        .into_iter()
        .map(|axis| Group {
            length: axis.values.len(),
            axes: vec![axis],
        })
        .collect();
    for (index, members) in sweep.zip.iter().enumerate() {
        let place = section("zip").child(index.to_string());
        let axes = axes(members, &place);
        let Some(length) = axes.first().map(|axis| axis.values.len()) else {
            continue;
        };
        for axis in axes.iter().filter(|axis| axis.values.len() != length) {
            let message = format!(
                "`{}` has {} values, the first parameter of its group {length}",
                axis.path,
                axis.values.len()
            );
            problems.push(Problem::value(Code::SweepZip, axis.listed_at.clone(), message));
        }
        groups.push(Group { axes, length });
    }
    groups
}

fn axes(members: &Map<String, Value>, place: &Pointer) -> Vec<Axis> {
    let axis = |(path, values): (&String, &Value)| Axis {
        path: path.clone(),
        target: Pointer::from_dotted(path),
        listed_at: place.child(path.as_str()),
        keys: None,
        values: values.as_array().cloned().unwrap_or_default(),
    };
    members.iter().map(axis).collect()
}

fn check_paths(groups: &[Group], problems: &mut Vec<Problem>) {
    let axes: Vec<&Axis> = groups.iter().flat_map(|group| &group.axes).collect();
    for (index, axis) in axes.iter().enumerate() {
        if let Some(problem) = check_section(axis) {
            problems.push(problem);
            continue;
        }
        let overlaps = |other: &&&Axis| {
            axis.target.below(&other.target).is_some() || other.target.below(&axis.target).is_some()
        };
        if let Some(other) = axes.get(..index).into_iter().flatten().find(overlaps) {
            let message = format!("`{}` sets what `{}` sets too", axis.path, other.path);
            problems.push(Problem::key(Code::SweepPath, axis.listed_at.clone(), message));
        }
    }
}

/// What may differ from trial to trial in how many nodes there are, and how they are used.
const OF_NODES: [&str; 3] = [
    "nodes.servers.count",
    "nodes.clients.count",
    "nodes.servers.instances_per_node",
];

fn check_section(axis: &Axis) -> Option<Problem> {
    let place = axis.listed_at.clone();
    match axis.target.segments() {
        [section, _, ..] if matches!(section.as_str(), "service" | "workload") => None,
        [section, ..] if section == "nodes" => wrong_nodes(axis),
        _ => {
            let message = format!("`{}` cannot be varied", axis.path);
            let help =
                "a path begins with `service.`, `workload.` or `nodes.`, such as workload.load.concurrency"
                    .to_owned();
            Some(Problem::key(Code::SweepPath, place, message).with_help(help))
        }
    }
}

/// All trials share one allocation: a trial can leave nodes of it idle, but not have other ones.
fn wrong_nodes(axis: &Axis) -> Option<Problem> {
    let path = axis.path.as_str();
    if OF_NODES.contains(&path) {
        return None;
    }
    let message = format!(
        "`{path}` cannot be varied within a run: all of its trials share one allocation, and its nodes stay as they are"
    );
    let help = format!(
        "vary {}, or make one run for each value: --set {path}=VALUE",
        suggest::list(&OF_NODES)
    );
    Some(Problem::key(Code::SweepPath, axis.listed_at.clone(), message).with_help(help))
}

/// Equal points would have equal trial ids.
fn check_values(groups: &[Group], problems: &mut Vec<Problem>) {
    for group in groups {
        let mut seen = HashSet::new();
        for index in 0..group.length {
            let values: Vec<String> = group
                .axes
                .iter()
                .filter_map(|axis| axis.values.get(index))
                .map(canonical_json)
                .collect();
            if let Some(axis) = group.axes.first()
                && !seen.insert(values)
            {
                let place = axis.listed_at.child(index.to_string());
                let help = "to measure a point several times, use `repetitions`".to_owned();
                problems.push(
                    Problem::value(Code::SweepValue, place, "this value is there already").with_help(help),
                );
            }
        }
    }
}

fn check_exclusions(sweep: &Sweep, groups: &[Group], problems: &mut Vec<Problem>) {
    let paths: Vec<&str> = groups
        .iter()
        .flat_map(|group| &group.axes)
        .map(|axis| axis.path.as_str())
        .collect();
    for (index, exclusion) in sweep.exclude.iter().enumerate() {
        for path in exclusion.keys().filter(|path| !paths.contains(&path.as_str())) {
            let place = section("exclude").child(index.to_string()).child(path.as_str());
            let message = format!("`{path}` is no parameter of the sweep");
            problems.push(
                Problem::key(Code::SweepExclude, place, message).with_help(suggest::advice(path, &paths)),
            );
        }
    }
}
