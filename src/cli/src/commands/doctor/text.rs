//! A diagnosis for people.

use std::fmt::Write as _;

use super::check::{Check, Status};
use super::{Diagnosis, calibrate};

/// Columns of the longest status and the longest name.
const STATUS_WIDTH: usize = 7;
const NAME_WIDTH: usize = 18;

/// One line a check, its advice below it, the calibration, and the conclusion last.
pub(super) fn of(diagnosis: &Diagnosis) -> String {
    let mut text = String::new();
    for check in &diagnosis.checks {
        line(&mut text, check);
    }
    if let Some(calibration) = &diagnosis.calibration {
        text.push('\n');
        text.push_str(&calibrate::text(calibration));
    }
    let _ = writeln!(text, "\n{}", conclusion(&diagnosis.checks));
    text
}

pub(super) fn line(text: &mut String, check: &Check) {
    let (status, name) = (check.status.as_str(), &check.name);
    let _ = writeln!(
        text,
        "{status:STATUS_WIDTH$}  {name:NAME_WIDTH$}  {}",
        check.found
    );
    if let Some(advice) = &check.advice {
        let _ = writeln!(text, "{:1$}→ {advice}", "", STATUS_WIDTH + NAME_WIDTH + 4);
    }
}

fn conclusion(checks: &[Check]) -> String {
    let names = |status| {
        let of_status = checks.iter().filter(|check| check.status == status);
        of_status.map(|check| &*check.name).collect::<Vec<&str>>()
    };
    let (missing, warnings) = (names(Status::Missing), names(Status::Warning));
    match (missing.as_slice(), warnings.as_slice()) {
        ([], []) => "Runs on this machine can work.".to_owned(),
        ([], some) => format!(
            "Runs on this machine can work; see the warnings about {}.",
            some.join(", ")
        ),
        (some, _) => format!("Runs on this machine cannot work yet: see {}.", some.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_says_whether_runs_can_work() {
        let (good, slow, gone) = (
            Check::ok("a", "x"),
            Check::warning("b", "y", "do this"),
            Check::missing("c", "z", "do that"),
        );
        assert_eq!(
            conclusion(std::slice::from_ref(&good)),
            "Runs on this machine can work."
        );
        assert_eq!(
            conclusion(&[good.clone(), slow.clone()]),
            "Runs on this machine can work; see the warnings about b."
        );
        assert_eq!(
            conclusion(&[good, slow, gone]),
            "Runs on this machine cannot work yet: see c."
        );
    }

    #[test]
    fn advice_stands_below_what_was_found() {
        let mut text = String::new();
        line(&mut text, &Check::warning("clock source", "hpet", "use tsc"));
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("warning  clock source "), "{text}");
        assert_eq!(lines[0].find("hpet"), lines[1].find('→'), "{text}");
    }
}
