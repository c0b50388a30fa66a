//! Values that may have one of several forms: the problem of the form that was meant is reported, never "not valid
//! under any of the schemas".

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value;

use super::explain::{describe, explain, wrong_name};
use super::suggest::list;
use crate::code::Code;
use crate::problem::Problem;
use crate::tree::Pointer;

type Branches<'e> = [Vec<ValidationError<'e>>];

/// `oneOf` is what schemars writes for an enum: a list of names, or mappings told apart by a tag.
pub(super) fn one_of(
    error: &ValidationError<'_>,
    context: &Branches<'_>,
    schema: &Value,
    out: &mut Vec<Problem>,
) {
    let here = Pointer::parse(error.instance_path().as_str());
    let branches = branches(error, schema);
    let names: Vec<&str> = branches.iter().flat_map(names_of).collect();
    if !names.is_empty() {
        out.push(wrong_name(here, error.instance(), &names));
        return;
    }
    let Some(tag) = branches.first().and_then(tag_of) else {
        return any_of(error, context, schema, out);
    };
    let tags: Vec<&str> = branches
        .iter()
        .filter_map(|branch| branch.pointer(&format!("/properties/{tag}/const"))?.as_str())
        .collect();
    match error.instance().get(tag) {
        _ if !error.instance().is_object() => {
            let message = format!(
                "expected a mapping with the key `{tag}`, found {}",
                describe(error.instance())
            );
            out.push(Problem::value(Code::WrongType, here, message));
        }
        None => {
            let message = format!("missing key `{tag}`");
            let help = format!("add `{tag}`: {}", list(&tags));
            out.push(Problem::missing(here, tag, message).with_help(help));
        }
        Some(value) => match tags.iter().position(|name| value.as_str() == Some(name)) {
            Some(index) => explain_all(context.get(index), schema, out),
            None => out.push(wrong_name(here.child(tag), value, &tags)),
        },
    }
}

/// `anyOf` is an optional value, or forms told apart by their type and keys.
pub(super) fn any_of(
    error: &ValidationError<'_>,
    context: &Branches<'_>,
    schema: &Value,
    out: &mut Vec<Problem>,
) {
    let here = error.instance_path().as_str();
    let branches = branches(error, schema);
    let is_null = |index: usize| {
        branches
            .get(index)
            .and_then(|branch| branch.get("type"))
            .is_some_and(|kind| kind == "null")
    };
    let forms: Vec<&Vec<ValidationError<'_>>> = context
        .iter()
        .enumerate()
        .filter(|(index, _)| !is_null(*index))
        .map(|(_, errors)| errors)
        .collect();
    let fits = |errors: &&&Vec<ValidationError<'_>>| {
        !errors
            .iter()
            .any(|e| e.instance_path().as_str() == here && matches!(e.kind(), Kind::Type { .. }))
    };
    let meant = match forms.as_slice() {
        [only] => Some(*only),
        forms => forms
            .iter()
            .filter(fits)
            .min_by_key(|errors| distance(errors))
            .copied(),
    };
    if let Some(errors) = meant {
        return explain_all(Some(errors), schema, out);
    }
    let message = format!("{} is not possible here", describe(error.instance()));
    let path = error.schema_path().as_str();
    let owner = path.rsplit_once('/').and_then(|(above, _)| schema.pointer(above));
    let help = owner
        .and_then(|owner| owner.get("description"))
        .and_then(Value::as_str)
        .map(str::to_owned);
    out.push(Problem::value(Code::WrongType, Pointer::parse(here), message).with_help(help));
}

/// How far a value is from a form: keys that the form does not have weigh most.
fn distance(errors: &[ValidationError<'_>]) -> usize {
    errors
        .iter()
        .map(|error| match error.kind() {
            Kind::AdditionalProperties { unexpected } => 10 * unexpected.len(),
            _ => 1,
        })
        .sum()
}

fn explain_all(errors: Option<&Vec<ValidationError<'_>>>, schema: &Value, out: &mut Vec<Problem>) {
    for error in errors.into_iter().flatten() {
        explain(error, schema, out);
    }
}

/// The schemas below the union's keyword.
fn branches<'s>(error: &ValidationError<'_>, schema: &'s Value) -> &'s [Value] {
    schema
        .pointer(error.schema_path().as_str())
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The names that a branch allows, if it is about nothing else.
fn names_of(branch: &Value) -> Vec<&str> {
    let constant = branch.get("const").and_then(Value::as_str);
    let listed = branch.get("enum").and_then(Value::as_array);
    constant
        .into_iter()
        .chain(listed.into_iter().flatten().filter_map(Value::as_str))
        .collect()
}

/// The key whose value tells the branches apart.
fn tag_of(branch: &Value) -> Option<&str> {
    let properties = branch.get("properties")?.as_object()?;
    properties
        .iter()
        .find(|(_, property)| property.get("const").is_some())
        .map(|(name, _)| name.as_str())
}
