use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::*;
use crate::ids::JobId;
use crate::layout::testing::{example, generic, plan, two_partitions};
use crate::layout::{Layout, layout};
use crate::testing::stand_in;

fn command() -> JobCommand {
    JobCommand::new(
        Path::new("/opt/hpcbench/bin/hpcbench"),
        Path::new("/scratch/runs/r1"),
        "hpcbench:r1:1",
    )
    .unwrap()
}

fn laid_out(launch: Value, nodes: Value) -> Layout {
    layout(&plan(launch, nodes), &generic()).unwrap()
}

fn arguments(layout: &Layout) -> Vec<Vec<String>> {
    let texts =
        |part: Vec<std::ffi::OsString>| part.into_iter().map(|text| text.into_string().unwrap()).collect();
    sbatch_argv(layout, &command()).into_iter().map(texts).collect()
}

/// Whether bash reads the script at all.
fn is_shell(script: &str) -> bool {
    let status = Command::new("bash").args(["-n", "-c", script]).status().unwrap();
    status.success()
}

#[test]
fn the_examples_script() {
    let command = command()
        .with_variable("HPCBENCH_NATS_SERVER", "/opt/nats server")
        .unwrap();
    let script = job_script(&layout(&example(), &generic()).unwrap(), &command).unwrap();
    assert!(is_shell(&script));
    insta::assert_snapshot!(script);
}

#[test]
fn a_heterogeneous_jobs_script() {
    let script = job_script(&layout(&two_partitions(), &generic()).unwrap(), &command()).unwrap();
    assert!(is_shell(&script));
    insta::assert_snapshot!(script);
}

#[test]
fn arguments_state_everything_for_each_component() {
    let parts = arguments(&layout(&two_partitions(), &generic()).unwrap());
    insta::assert_snapshot!(
        parts
            .iter()
            .map(|part| part.join("\n"))
            .collect::<Vec<_>>()
            .join("\n:\n")
    );
}

const HOSTILE: &str = "$(touch x); `touch x` 'a' \"b\" -rf | & # \\";

#[test]
fn hostile_values_are_one_argument_each_and_in_no_script() {
    let launch = json!({
        "partition": HOSTILE, "account": "--wrap=touch x", "qos": ":", "reservation": "#SBATCH", "modules": [HOSTILE],
        "directives": [format!("--mail-user={HOSTILE}")],
    });
    let layout = laid_out(
        launch,
        json!({"servers": {"constraint": HOSTILE}, "clients": {"constraint": HOSTILE}}),
    );
    let parts = arguments(&layout);
    for wanted in [
        format!("--partition={HOSTILE}"),
        "--account=--wrap=touch x".to_owned(),
        "--qos=:".to_owned(),
        format!("--constraint={HOSTILE}"),
        format!("--mail-user={HOSTILE}"),
    ] {
        assert!(parts[0].contains(&wanted), "{wanted}");
    }
    assert!(parts.iter().flatten().all(|argument| argument.starts_with("--")));
    let script = job_script(&layout, &command()).unwrap();
    assert!(is_shell(&script));
    insta::assert_snapshot!(script);
}

#[test]
fn nothing_of_a_hostile_recipe_is_run() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("hpc $(touch a) 'bench'");
    let run = directory.path().join("runs; touch b #");
    std::fs::create_dir(&run).unwrap();
    let shell = "#!/bin/sh\nprintf '%s\\n' \"$@\" > out; umask >> out; env >> out\n";
    std::fs::write(&program, shell).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&program, mode).unwrap();
    let layout = laid_out(json!({"modules": [HOSTILE]}), json!({}));
    let command = JobCommand::new(&program, &run, "k")
        .unwrap()
        .with_variable("A", HOSTILE)
        .unwrap();
    let script = job_script(&layout, &command).unwrap();
    // `module` is here a function that takes everything.
    let script = format!("module() {{ printf '%s\\n' \"$2\" > module; }}\n{script}");
    let mut bash = Command::new("/bin/bash");
    bash.env_clear()
        .env("SLURM_MEM_PER_NODE", "100")
        .env("SLURM_JOB_ID", "7");
    let status = bash
        .args(["-c", &script])
        .current_dir(directory.path())
        .status()
        .unwrap();
    assert!(status.success());
    let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).unwrap();
    let out = read("out");
    assert!(
        out.starts_with(&format!("job\n--run-dir\n{}\n--key\nk\n0077\n", run.display())),
        "{out}"
    );
    assert!(
        out.contains(&format!("\nA={HOSTILE}\n")) && out.contains("\nSLURM_EXPORT_ENV=ALL\n"),
        "{out}"
    );
    assert!(
        out.contains("\nSLURM_JOB_ID=7\n") && !out.contains("SLURM_MEM_PER_NODE"),
        "{out}"
    );
    assert!(
        out.contains("\nPATH=/") && out.contains("\nHOME=/") && out.contains("\nUSER="),
        "{out}"
    );
    assert_eq!(read("module"), format!("{HOSTILE}\n"));
    for made in ["a", "b", "x"] {
        assert!(!directory.path().join(made).exists(), "{made}");
    }
}

#[test]
fn a_job_that_cannot_start_ends_with_exit_code_3() {
    for (program, module, message) in [
        ("/nowhere/hpcbench", None, "cannot execute /nowhere/hpcbench on "),
        (
            "/bin/true",
            Some("Nothing/1"),
            "the module Nothing/1 cannot be loaded",
        ),
    ] {
        let layout = laid_out(json!({"modules": module.iter().collect::<Vec<_>>()}), json!({}));
        let command = JobCommand::new(Path::new(program), Path::new("/tmp"), "k").unwrap();
        let script = job_script(&layout, &command).unwrap();
        let output = Command::new("/bin/bash")
            .env_clear()
            .args(["-c", &script])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(3), "{program}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(message), "{said}");
    }
}

#[test]
fn what_cannot_be_passed_on_is_refused() {
    let program = Path::new("/bin/true");
    for run in ["runs/r1", "/runs/a\nb", "/runs/a\\b"] {
        assert!(JobCommand::new(program, Path::new(run), "k").is_err(), "{run:?}");
    }
    for key in ["", "a b", "-k", "a\n", "$(id)"] {
        assert!(
            JobCommand::new(program, Path::new("/runs"), key).is_err(),
            "{key:?}"
        );
    }
    for (name, value) in [("", "x"), ("1A", "x"), ("A B", "x"), ("A;id", "x"), ("A", "a\nb")] {
        assert!(command().with_variable(name, value).is_err(), "{name:?}");
    }
}

#[test]
fn a_percent_sign_in_a_path_stays_one() {
    let command = JobCommand::new(Path::new("/bin/true"), Path::new("/runs/100%j"), "k").unwrap();
    let parts = sbatch_argv(&laid_out(json!({}), json!({})), &command.after(JobId::new(5)));
    assert!(parts[0].contains(&"--output=/runs/100%%j/job/%j.log".into()));
    assert!(parts[0].contains(&"--chdir=/runs/100%j".into()));
    assert!(parts[0].contains(&"--dependency=afterany:5".into()));
}

#[test]
fn refusals_lead_to_the_recipe() {
    let layout = layout(&two_partitions(), &generic()).unwrap();
    for (message, path, value) in [
        (
            "Batch job submission failed: Invalid account or account/partition combination specified",
            "launch.account",
            Some("p200981"),
        ),
        (
            "invalid partition specified: gpu",
            "nodes.servers.partition",
            Some("gpu"),
        ),
        (
            "Batch job submission failed: Invalid partition name specified",
            "nodes.clients.partition",
            Some("cpu"),
        ),
        (
            "Batch job submission failed: Invalid qos specification",
            "launch.qos",
            Some("default"),
        ),
        (
            "Batch job submission failed: Requested time limit is invalid (missing or exceeds some limit)",
            "launch.time_limit",
            Some("2-00:00:00"),
        ),
        (
            "QOSMaxWallDurationPerJobLimit\nBatch job submission failed: Job violates accounting/QOS policy (job submit \
             limit, user's size and/or time limits)",
            "launch.time_limit",
            Some("2-00:00:00"),
        ),
        (
            "AssocMaxNodePerJobLimit\nBatch job submission failed: Job violates accounting/QOS policy (job submit limit, \
             user's size and/or time limits)",
            "nodes.servers.count",
            None,
        ),
        (
            "QOSMaxGRESPerJob\nBatch job submission failed: Job violates accounting/QOS policy (job submit limit, user's \
             size and/or time limits)",
            "nodes.servers.gpus",
            None,
        ),
        (
            "Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size and/or time \
             limits)",
            "launch.qos",
            Some("default"),
        ),
        (
            "Batch job submission failed: Invalid generic resource (gres) specification",
            "nodes.servers.gpus",
            None,
        ),
        (
            "Batch job submission failed: Invalid feature specification",
            "nodes.servers.constraint",
            Some("a100"),
        ),
        (
            "Batch job submission failed: Memory specification can not be satisfied",
            "nodes.clients.memory",
            None,
        ),
        (
            "Batch job submission failed: Requested node configuration is not available",
            "nodes.servers.count",
            None,
        ),
        (
            "Batch job submission failed: Node count specification invalid",
            "nodes.servers.count",
            None,
        ),
        (
            "unrecognized option '--mail-type=END'",
            "launch.directives.0",
            Some("--mail-type=END"),
        ),
        (
            "Batch job submission failed: Requested reservation is invalid",
            "launch.reservation",
            None,
        ),
    ] {
        let refusal = Refusal::new(&layout, message.to_owned());
        assert_eq!(
            refusal.path().map(crate::RecipePath::as_str),
            Some(path),
            "{message}"
        );
        assert_eq!(refusal.cause.unwrap().value.as_deref(), value, "{message}");
    }
    assert_eq!(
        Refusal::new(&layout, "Slurm has a bad day".to_owned()).cause,
        None
    );
}

#[test]
fn answers_of_sbatch_are_told_apart() {
    let layout = layout(&example(), &generic()).unwrap();
    let submit = |lines: &str| {
        let (_keep, slurm) = stand_in("sbatch", lines);
        slurm.submit(
            &layout,
            &crate::Slurm::submission(&layout, &command(), Path::new("/s")),
        )
    };
    assert_eq!(submit("echo 17").unwrap(), JobId::new(17));
    assert_eq!(submit("echo '17;cluster'").unwrap(), JobId::new(17));
    assert!(matches!(submit("echo hello"), Err(SubmitError::NoId(_))));
    let refused = submit("echo 'sbatch: error: invalid partition specified: gpu' >&2; exit 1").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "Slurm refuses the job: invalid partition specified: gpu"
    );
    let silent = "echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation' >&2; exit 1";
    assert!(matches!(submit(silent), Err(SubmitError::NoAnswer(_))));
}

#[test]
fn components_are_joined_by_a_colon() {
    let layout = layout(&two_partitions(), &generic()).unwrap();
    let all = crate::Slurm::submission(&layout, &command(), Path::new("/s.sh"));
    assert_eq!(
        (all.first(), all.last()),
        (Some(&"--parsable".into()), Some(&"/s.sh".into()))
    );
    assert_eq!(all.iter().filter(|argument| *argument == ":").count(), 1);
}
