//! Which events are shown, by their type.

use std::str::FromStr;

use globset::{Glob, GlobMatcher};

/// Longest pattern, in bytes. Types are shorter than a tenth of it.
const MAX_GLOB_BYTES: usize = 1024;

/// One pattern for event types, such as `trial.*` or `{run,epoch}.*`.
#[derive(Debug, Clone)]
pub(crate) struct TypeGlob(GlobMatcher);

impl FromStr for TypeGlob {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("an empty pattern matches nothing; `*` matches every type".to_owned());
        }
        if text.len() > MAX_GLOB_BYTES {
            return Err(format!("the pattern is longer than {MAX_GLOB_BYTES} bytes"));
        }
        let glob = Glob::new(text).map_err(|error| error.kind().to_string())?;
        Ok(Self(glob.compile_matcher()))
    }
}

/// The wanted types.
#[derive(Debug, Clone, Default)]
pub(crate) struct TypeFilter(Vec<TypeGlob>);

impl TypeFilter {
    /// Those that one of the patterns matches; without a pattern, all.
    pub(crate) const fn any_of(globs: Vec<TypeGlob>) -> Self {
        Self(globs)
    }

    /// Whether somebody chose.
    pub(crate) const fn is_explicit(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether events of this type are wanted.
    pub(crate) fn wants(&self, kind: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|glob| glob.0.is_match(kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(globs: &[&str]) -> TypeFilter {
        TypeFilter::any_of(globs.iter().map(|glob| glob.parse().unwrap()).collect())
    }

    #[test]
    fn patterns_are_of_the_whole_type() {
        let trials = filter(&["trial.*"]);
        assert!(trials.wants("trial.started") && trials.wants("trial.stop_requested"));
        assert!(!trials.wants("trial") && !trials.wants("a.trial.started"));
        assert!(filter(&["*.requested"]).wants("service.requested"));
        assert!(filter(&["run.creat??"]).wants("run.created"));
        assert!(filter(&["{run,node}.*"]).wants("node.lost"));
        assert!(!filter(&["run.*"]).wants("RUN.created"));
    }

    #[test]
    fn one_of_several_is_enough_and_none_means_all() {
        let two = filter(&["run.*", "node.lost"]);
        assert!(two.wants("run.created") && two.wants("node.lost") && !two.wants("node.joined"));
        assert!(two.is_explicit());
        assert!(filter(&[]).wants("anything") && !filter(&[]).is_explicit());
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in ["", "trial.[", "{run", "a\\", &"x".repeat(MAX_GLOB_BYTES + 1)] {
            assert!(text.parse::<TypeGlob>().is_err(), "{text}");
        }
    }
}
