//! The points of a sweep.

use serde_json::{Map, Value};

use super::axes::{Axis, Group};
use crate::canonical::canonical_json;

/// A point: for each group of axes, the index of its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Point {
    pub indexes: Vec<usize>,
}

/// Every combination that is not excluded; the last group varies fastest.
pub(super) fn enumerate(groups: &[Group], exclude: &[Map<String, Value>]) -> Vec<Point> {
    let exclusions: Vec<Exclusion> = exclude
        .iter()
        .map(|members| Exclusion::new(members, groups))
        .collect();
    let mut points = Vec::new();
    let mut indexes = vec![0; groups.len()];
    loop {
        if !exclusions.iter().any(|exclusion| exclusion.matches(&indexes)) {
            points.push(Point {
                indexes: indexes.clone(),
            });
        }
        if !advance(&mut indexes, groups) {
            return points;
        }
    }
}

/// Goes to the next combination; false after the last one.
fn advance(indexes: &mut [usize], groups: &[Group]) -> bool {
    for (index, group) in indexes.iter_mut().zip(groups).rev() {
        *index += 1;
        if *index < group.length {
            return true;
        }
        *index = 0;
    }
    false
}

/// For each condition: a group and which of its values match.
struct Exclusion {
    conditions: Vec<(usize, Vec<bool>)>,
}

impl Exclusion {
    fn new(members: &Map<String, Value>, groups: &[Group]) -> Self {
        let condition = |(path, wanted): (&String, &Value)| {
            let (group, axis) = groups.iter().enumerate().find_map(|(index, group)| {
                group
                    .axes
                    .iter()
                    .find(|axis| axis.path == *path)
                    .map(|axis| (index, axis))
            })?;
            Some((group, matching(axis, wanted)))
        };
        Self {
            conditions: members.iter().filter_map(condition).collect(),
        }
    }

    fn matches(&self, indexes: &[usize]) -> bool {
        self.conditions.iter().all(|(group, matching)| {
            indexes
                .get(*group)
                .and_then(|index| matching.get(*index))
                .is_some_and(|hit| *hit)
        })
    }
}

/// Which of an axis's values equal the wanted one or one of a list, or are in a range.
fn matching(axis: &Axis, wanted: &Value) -> Vec<bool> {
    if let Some(range) = Range::read(wanted) {
        return axis.values.iter().map(|value| range.holds(value)).collect();
    }
    let wanted: Vec<String> = match wanted {
        Value::Array(any) => any.iter().chain([wanted]).map(canonical_json).collect(),
        one => vec![canonical_json(one)],
    };
    axis.values
        .iter()
        .map(|value| wanted.contains(&canonical_json(value)))
        .collect()
}

/// Numbers between bounds, written `{above: 64}`, `{at_least: 1, below: 8}`.
struct Range(Vec<(Compare, f64)>);

type Compare = fn(&f64, &f64) -> bool;

impl Range {
    /// The range that a condition means; `None`: it is a value to be equal to.
    fn read(condition: &Value) -> Option<Self> {
        let members = condition.as_object().filter(|members| !members.is_empty())?;
        let bound = |(key, bound): (&String, &Value)| {
            let compare: Compare = match key.as_str() {
                "above" => f64::gt,
                "at_least" => f64::ge,
                "below" => f64::lt,
                "at_most" => f64::le,
                _ => return None,
            };
            Some((compare, bound.as_f64()?))
        };
        members.iter().map(bound).collect::<Option<Vec<_>>>().map(Self)
    }

    /// Texts and mappings are in no range.
    fn holds(&self, value: &Value) -> bool {
        value
            .as_f64()
            .is_some_and(|number| self.0.iter().all(|(compare, bound)| compare(&number, bound)))
    }
}
