use proptest::prelude::*;

use super::listing::{TABLE, parse};
use super::*;
use crate::testing::stand_in;

fn pending(reason: &str) -> String {
    TABLE.printed([
        "17",
        "N/A",
        "N/A",
        "PENDING",
        reason,
        "1795579200",
        "N/A",
        "N/A",
        "5",
        "0",
        "main",
        "hpcbench:r1",
    ])
}

#[test]
fn jobs_and_components_are_read() {
    let text = pending("Resources")
        + &TABLE.printed([
            "19",
            "18",
            "1",
            "RUNNING",
            "None",
            "1795579200",
            "1795579210",
            "1795582810",
            "2",
            "1",
            "gpu",
            "(null)",
        ]);
    let jobs = parse(&text);
    assert_eq!(jobs.len(), 2);
    assert_eq!(
        (jobs[0].job, jobs[0].nodes, jobs[0].comment.as_str()),
        (JobId::new(17), Some(5), "hpcbench:r1")
    );
    let words = "it is next, and waits for nodes to become free (Resources)";
    assert_eq!(jobs[0].waits_because().as_deref(), Some(words));
    assert_eq!((jobs[1].job, jobs[1].number), (JobId::new(18).component(1), 19));
    assert_eq!(
        (
            jobs[1].waits_because(),
            jobs[1].restarts,
            jobs[1].comment.as_str()
        ),
        (None, Some(1), "")
    );
    assert_eq!(jobs[1].ends_at, Some(UnixTime::from_seconds(1_795_582_810)));
}

#[test]
fn lines_of_another_shape_are_left_out() {
    let text = format!("squeue: something\n\n{}17 RUNNING\n", pending("Priority"));
    assert_eq!(parse(&text).len(), 1);
}

#[test]
fn a_bar_in_a_field_is_part_of_it() {
    let jobs = parse(&pending("held | by | somebody"));
    assert_eq!(jobs[0].reason.as_deref(), Some("held | by | somebody"));
}

#[test]
fn states_read_back_and_only_ends_are_over() {
    for (text, over) in [
        ("PENDING", false),
        ("RUNNING", false),
        ("COMPLETING", false),
        ("SUSPENDED", false),
        ("CANCELLED", true),
        ("NODE_FAIL", true),
        ("BOOT_FAIL", true),
        ("SOMETHING_NEW", false),
    ] {
        let state = JobState::parse(text);
        assert_eq!((state.as_str(), state.is_over()), (text, over));
    }
    assert_eq!(JobState::parse("CANCELLED by 1000"), JobState::Cancelled);
    assert_eq!(JobState::OutOfMemory.to_string(), "out of memory");
}

#[test]
fn a_controller_that_does_not_answer_ends_no_job() {
    let line =
        "echo 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)' >&2; exit 1";
    let (_keep, slurm) = stand_in("squeue", line);
    let queue = slurm.queue();
    assert!(matches!(queue.find(JobId::new(17)), Sighting::Unknown(_)));
    assert!(slurm.jobs(JobId::new(17)).unwrap_err().is_no_answer());
}

#[test]
fn a_job_that_slurm_forgot_is_gone() {
    let (_keep, slurm) = stand_in(
        "squeue",
        "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1",
    );
    assert_eq!(slurm.jobs(JobId::new(17)).unwrap(), []);
    let queue = Queue::Jobs(parse(&pending("Priority")));
    assert_eq!(queue.find(JobId::new(18)), Sighting::Gone);
    assert!(matches!(queue.find(JobId::new(17).component(0)), Sighting::Listed(jobs) if jobs.len() == 1));
    assert!(matches!(queue.find_by_key("hpcbench:r1"), Sighting::Listed(_)));
    assert_eq!(queue.find_by_key("hpcbench:r"), Sighting::Gone);
}

#[test]
fn slurm_is_asked_once_in_thirty_seconds() {
    let (keep, slurm) = stand_in("squeue", "echo asked >> \"$(dirname \"$0\")/asked\"");
    let cache = keep.path().join("queue.json");
    let asked = || {
        std::fs::read_to_string(keep.path().join("asked"))
            .unwrap()
            .lines()
            .count()
    };
    let time = |seconds: i64| UnixTime::from_seconds(1_795_579_200 + seconds);
    let at = |seconds: i64| slurm.cached_queue(&cache, time(seconds), None);
    at(0);
    assert_eq!(at(29).asked_at, UnixTime::from_seconds(1_795_579_200));
    assert_eq!(asked(), 1);
    at(30);
    assert_eq!(asked(), 2);
    // The clock went back: what comes from the future is asked for again.
    at(-100);
    assert_eq!(asked(), 3);
    std::fs::write(&cache, "not a cache").unwrap();
    at(-100);
    assert_eq!(asked(), 4);
    slurm.queue_now(&cache, time(-100));
    assert_eq!(asked(), 5);
}

#[test]
fn an_answer_from_before_a_submission_does_not_say_that_there_is_no_job() {
    let at = UnixTime::from_seconds;
    let cached = Cached {
        asked_at: at(100),
        answered_at: at(110),
        queue: Queue::Jobs(Vec::new()),
    };
    assert!(cached.is_fresh(at(112), Some(at(99))));
    // Submitted while squeue was at work, or in the second in which it was asked.
    assert!(!cached.is_fresh(at(112), Some(at(105))) && !cached.is_fresh(at(112), Some(at(100))));
    // Clocks of nodes differ: nobody is asked without end for the sake of a time that is still to come.
    assert!(cached.is_fresh(at(112), Some(at(500))));
    assert!(!cached.is_fresh(at(140), None));
}

proptest! {
    #[test]
    fn parsing_never_panics(text in "(.{0,40}\n){0,5}") {
        let _ = parse(&text);
    }

    #[test]
    fn any_reason_stays_in_its_field(reason in "[!-~][ -~]{0,60}[!-~]") {
        let jobs = parse(&pending(&reason));
        prop_assert_eq!(jobs.len(), 1);
        prop_assert_eq!(jobs[0].partition.as_str(), "main");
    }
}
