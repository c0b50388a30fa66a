//! Why jobs wait, in words.

/// Slurm's names, and what they mean to somebody who waits.
const REASONS: &[(&str, &str)] = &[
    ("AccountNotAllowed", "the partition does not admit the account"),
    (
        "AssociationJobLimit",
        "the account has as many jobs as it may have",
    ),
    (
        "AssociationResourceLimit",
        "the account uses as much as it may use",
    ),
    ("AssociationTimeLimit", "the account has used up its time"),
    ("BadConstraints", "no node has the features that are asked for"),
    (
        "BeginTime",
        "it may not start yet (after being put back into the queue: for two minutes or so)",
    ),
    ("BurstBufferResources", "it waits for the burst buffer"),
    ("Cleaning", "its former nodes are still being cleaned up"),
    ("Deadline", "it cannot end before its deadline"),
    ("Dependency", "it waits for another job to end"),
    (
        "DependencyNeverSatisfied",
        "it waits for something of another job that can no longer happen: cancel it",
    ),
    (
        "FedJobLock",
        "the clusters of the federation are settling where it runs",
    ),
    ("InactiveLimit", "it was inactive for too long"),
    ("InvalidAccount", "the account is not valid"),
    ("InvalidQOS", "the QOS is not valid"),
    ("JobArrayTaskLimit", "as many tasks of its array run as may"),
    ("JobHeldAdmin", "an administrator holds it back"),
    ("JobHeldUser", "it is held back: `scontrol release` lets it go"),
    (
        "JobHoldMaxRequeue",
        "it was put back into the queue too often and is held back",
    ),
    ("JobLaunchFailure", "it could not be launched on its nodes"),
    (
        "launch failed requeued held",
        "it could not be launched and is held back: `scontrol release` lets it go",
    ),
    ("Licenses", "it waits for a licence"),
    ("MaxMemPerLimit", "it asks for more memory than a job may have"),
    ("NodeDown", "a node that it needs is down"),
    (
        "Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions",
        "nodes that it needs are down, drained or reserved for others",
    ),
    ("NonZeroExitCode", "it ended with an error"),
    (
        "PartitionConfig",
        "the partition has not the nodes that it asks for",
    ),
    ("PartitionDown", "the partition is down"),
    ("PartitionInactive", "the partition starts no jobs at present"),
    (
        "PartitionNodeLimit",
        "it asks for more nodes than the partition gives to one job, or they are down",
    ),
    (
        "PartitionTimeLimit",
        "its time limit is longer than the partition allows",
    ),
    ("Priority", "jobs with a higher priority come first"),
    ("Prolog", "its nodes are being made ready"),
    ("QOSJobLimit", "the QOS has as many jobs as it may have"),
    (
        "QOSMaxWallDurationPerJobLimit",
        "its time limit is longer than the QOS allows",
    ),
    ("QOSNotAllowed", "the partition does not admit the QOS"),
    ("QOSResourceLimit", "the QOS uses as much as it may use"),
    ("QOSTimeLimit", "the QOS has used up its time"),
    (
        "QOSUsageThreshold",
        "the QOS's usage is too low or too high for it",
    ),
    (
        "ReqNodeNotAvail",
        "a node that it needs is down, drained or reserved, perhaps for maintenance before its time limit would be over",
    ),
    ("Reservation", "it waits for its reservation to begin"),
    ("ReservationDeleted", "its reservation was deleted"),
    ("Resources", "it is next, and waits for nodes to become free"),
    ("SchedDefer", "Slurm looks at it later"),
    ("SystemFailure", "something in Slurm or the system failed"),
    ("TimeLimit", "its time is up"),
    ("WaitingForScheduling", "Slurm has not looked at it yet"),
];

/// The beginnings of names that Slurm composes of who limits, what it limits and for whom.
const LIMITERS: [(&str, &str); 7] = [
    ("AssocGrp", "together, the jobs of the account"),
    ("AssocMax", "this job, by the limits of the account,"),
    ("AssocPer", "this job, by the limits of the account,"),
    ("QOSGrp", "together, the jobs of the QOS"),
    ("QOSMax", "this user's jobs in the QOS, or this one alone,"),
    ("QOSMin", "this job asks for less than the QOS wants, or"),
    ("MaxJobs", "this user's jobs"),
];

/// Why a job waits, in words. Slurm's own name stands behind them; an unknown one stands alone.
pub fn reason_in_words(reason: &str) -> String {
    let reason = reason.trim().trim_matches(|c| c == '(' || c == ')');
    // `ReqNodeNotAvail, UnavailableNodes:node[1-2]`
    let name = reason.split([',', ':']).next().unwrap_or_default().trim();
    let known = |wanted: &str| {
        let found = REASONS.iter().find(|(name, _)| same(name, wanted));
        found.map(|(_, words)| *words)
    };
    if let Some(words) = known(reason).or_else(|| known(name)) {
        return format!("{words} ({reason})");
    }
    match limit(name) {
        Some(words) => format!("{words} ({reason})"),
        None => reason.to_owned(),
    }
}

/// Slurm writes some reasons with blanks and some with underscores for them.
fn same(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.replace('_', " ") == other.replace('_', " ")
}

/// `AssocGrpCPUMinutesLimit`, `QOSMaxJobsPerUserLimit` and their like.
fn limit(name: &str) -> Option<String> {
    let (prefix, who) = LIMITERS
        .into_iter()
        .find(|(prefix, _)| name.starts_with(prefix))?;
    let what = name.strip_prefix(prefix)?;
    let what = what.strip_suffix("Limit").unwrap_or(what);
    let (what, whom) = match what.split_once("Per") {
        Some((what, whom)) if !what.is_empty() => (what, format!(" per {}", spaced(whom))),
        _ => (what, String::new()),
    };
    Some(format!("{who} would exceed a limit on {}{whom}", spaced(what)))
}

/// `CPUMinutes` as `CPU minutes`.
fn spaced(name: &str) -> String {
    let mut words = String::new();
    let mut before = ' ';
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let next_is_small = letters.peek().is_some_and(char::is_ascii_lowercase);
        let begins_word = letter.is_ascii_uppercase() && (before.is_ascii_lowercase() || next_is_small);
        if begins_word && !words.is_empty() {
            words.push(' ');
        }
        let acronym = letter.is_ascii_uppercase() && !next_is_small;
        words.push(if acronym {
            letter
        } else {
            letter.to_ascii_lowercase()
        });
        before = letter;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_reasons_have_words() {
        for (reason, words) in [
            ("Priority", "jobs with a higher priority come first (Priority)"),
            (
                "(Resources)",
                "it is next, and waits for nodes to become free (Resources)",
            ),
            (
                "JobHeldUser",
                "it is held back: `scontrol release` lets it go (JobHeldUser)",
            ),
        ] {
            assert_eq!(reason_in_words(reason), words);
        }
        let down = reason_in_words("ReqNodeNotAvail, UnavailableNodes:node[1-2]");
        assert!(
            down.starts_with("a node that it needs is down") && down.ends_with("node[1-2])"),
            "{down}"
        );
        let held = reason_in_words("launch_failed_requeued_held");
        assert!(held.starts_with("it could not be launched"), "{held}");
    }

    #[test]
    fn limits_say_whose_and_on_what() {
        for (reason, words) in [
            (
                "AssocGrpCPUMinutesLimit",
                "together, the jobs of the account would exceed a limit on CPU minutes (AssocGrpCPUMinutesLimit)",
            ),
            (
                "QOSMaxJobsPerUserLimit",
                "this user's jobs in the QOS, or this one alone, would exceed a limit on jobs per user \
                 (QOSMaxJobsPerUserLimit)",
            ),
            (
                "QOSGrpGRES",
                "together, the jobs of the QOS would exceed a limit on GRES (QOSGrpGRES)",
            ),
        ] {
            assert_eq!(reason_in_words(reason), words);
        }
    }

    #[test]
    fn unknown_reasons_are_shown_as_they_are() {
        for reason in ["SomethingNew", "", "Foo, bar"] {
            assert_eq!(reason_in_words(reason), reason);
        }
    }

    #[test]
    fn every_reason_stands_once() {
        let mut names: Vec<&str> = REASONS.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), REASONS.len());
    }
}
