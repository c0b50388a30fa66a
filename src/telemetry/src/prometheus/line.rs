//! One line: `name{label="value",...} value [time] [# exemplar]`.

use std::borrow::Cow;

use super::Series;

/// Most labels of one value.
pub const MAX_LABELS: usize = 64;

const BLANKS: [char; 2] = [' ', '\t'];

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// Longer than [`super::MAX_LINE_BYTES`].
    #[error("it is longer than {} bytes", super::MAX_LINE_BYTES)]
    TooLong,
    /// Not text.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// The metric has no proper name.
    #[error("it does not begin with the name of a metric")]
    Name,
    /// The labels have another form.
    #[error("its labels cannot be read")]
    Labels,
    /// More than [`MAX_LABELS`] labels.
    #[error("it has more than {MAX_LABELS} labels")]
    TooManyLabels,
    /// The value is no number.
    #[error("its value is no number")]
    Value,
    /// Something follows the value that is no time.
    #[error("something else than a time follows its value")]
    Time,
}

/// Reads a line that is neither empty nor a comment.
pub(super) fn series(line: &str) -> Result<Series<'_>, LineProblem> {
    let (name, rest) = name(line, ":").ok_or(LineProblem::Name)?;
    let rest = rest.trim_start_matches(BLANKS);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => labels(inside)?,
        None => (Vec::new(), rest),
    };
    let value = value(rest)?;
    Ok(Series { name, labels, value })
}

/// A name at the beginning, in which also the characters of `more` may stand.
fn name<'a>(text: &'a str, more: &str) -> Option<(&'a str, &'a str)> {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || more.contains(c);
    let end = text
        .find(|c: char| !(first(c) || c.is_ascii_digit()))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end)?;
    name.starts_with(first).then_some((name, rest))
}

type Labels<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// What stands between the braces, of which the first has been taken, and what follows the second.
fn labels(mut rest: &str) -> Result<(Labels<'_>, &str), LineProblem> {
    let mut all = Vec::new();
    loop {
        rest = rest.trim_start_matches(BLANKS);
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((all, after));
        }
        if all.len() == MAX_LABELS {
            return Err(LineProblem::TooManyLabels);
        }
        let (name, after) = name(rest, "").ok_or(LineProblem::Labels)?;
        let after = after.trim_start_matches(BLANKS).strip_prefix('=');
        let quoted = after.map(|after| after.trim_start_matches(BLANKS));
        let quoted = quoted.and_then(|quoted| quoted.strip_prefix('"'));
        let (value, after) = quoted.and_then(label_value).ok_or(LineProblem::Labels)?;
        all.push((name, value));
        rest = after.trim_start_matches(BLANKS);
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None if rest.starts_with('}') => {}
            None => return Err(LineProblem::Labels),
        }
    }
}

/// A value up to its closing quote, and what follows.
fn label_value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut characters = text.char_indices();
    let mut unescaped: Option<String> = None;
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => {
                let (plain, _) = text.split_at_checked(at)?;
                let rest = text.split_at_checked(at + 1)?.1;
                return Some((unescaped.map_or(Cow::Borrowed(plain), Cow::Owned), rest));
            }
            '\\' => {
                let text = unescaped.get_or_insert_with(|| text.split_at(at).0.to_owned());
                match characters.next()?.1 {
                    'n' => text.push('\n'),
                    escaped @ ('\\' | '"') => text.push(escaped),
                    // Prometheus itself lets other escapes stand as they are.
                    other => text.extend(['\\', other]),
                }
            }
            c => {
                if let Some(text) = &mut unescaped {
                    text.push(c);
                }
            }
        }
    }
    None
}

fn value(rest: &str) -> Result<f64, LineProblem> {
    let mut words = rest.split(BLANKS).filter(|word| !word.is_empty());
    let value = words.next().and_then(number).ok_or(LineProblem::Value)?;
    match words.next() {
        // Milliseconds, or seconds in OpenMetrics; or an exemplar.
        Some(word) if word.starts_with('#') => Ok(value),
        Some(word) => match (number(word), words.next()) {
            (Some(_), None) => Ok(value),
            (Some(_), Some(next)) if next.starts_with('#') => Ok(value),
            _ => Err(LineProblem::Time),
        },
        None => Ok(value),
    }
}

fn number(word: &str) -> Option<f64> {
    // Rust reads the same decimal numbers, `inf` and `nan` as Go does, in any case.
    word.parse().ok()
}
