//! Programs of clusters. Runs on one machine need none of them, so that their absence is no fault.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::super::check::Check;

/// Longest time for a program to tell its version: a broken driver can stop one for ever.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);
/// How often its end is looked for.
const LOOK: Duration = Duration::from_millis(5);
/// Most of an answer that is read.
const ANSWER_BYTES: u64 = 4_096;

/// What a check is called, the programs of which the first found is asked, and the question.
const TOOLS: &[(&str, &[&str], &[&str])] = &[
    ("Slurm", &["sbatch", "srun"], &["--version"]),
    ("containers", &["apptainer", "singularity"], &["--version"]),
    ("GPUs", &["nvidia-smi"], &["--list-gpus"]),
];

/// What was found of one tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tool {
    name: &'static str,
    programs: &'static [&'static str],
    /// Where it is, and the first line that it said.
    found: Option<(PathBuf, Option<String>)>,
}

pub(super) fn gather() -> Vec<Tool> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    TOOLS
        .iter()
        .map(|&(name, programs, question)| {
            let found = programs.iter().find_map(|program| find(program, &path));
            Tool {
                name,
                programs,
                found: found.map(|program| {
                    let answer = ask(&program, question);
                    (program, answer)
                }),
            }
        })
        .collect()
}

fn find(program: &str, path: &OsStr) -> Option<PathBuf> {
    let is_program = |path: &PathBuf| {
        let found = std::fs::metadata(path);
        found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(program)).find(is_program)
}

/// The first line of what a program answers, if it does so in time.
fn ask(program: &Path, question: &[&str]) -> Option<String> {
    let mut child = Command::new(program)
        .args(question)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let began = Instant::now();
    while began.elapsed() < ANSWER_LIMIT {
        match child.try_wait() {
            Ok(Some(status)) => {
                let mut answer = Vec::new();
                let _ = child.stdout.take()?.take(ANSWER_BYTES).read_to_end(&mut answer);
                let answer = String::from_utf8_lossy(&answer).into_owned();
                let line = answer.lines().map(str::trim).find(|line| !line.is_empty());
                return line.filter(|_| status.success()).map(str::to_owned);
            }
            Ok(None) => std::thread::sleep(LOOK),
            Err(_) => return None,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// Only says what there is.
pub(super) fn judge(tools: &[Tool]) -> Vec<Check> {
    let found = |tool: &Tool| match &tool.found {
        None => format!(
            "no {}; not needed for runs on one machine",
            tool.programs.join(" or ")
        ),
        Some((path, Some(answer))) => format!("{}: {answer}", path.display()),
        Some((path, None)) => format!("{}, which does not answer", path.display()),
    };
    tools
        .iter()
        .map(|tool| Check::ok(tool.name, found(tool)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::check::Status;
    use super::*;

    #[test]
    fn programs_are_found_on_the_path_and_asked() {
        assert_eq!(
            find("sh", OsStr::new("relative:/nowhere:/bin")),
            Some("/bin/sh".into())
        );
        assert_eq!(find("sh", OsStr::new("")), None);
        let shell = Path::new("/bin/sh");
        assert_eq!(
            ask(shell, &["-c", "echo; echo ' one'; echo two"]).as_deref(),
            Some("one")
        );
        assert_eq!(ask(shell, &["-c", "echo one; exit 1"]), None);
        assert_eq!(ask(Path::new("/nowhere"), &[]), None);
    }

    #[test]
    fn absence_is_no_fault() {
        let tool = |found| Tool {
            name: "Slurm",
            programs: &["sbatch", "srun"],
            found,
        };
        let checks = judge(&[
            tool(None),
            tool(Some(("/x".into(), None))),
            tool(Some(("/x".into(), Some("slurm 24".to_owned())))),
        ]);
        assert!(checks.iter().all(|check| check.status == Status::Ok));
        assert!(checks[0].found.starts_with("no sbatch or srun"));
        assert_eq!(checks[2].found, "/x: slurm 24");
    }
}
