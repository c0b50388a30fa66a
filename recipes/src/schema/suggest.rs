//! "Did you mean …?"

/// Names closer than this are suggested: 1 is equal, 0 has nothing in common.
const CLOSE_ENOUGH: f64 = 0.7;

/// Most names that are listed where none is close.
const MAX_LISTED: usize = 16;

/// The nearest of some names.
pub(crate) fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&wrong, name), name))
        .filter(|(similarity, _)| *similarity >= CLOSE_ENOUGH)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// Advice on a wrong name: the nearest right one, else what is allowed.
pub(crate) fn advice(wrong: &str, names: &[&str]) -> Option<String> {
    if let Some(name) = nearest(wrong, names.iter().copied()) {
        return Some(format!("did you mean `{name}`?"));
    }
    (!names.is_empty()).then(|| format!("expected {}", list(names)))
}

/// Names in a sentence: "`a`, `b` or `c`".
pub(crate) fn list(names: &[&str]) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(MAX_LISTED)
        .map(|name| format!("`{name}`"))
        .collect();
    match shown.as_slice() {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        _ if names.len() > MAX_LISTED => format!("{} or others", shown.join(", ")),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_are_recognised() {
        let names = ["concurrency", "think_time", "shape"];
        assert_eq!(nearest("concurency", names), Some("concurrency"));
        assert_eq!(nearest("thinktime", names), Some("think_time"));
        assert_eq!(nearest("Shape", names), Some("shape"));
        assert_eq!(nearest("zzz", names), None);
    }

    #[test]
    fn lists_read_well() {
        assert_eq!(list(&["a"]), "`a`");
        assert_eq!(list(&["a", "b", "c"]), "`a`, `b` or `c`");
    }
}
