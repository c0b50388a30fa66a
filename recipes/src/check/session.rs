//! One recipe's check: schema, sweep, rules, expansion.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Input;
use super::sections::Sections;
use crate::catalog::ServiceCatalog;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Severity};
use crate::expand::{Expansion, resolve_workload};
use crate::plan::Plan;
use crate::problem::{Problem, Target};
use crate::recipe::{Nodes, Recipe, Service, Sweep, Workload};
use crate::rules::{self, Subject};
use crate::schema::suggest::nearest;
use crate::schema::{Checker, quoted};
use crate::sweep::{Point, Space};
use crate::tree::{Node, Pointer, Span};

/// After so many wrong points the rest of a sweep is not looked at.
const MAX_WRONG_POINTS: usize = 100;

/// Most values of the sections that may vary, over all points of a sweep: each point is checked in full.
const MAX_SWEPT_VALUES: usize = 10_000_000;

/// Most parameters of a point that a message names.
const MAX_SHOWN_PARAMETERS: usize = 3;

pub(super) struct Session<'a> {
    checker: &'a Checker<'a>,
    catalog: &'a dyn ServiceCatalog,
    input: &'a Input<'a>,
    tree: &'a Node,
    diagnostics: Vec<Diagnostic>,
    seen: HashSet<(Code, Span, String, String)>,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        checker: &'a Checker<'a>,
        catalog: &'a dyn ServiceCatalog,
        input: &'a Input<'a>,
        tree: &'a Node,
        diagnostics: Vec<Diagnostic>,
    ) -> Self {
        Self {
            checker,
            catalog,
            input,
            tree,
            diagnostics,
            seen: HashSet::new(),
        }
    }

    pub(super) fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.diagnostics
    }

    /// Finds all problems; the plan is there if there is no error.
    pub(super) fn run(&mut self) -> Option<Plan> {
        let mut document = self.tree.to_json();
        let mut problems = self.checker.problems(&document);
        let swept_paths = swept_paths(&document);
        problems.retain(|problem| !filled_by_sweep(problem, &swept_paths));
        let sweep_is_well_formed = !problems.iter().any(|problem| in_sweep(&problem.pointer));
        let space = if sweep_is_well_formed {
            self.space(&document)
        } else {
            None
        };
        let form_is_right = problems.is_empty() && space.is_some();
        if let Some(first) = space
            .as_ref()
            .and_then(|space| Some((space, space.points.first()?)))
        {
            apply_point(&mut document, first.0, first.1);
        }
        let sections = Sections::read(&document, &problems);
        self.add_all(problems);
        let subject = self.subject(&sections);
        self.add_all(rules::check_run(&subject));
        match space {
            Some(space) if form_is_right => self.expand(&mut document, &space, &sections),
            _ => {
                self.add_all(rules::check_point(&subject));
                None
            }
        }
    }

    fn add_all(&mut self, problems: Vec<Problem>) {
        for problem in problems {
            self.add(problem, "");
        }
    }

    /// Adds a problem, once for its place; `at` says at which point of a sweep it arises first.
    fn add(&mut self, problem: Problem, at: &str) {
        let mut diagnostic = problem.locate(self.tree);
        let Diagnostic {
            code,
            span,
            pointer,
            message,
            ..
        } = &diagnostic;
        if self.seen.insert((*code, *span, pointer.clone(), message.clone())) {
            diagnostic.message.push_str(at);
            self.diagnostics.push(diagnostic);
        }
    }

    fn subject<'s>(&self, sections: &'s Sections) -> Subject<'s>
    where
        'a: 's,
    {
        Subject {
            launch: sections.launch.as_ref(),
            nodes: sections.nodes.as_ref(),
            service: sections.service.as_ref(),
            workload: sections.workload.as_ref(),
            sweep: sections.sweep.as_ref(),
            monitoring: sections.monitoring.as_ref(),
            report: sections.report.as_ref(),
            catalog: self.catalog,
            files: self.input.files,
            paths: self.input.paths,
        }
    }

    /// The sweep's points, if nothing is wrong with the sweep itself.
    fn space(&mut self, document: &Value) -> Option<Space> {
        let sweep = match document.get("sweep") {
            Some(section) => Sweep::deserialize(section).ok()?,
            None => Sweep::default(),
        };
        Space::new(&sweep).map_err(|problems| self.add_all(problems)).ok()
    }

    /// Checks every point and makes the plan of them.
    fn expand(&mut self, document: &mut Value, space: &Space, sections: &Sections) -> Option<Plan> {
        let values = SWEPT
            .iter()
            .filter_map(|key| document.get(key))
            .map(count)
            .sum::<usize>();
        if values.saturating_mul(space.points.len()) > MAX_SWEPT_VALUES {
            let message = format!(
                "{} points of a recipe of {values} values are too many",
                space.points.len()
            );
            self.add(
                Problem::value(Code::SweepSize, Pointer::root().child("sweep"), message),
                "",
            );
            return None;
        }
        let mut expansion = Expansion::new(self.catalog, self.input.paths);
        let mut wrong_points = 0;
        let mut read = Read::default();
        for point in &space.points {
            let problems = self.point(document, (space, point), sections, &mut expansion, &mut read);
            if problems
                .iter()
                .any(|problem| problem.code.severity() == Severity::Error)
            {
                wrong_points += 1;
            }
            for problem in problems {
                let (problem, at) = swept(problem, space, point, self.tree);
                self.add(problem, &at);
            }
            if wrong_points >= MAX_WRONG_POINTS {
                break;
            }
        }
        if self.diagnostics.iter().any(Diagnostic::is_error) {
            return None;
        }
        match Recipe::deserialize(&*document) {
            Ok(recipe) => {
                let plan = expansion.finish(recipe, self.input.source, self.input.overrides);
                self.add_all(rules::check_plan(&plan, self.catalog));
                (!self.diagnostics.iter().any(Diagnostic::is_error)).then_some(plan)
            }
            Err(error) => {
                self.add(unreadable(Pointer::root(), &error), "");
                None
            }
        }
    }

    /// Checks one point and adds it to the plan if nothing is wrong with it.
    fn point(
        &self,
        document: &mut Value,
        (space, point): (&Space, &Point),
        sections: &Sections,
        expansion: &mut Expansion<'_>,
        read: &mut Read,
    ) -> Vec<Problem> {
        if let Some(problem) = apply_point(document, space, point) {
            return vec![problem];
        }
        let texts = SWEPT.map(|key| document.get(key).map(Value::to_string).unwrap_or_default());
        // Without a sweep the document is the one that was checked already.
        if !point.indexes.is_empty() && !read.knows(&texts) && !self.checker.is_valid(document) {
            return self.checker.problems(document);
        }
        let (service, workload, nodes) = match read.sections(document, &texts) {
            Ok(sections) => sections,
            Err(problem) => return vec![*problem],
        };
        let subject = Subject {
            service: Some(service),
            workload: Some(workload),
            nodes: Some(nodes),
            ..self.subject(sections)
        };
        let mut problems = rules::check_point(&subject);
        if problems
            .iter()
            .any(|problem| problem.code.severity() == Severity::Error)
        {
            return problems;
        }
        if let Some(workload) = resolve_workload(workload.clone(), self.input.paths) {
            let [text, ..] = texts;
            if let Err(error) = expansion.add(parameters(space, point), (service, text), workload, nodes) {
                problems.push(unreadable(Pointer::from_dotted("service.options"), &error.source));
            }
        }
        problems
    }
}

/// The sections that a sweep may vary.
const SWEPT: [&str; 3] = ["service", "workload", "nodes"];

/// The sections of the points so far, by their text. Each keeps to the schema, which says nothing about two sections
/// together, so that points made of known ones do too.
#[derive(Default)]
struct Read {
    services: HashMap<String, Service>,
    workloads: HashMap<String, Workload>,
    nodes: HashMap<String, Nodes>,
}

impl Read {
    fn knows(&self, [service, workload, nodes]: &[String; 3]) -> bool {
        self.services.contains_key(service)
            && self.workloads.contains_key(workload)
            && self.nodes.contains_key(nodes)
    }

    /// A point's sections.
    fn sections(
        &mut self,
        document: &Value,
        [service, workload, nodes]: &[String; 3],
    ) -> Result<(&Service, &Workload, &Nodes), Box<Problem>> {
        Ok((
            read(&mut self.services, service, document, "service")?,
            read(&mut self.workloads, workload, document, "workload")?,
            read(&mut self.nodes, nodes, document, "nodes")?,
        ))
    }
}

/// A section with this text, read once.
fn read<'r, T: DeserializeOwned>(
    known: &'r mut HashMap<String, T>,
    text: &str,
    document: &Value,
    key: &str,
) -> Result<&'r T, Box<Problem>> {
    Ok(match known.entry(text.to_owned()) {
        Entry::Occupied(found) => found.into_mut(),
        Entry::Vacant(free) => free.insert(section(document, key)?),
    })
}

/// How many values there are in a document.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Object(members) => members.values().map(count).sum(),
        Value::Array(items) => items.iter().map(count).sum(),
        _ => 0,
    }
}

fn in_sweep(pointer: &Pointer) -> bool {
    pointer
        .segments()
        .first()
        .is_some_and(|section| section == "sweep")
}

/// The places that a sweep sets, whatever else may be wrong with it.
fn swept_paths(document: &Value) -> Vec<Pointer> {
    let groups = document
        .pointer("/sweep/zip")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let axes = document
        .pointer("/sweep/matrix")
        .into_iter()
        .chain(groups)
        .filter_map(Value::as_object);
    let searched = document
        .pointer("/sweep/search/parameter")
        .and_then(Value::as_str);
    axes.flat_map(Map::keys)
        .map(String::as_str)
        .chain(searched)
        .map(Pointer::from_dotted)
        .collect()
}

/// Whether what is missing is what the sweep sets, or means to set: a misspelt path is reported at the first point.
fn filled_by_sweep(problem: &Problem, swept: &[Pointer]) -> bool {
    let Some(key) = &problem.missing else { return false };
    let place = problem.pointer.child(key.as_str());
    swept.iter().any(|path| {
        let misspelt = path.split_last().is_some_and(|(mapping, wrong)| {
            mapping == problem.pointer && nearest(wrong, [key.as_str()]).is_some()
        });
        misspelt || path.below(&place).is_some()
    })
}

/// Sets a point's parameters in a document.
fn apply_point(document: &mut Value, space: &Space, point: &Point) -> Option<Problem> {
    for (axis, index) in space.at(point) {
        let value = axis.values.get(index).cloned().unwrap_or_default();
        if !set(document, &axis.target, value) {
            let message = format!("`{}` leads through something that is not a mapping", axis.path);
            return Some(Problem::key(Code::SweepPath, axis.listed_at.clone(), message));
        }
    }
    None
}

/// Sets the value at a place, making mappings on the way; false if something else is on the way.
fn set(document: &mut Value, pointer: &Pointer, value: Value) -> bool {
    let mut node = document;
    for segment in pointer.segments() {
        if node.is_null() {
            *node = Value::Object(Map::new());
        }
        let Value::Object(members) = node else {
            return false;
        };
        node = members.entry(segment.as_str()).or_insert(Value::Null);
    }
    *node = value;
    true
}

fn parameters(space: &Space, point: &Point) -> Map<String, Value> {
    let values = space.at(point).map(|(axis, index)| {
        (
            axis.path.clone(),
            axis.values.get(index).cloned().unwrap_or_default(),
        )
    });
    values.collect()
}

/// A section; what is not there is read as if it were empty.
fn section<T: DeserializeOwned>(document: &Value, key: &str) -> Result<T, Box<Problem>> {
    let empty = Value::Object(Map::new());
    T::deserialize(document.get(key).unwrap_or(&empty))
        .map_err(|error| Box::new(unreadable(Pointer::root().child(key), &error)))
}

/// A value that the schema accepts and the types do not.
fn unreadable(pointer: Pointer, error: &serde_json::Error) -> Problem {
    Problem::value(Code::WrongValue, pointer, error.to_string())
}

/// Moves a problem to the value in the sweep that causes it, or says at which point it arises.
fn swept(problem: Problem, space: &Space, point: &Point, tree: &Node) -> (Problem, String) {
    for (axis, index) in space.at(point) {
        if let Some(rest) = problem.pointer.below(&axis.target) {
            let pointer = match (problem.target, rest.segments().is_empty()) {
                (Target::Key, true) => axis.listed_at.clone(),
                _ => axis.place(index).join(&rest),
            };
            return (Problem { pointer, ..problem }, String::new());
        }
        let made_on_the_way =
            axis.target.below(&problem.pointer).is_some() && tree.at(&problem.pointer).is_none();
        if made_on_the_way {
            return (
                Problem {
                    pointer: axis.listed_at.clone(),
                    target: Target::Key,
                    ..problem
                },
                String::new(),
            );
        }
    }
    if point.indexes.is_empty() {
        return (problem, String::new());
    }
    let values: Vec<String> = parameters(space, point)
        .iter()
        .take(MAX_SHOWN_PARAMETERS)
        .map(|(path, value)| quoted(&format!("{path}={value}")))
        .collect();
    let more = if space.axes().count() > values.len() {
        ", …"
    } else {
        ""
    };
    (problem, format!(" (at {}{more})", values.join(", ")))
}
