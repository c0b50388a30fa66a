//! Texts in which the recipe leaves gaps for what is known only at the start.

use hpcbench_recipes::plan::ServicePlan;

use crate::launch::LaunchContext;

/// The names of further ports that may stand in braces.
const PORTS: [&str; 3] = ["port1", "port2", "port3"];
/// The other names that may.
const NAMES: [&str; 5] = ["host", "port", "model", "scratch", "instance"];
/// The whole value of a variable that is to be the key that is made up for the run. It may stand in no argument.
pub(super) const KEY: &str = "{key}";

/// How many further ports some texts need.
pub(super) fn ports<'t>(texts: impl Iterator<Item = &'t String>) -> usize {
    let number = |part| match part {
        Part::Gap(name) => PORTS.iter().position(|port| *port == name).map(|index| index + 1),
        Part::Text(_) => None,
    };
    texts
        .flat_map(|text| parts(text))
        .filter_map(number)
        .max()
        .unwrap_or(0)
}

/// The first name in braces that stands for nothing. Braces around anything but a word, as in JSON, are not looked at.
pub(super) fn unknown(text: &str) -> Option<&str> {
    parts(text).find_map(|part| match part {
        Part::Gap(name) if !NAMES.contains(&name) && !PORTS.contains(&name) => Some(name),
        _ => None,
    })
}

/// The text with its gaps filled.
pub(super) fn fill(text: &str, plan: &ServicePlan, context: &LaunchContext) -> String {
    let value = |name: &str| match name {
        "host" => context.host.to_string(),
        "port" => context.port.to_string(),
        "model" => plan.model.clone(),
        "scratch" => context.scratch.to_string_lossy().into_owned(),
        "instance" => context.instance.to_string(),
        other => {
            let index = PORTS.iter().position(|port| *port == other);
            let port = index.and_then(|index| context.extras.ports.get(index));
            port.map_or_else(|| format!("{{{other}}}"), u16::to_string)
        }
    };
    parts(text)
        .map(|part| match part {
            Part::Text(text) => text.to_owned(),
            Part::Gap(name) => value(name),
        })
        .collect()
}

enum Part<'t> {
    Text(&'t str),
    Gap(&'t str),
}

fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some((name, after)) = gap(rest) {
            rest = after;
            return Some(Part::Gap(name));
        }
        // Up to the next brace, this one included if it opens no gap.
        let end = rest
            .char_indices()
            .skip(1)
            .find(|(_, c)| *c == '{')
            .map_or(rest.len(), |(index, _)| index);
        let (before, after) = rest.split_at(end);
        rest = after;
        Some(Part::Text(before))
    })
}

/// A word in braces at the beginning of a text, and what follows it.
fn gap(text: &str) -> Option<(&str, &str)> {
    let (name, after) = text.strip_prefix('{')?.split_once('}')?;
    let is_word = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    (is_word || PORTS.contains(&name)).then_some((name, after))
}
