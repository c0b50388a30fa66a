//! Running Slurm's programs.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// Most bytes that are kept of what a program prints.
const MAX_OUTPUT: u64 = 16 << 20;

/// Most bytes that are kept of what a program says on its standard error.
const MAX_COMPLAINTS: u64 = 64 << 10;

/// Most lines of a complaint that are passed on.
const MAX_LINES: usize = 20;

/// How often it is looked whether a program has ended.
const POLL: Duration = Duration::from_millis(5);

/// How long output may still come once a program has ended: something it started may hold the pipe open.
const LATE_OUTPUT: Duration = Duration::from_secs(1);

/// Variables that would change what the programs are asked, or how they answer. Those of sbatch that choose who pays and
/// where a job runs are people's defaults and stay.
const CHANGE_QUESTIONS: [&str; 6] = ["SBATCH_", "SQUEUE_", "SACCT_", "SCANCEL_", "SCONTROL_", "SLURM_"];
const STAY: [&str; 6] = [
    "SBATCH_ACCOUNT",
    "SBATCH_PARTITION",
    "SBATCH_QOS",
    "SBATCH_RESERVATION",
    "SLURM_CONF",
    "SLURM_CONF_SERVER",
];

/// Slurm's programs, as they are found on `PATH`.
#[derive(Debug, Clone, Default)]
pub struct Slurm {
    directory: Option<PathBuf>,
}

/// Why a program gave no answer. What it printed when it failed is in [`Self::Failed`].
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// There is no such program.
    #[error(
        "{program} was not found on PATH: is this a machine of a Slurm cluster, and is Slurm's module loaded?"
    )]
    NotFound {
        /// Its name.
        program: &'static str,
    },
    /// It could not be started.
    #[error("cannot start {program}")]
    NotStarted {
        /// Its name.
        program: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It took too long.
    #[error("{program} did not answer within {} s", .limit.as_secs())]
    TimedOut {
        /// Its name.
        program: &'static str,
        /// How long was waited.
        limit: Duration,
    },
    /// It said no.
    #[error("{program} failed: {message}")]
    Failed {
        /// Its name.
        program: &'static str,
        /// What it said, without its own name in front.
        message: String,
    },
}

impl ProgramError {
    /// Whether the cluster's controller, or its accounting, could not be asked: nothing is known then.
    pub fn is_no_answer(&self) -> bool {
        const SIGNS: [&str; 8] = [
            "unable to contact slurm controller",
            "unable to contact slurm",
            "socket timed out",
            "connection refused",
            "connect failure",
            "communication connection failure",
            "could not establish a configuration source",
            // What scontrol says of a request that did not arrive.
            "unexpected message received",
        ];
        match self {
            Self::TimedOut { .. } => true,
            Self::Failed { message, .. } => {
                let message = message.to_ascii_lowercase();
                SIGNS.iter().any(|sign| message.contains(sign))
            }
            Self::NotFound { .. } | Self::NotStarted { .. } => false,
        }
    }
}

/// What a program printed before it ended well.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) output: String,
    pub(crate) complaints: String,
}

impl Slurm {
    /// The programs on `PATH`.
    pub fn on_path() -> Self {
        Self::default()
    }

    /// The programs in this directory, wherever `PATH` leads.
    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: Some(directory.into()),
        }
    }

    /// Runs a program to its end. It is asked in English, and prints times as seconds since 1970.
    pub(crate) fn ask<A: AsRef<OsStr>>(
        &self,
        program: &'static str,
        arguments: &[A],
        limit: Duration,
    ) -> Result<Answer, ProgramError> {
        let mut command = match &self.directory {
            Some(directory) => Command::new(directory.join(program)),
            None => Command::new(program),
        };
        for name in env::vars_os().map(|(name, _)| name).filter(changes_questions) {
            command.env_remove(name);
        }
        command.env("LC_ALL", "C").env("SLURM_TIME_FORMAT", "%s");
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ProgramError::NotFound { program },
            _ => ProgramError::NotStarted { program, source },
        })?;
        let output = child.stdout.take().map(|pipe| collect(pipe, MAX_OUTPUT));
        let complaints = child.stderr.take().map(|pipe| collect(pipe, MAX_COMPLAINTS));
        let ended_well = wait(&mut child, program, limit)?;
        let answer = Answer {
            output: output.map(late).unwrap_or_default(),
            complaints: complaints.map(late).unwrap_or_default(),
        };
        if ended_well {
            Ok(answer)
        } else {
            let message = message(program, &answer);
            Err(ProgramError::Failed { program, message })
        }
    }
}

fn changes_questions(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    !STAY.contains(&&*name) && CHANGE_QUESTIONS.iter().any(|prefix| name.starts_with(prefix))
}

/// Waits for a child, and ends it when its time is up. Says whether it ended well.
fn wait(child: &mut Child, program: &'static str, limit: Duration) -> Result<bool, ProgramError> {
    let started = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status.success()),
            Ok(None) if started.elapsed() < limit => thread::sleep(POLL),
            unfinished => {
                // It may have ended just now: then there is nothing to kill, and `wait` still takes it in.
                let _ = child.kill();
                let _ = child.wait();
                return Err(match unfinished {
                    Err(source) => ProgramError::NotStarted { program, source },
                    Ok(_) => ProgramError::TimedOut { program, limit },
                });
            }
        }
    }
}

/// Reads a pipe to its end on a thread of its own, and keeps the beginning.
fn collect(mut pipe: impl Read + Send + 'static, limit: u64) -> Receiver<String> {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let mut kept = Vec::new();
        // What was read before an error is as much as there is; nobody may wait for it any more.
        let _ = pipe.by_ref().take(limit).read_to_end(&mut kept);
        let _ = io::copy(&mut pipe, &mut io::sink());
        let _ = sender.send(String::from_utf8_lossy(&kept).into_owned());
    });
    receiver
}

#[expect(clippy::needless_pass_by_value, reason = "used up")]
fn late(receiver: Receiver<String>) -> String {
    receiver.recv_timeout(LATE_OUTPUT).unwrap_or_default()
}

/// What a program complained about, without its name and `error:` in front of each line, and without advice to ask for help.
fn message(program: &str, answer: &Answer) -> String {
    let text = if answer.complaints.trim().is_empty() {
        &answer.output
    } else {
        &answer.complaints
    };
    let lines = text.lines().map(|line| without_name(program, line));
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("Try \""));
    let lines: Vec<&str> = lines.take(MAX_LINES).collect();
    if lines.is_empty() {
        return "it gave no reason".to_owned();
    }
    lines.join("; ")
}

/// A line without `PROGRAM: error: ` in front.
pub(crate) fn without_name<'l>(program: &str, line: &'l str) -> &'l str {
    let line = line.trim();
    let line = line
        .strip_prefix(program)
        .and_then(|rest| rest.strip_prefix(": "))
        .unwrap_or(line);
    let line = line
        .strip_prefix("error: ")
        .or_else(|| line.strip_prefix("fatal: "))
        .unwrap_or(line);
    line.trim()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::stand_in;

    const LIMIT: Duration = Duration::from_secs(20);

    #[test]
    fn an_absent_program_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let slurm = Slurm::in_directory(directory.path());
        let error = slurm.ask("sbatch", &["--version"], LIMIT).unwrap_err();
        assert!(
            matches!(error, ProgramError::NotFound { program: "sbatch" }),
            "{error}"
        );
        assert!(error.to_string().contains("sbatch was not found on PATH"));
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        let (_keep, slurm) = stand_in("squeue", "exec sleep 60");
        let started = Instant::now();
        let error = slurm
            .ask::<&str>("squeue", &[], Duration::from_millis(100))
            .unwrap_err();
        assert!(
            matches!(
                error,
                ProgramError::TimedOut {
                    program: "squeue",
                    ..
                }
            ),
            "{error}"
        );
        assert!(error.is_no_answer() && started.elapsed() < LIMIT);
    }

    #[test]
    fn a_pipe_that_stays_open_is_not_waited_for() {
        let (_keep, slurm) = stand_in("squeue", "echo out; sleep 5 &");
        let started = Instant::now();
        slurm.ask::<&str>("squeue", &[], LIMIT).unwrap();
        assert!(started.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_refusal_is_passed_on_without_the_programs_name() {
        let (_keep, slurm) = stand_in("sbatch", "echo 'sbatch: error: invalid partition: x' >&2; exit 1");
        let error = slurm.ask::<&str>("sbatch", &[], LIMIT).unwrap_err();
        assert_eq!(error.to_string(), "sbatch failed: invalid partition: x");
        assert!(!error.is_no_answer());
    }

    #[test]
    fn output_has_a_limit() {
        let (_keep, slurm) = stand_in("squeue", "yes | head -c 40000000");
        let answer = slurm.ask::<&str>("squeue", &[], LIMIT).unwrap();
        assert_eq!(answer.output.len() as u64, MAX_OUTPUT);
    }

    #[test]
    fn a_silent_controller_is_recognised() {
        for message in [
            "slurm_load_jobs error: Unable to contact slurm controller (connect failure)",
            "Batch job submission failed: Socket timed out on send/recv operation",
            "Could not establish a configuration source",
        ] {
            let error = ProgramError::Failed {
                program: "squeue",
                message: message.to_owned(),
            };
            assert!(error.is_no_answer(), "{message}");
        }
    }

    #[test]
    fn defaults_of_people_stay_and_questions_are_ours() {
        for name in [
            "SQUEUE_FORMAT",
            "SBATCH_ARRAY_INX",
            "SLURM_JOB_ID",
            "SLURM_JWT",
            "SLURM_TIME_FORMAT",
        ] {
            assert!(changes_questions(&name.into()), "{name}");
        }
        for name in ["SBATCH_ACCOUNT", "SLURM_CONF", "PATH", "HOME"] {
            assert!(!changes_questions(&name.into()), "{name}");
        }
    }
}
