//! Options of sbatch that a recipe adds.

use super::demand::usable;
use super::error::LayoutError;
use crate::place::{Origin, RecipePath, Setting};

/// Options that this program sets, or that would make the job another one, and where the recipe says the same. An
/// abbreviation of one counts as the option: sbatch would take it for that.
const OURS: &[(&str, &str)] = &[
    ("account", "`account`"),
    ("array", ""),
    ("batch", ""),
    ("chdir", ""),
    ("clusters", ""),
    ("comment", ""),
    ("constraint", "`constraint`"),
    ("container", ""),
    ("cpus-per-gpu", "`cpus`"),
    ("cpus-per-task", "`cpus`"),
    ("error", ""),
    ("exclusive", "`exclusive`"),
    ("export", ""),
    ("export-file", ""),
    ("get-user-env", ""),
    ("gid", ""),
    ("gpus", "`nodes.servers.gpus`"),
    ("gpus-per-node", "`nodes.servers.gpus`"),
    ("gpus-per-socket", "`nodes.servers.gpus`"),
    ("gpus-per-task", "`nodes.servers.gpus`"),
    ("gres", "`nodes.servers.gpus`"),
    ("help", ""),
    ("het-group", ""),
    ("hold", ""),
    ("input", ""),
    ("job-name", "`name`"),
    ("kill-on-bad-exit", ""),
    ("mem", "`memory`"),
    ("mem-per-cpu", "`memory`"),
    ("mem-per-gpu", "`memory`"),
    ("no-kill", ""),
    ("no-requeue", "`launch.on_time_limit` and `launch.on_node_loss`"),
    ("nodes", "`count`"),
    ("ntasks", ""),
    ("ntasks-per-core", ""),
    ("ntasks-per-gpu", ""),
    ("ntasks-per-node", ""),
    ("ntasks-per-socket", ""),
    ("open-mode", ""),
    ("output", ""),
    ("oversubscribe", "`exclusive`"),
    ("pack-group", ""),
    ("parsable", ""),
    ("partition", "`partition`"),
    ("propagate", ""),
    ("qos", "`qos`"),
    ("requeue", "`launch.on_time_limit` and `launch.on_node_loss`"),
    ("reservation", "`reservation`"),
    ("signal", "`launch.stop_before`"),
    ("test-only", ""),
    ("time", "`launch.time_limit`"),
    ("time-min", "`launch.time_limit`"),
    ("uid", ""),
    ("usage", ""),
    ("version", ""),
    ("wait", ""),
    ("wrap", ""),
];

/// Most directives of the job or of a role.
const MAX_DIRECTIVES: usize = 64;

/// The directives, if each is an option that a recipe may add.
pub(super) fn checked(directives: &[String], place: &str) -> Result<Vec<Setting>, LayoutError> {
    let settings = directives.iter().enumerate().map(|(index, value)| {
        let path = RecipePath::new(format!("{place}.{index}"));
        let fault = if index >= MAX_DIRECTIVES {
            Some(format!("is one too many: {MAX_DIRECTIVES} are allowed"))
        } else {
            fault(value)
        };
        if let Some(fault) = fault {
            return Err(LayoutError::Directive {
                value: value.clone(),
                fault,
                path,
            });
        }
        let setting = Setting {
            value: value.clone(),
            origin: Origin::Recipe(path),
        };
        usable(&setting)?;
        Ok(setting)
    });
    settings.collect()
}

/// What keeps a text from being a directive.
fn fault(value: &str) -> Option<String> {
    let Some(option) = value.strip_prefix("--") else {
        return Some("must begin with `--`, as in `--mail-type=END`".to_owned());
    };
    let name = option.split('=').next().unwrap_or_default();
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    if name.is_empty() || !name.bytes().all(allowed) {
        return Some("is not one option of sbatch, as in `--mail-type=END`".to_owned());
    }
    let (ours, instead) = OURS.iter().find(|(ours, _)| ours.starts_with(name))?;
    Some(match *instead {
        "" => format!("may not be given: hpcbench needs `--{ours}` for itself"),
        instead => format!("may not be given: `--{ours}` is set from {instead}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_users_pass() {
        for value in [
            "--mail-type=END",
            "--mail-user=ada@example.org",
            "--licenses=fs:1",
            "--exclude=node[1-2]",
            "--switches=1@10:00",
            "--begin=now+1hour",
            "--nvmps",
            "--tmp=1G",
        ] {
            assert_eq!(fault(value), None, "{value}");
        }
    }

    #[test]
    fn what_is_ours_is_refused_in_any_spelling() {
        for value in [
            "--output=/tmp/x",
            "--out=/tmp/x",
            "--e=x",
            "--export=ALL",
            "--wrap=id",
            "--array=1-9",
            "--het-group=1",
            "--signal=KILL@1",
            "--no-req",
            "--mem=1G",
            "--me=1G",
        ] {
            assert!(
                fault(value).is_some_and(|fault| fault.contains("may not")),
                "{value}"
            );
        }
    }

    #[test]
    fn what_is_no_option_is_refused() {
        for value in [
            "",
            ":",
            "-p gpu",
            "#SBATCH --hint=x",
            "--",
            "--mail-type END",
            "--=x",
            "--$(touch x)",
            "id",
        ] {
            assert!(fault(value).is_some(), "{value:?}");
        }
        let error = checked(&["--tmp=1\n2".to_owned()], "launch.directives").unwrap_err();
        assert_eq!(error.path().unwrap().as_str(), "launch.directives.0");
    }
}
