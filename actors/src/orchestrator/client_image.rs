//! Client agents inside of an image.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use hpcbench_apptainer::{Access, Apptainer, Bind, BindError, Image, exec_argv, inside};
use hpcbench_core::Role;
use hpcbench_recipes::Plan;
use hpcbench_recipes::plan::SecretSource;
use hpcbench_recipes::recipe::{Load, Prompts};

use crate::process::{RUN_VARIABLE, Spawner, run_mark};
use crate::shell::describe;

/// Variables of this process that an agent reads: how much it logs, and whose certificates it trusts.
const READ: [&str; 3] = ["HPCBENCH_LOG", "SSL_CERT_FILE", "SSL_CERT_DIR"];
/// Those that name files.
const CERTIFICATES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Has a variable of the step's own node, which this process does not know, get through to the agent.
const PASSING: &str = r#"export APPTAINERENV_SLURM_TOPOLOGY_ADDR="${SLURM_TOPOLOGY_ADDR:-}"; exec "$@""#;

/// Whether agents of this role run in an image.
pub(super) fn is_used(plan: &Plan, role: Role) -> bool {
    role == Role::Client && plan.resources.clients.image.is_some()
}

/// How an agent runs in an image.
#[derive(Debug, Default)]
pub(super) struct InImage {
    /// What is put before its own command line.
    pub(super) words: Vec<OsString>,
    /// What is set in the environment of that.
    pub(super) variables: Vec<(String, String)>,
}

/// How an agent runs in the recipe's image; with nothing where it is to run as it is. `scratch` is where it puts what is not for
/// the run directory.
///
/// # Errors
/// There is no such image or no Apptainer, or a path cannot be shown inside.
pub(super) fn of(plan: &Plan, role: Role, spawner: &Spawner, scratch: &Path) -> Result<InImage, String> {
    let Some(image) = plan
        .resources
        .clients
        .image
        .as_ref()
        .filter(|_| role == Role::Client)
    else {
        return Ok(InImage::default());
    };
    let image = PathBuf::from(image);
    Image::look(&image).map_err(|error| describe(&error))?;
    let apptainer = Apptainer::find().map_err(|error| describe(&error))?;
    let here = std::env::current_dir().map_err(|error| describe(&error))?;
    let run_dir = std::path::absolute(spawner.run_dir()).map_err(|error| describe(&error))?;
    // This very program: an image need not have it, and certainly not this version.
    let read = std::iter::once(spawner.hpcbench().to_path_buf()).chain(inputs(plan));
    let binds = binds(read, [&run_dir, &here, scratch]).map_err(|error| describe(&error))?;
    let own = |name: &str| std::env::var(name).ok();
    let mark = run_mark(spawner.run_dir()).to_string_lossy().into_owned();
    Ok(InImage {
        words: ["sh", "-c", PASSING, "sh"]
            .map(OsString::from)
            .into_iter()
            .chain(exec_argv(&apptainer.program, &image, &here, &binds))
            .collect(),
        variables: variables(secrets(plan), mark, own),
    })
}

/// What an agent reads of its environment, of which nothing else gets through; `own` is this process's.
fn variables<'p>(
    secrets: impl Iterator<Item = &'p SecretSource>,
    mark: String,
    own: impl Fn(&str) -> Option<String>,
) -> Vec<(String, String)> {
    let secrets = secrets.filter_map(|source| match source {
        SecretSource::Variable(name) => Some(name.as_str()),
        SecretSource::File(_) => None,
    });
    let names: BTreeSet<&str> = READ.into_iter().chain(secrets).collect();
    let read = names
        .into_iter()
        .filter_map(|name| Some((inside(name), own(name)?)));
    // By which a successor finds what is left of a run.
    read.chain([(inside(RUN_VARIABLE), mark)]).collect()
}

fn secrets(plan: &Plan) -> impl Iterator<Item = &SecretSource> {
    plan.services.iter().flat_map(|service| service.secrets.values())
}

/// The files that clients read: secrets, certificates, prompts, traces and tokenizers. One that is not there is missed by who
/// needs it.
fn inputs(plan: &Plan) -> impl Iterator<Item = PathBuf> {
    let authorities = plan.services.iter().filter_map(|service| {
        let tls = service.options.get("tls")?;
        Some(PathBuf::from(tls.get("ca_file")?.as_str()?))
    });
    let of_system = CERTIFICATES
        .iter()
        .filter_map(std::env::var_os)
        .map(PathBuf::from);
    let secrets = secrets(plan).filter_map(|source| match source {
        SecretSource::File(path) => Some(path.clone()),
        SecretSource::Variable(_) => None,
    });
    let read = plan.workloads().flat_map(|workload| {
        let prompts = match &workload.prompts {
            Prompts::File { path, .. } => Some(PathBuf::from(path)),
            Prompts::Synthetic { .. } => None,
        };
        let trace = match &workload.load {
            Load::Trace { path, .. } => Some(PathBuf::from(path)),
            _ => None,
        };
        let tokenizer = workload.prompts.tokenizer().map(PathBuf::from);
        prompts.into_iter().chain(trace).chain(tokenizer)
    });
    let all = secrets.chain(authorities).chain(of_system).chain(read);
    let all: BTreeSet<PathBuf> = all.filter(|path| path.exists()).collect();
    all.into_iter()
}

fn binds(read: impl Iterator<Item = PathBuf>, used: [&Path; 3]) -> Result<Vec<Bind>, BindError> {
    let mut binds = read
        .map(|path| Bind::same(&path, Access::ReadOnly))
        .collect::<Result<Vec<_>, _>>()?;
    for path in used {
        let bind = Bind::same(path, Access::ReadWrite)?;
        if !binds.contains(&bind) {
            binds.push(bind);
        }
    }
    Ok(binds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_gets_what_it_reads_of_the_environment_and_nothing_else() {
        let secrets = [
            SecretSource::Variable("MY_KEY".to_owned()),
            SecretSource::File("/token".into()),
        ];
        let own = |name: &str| match name {
            "MY_KEY" | "HPCBENCH_LOG" | "LD_PRELOAD" => Some(format!("value of {name}")),
            _ => None,
        };
        let variables = variables(secrets.iter(), "/runs/r".to_owned(), own);
        let expected = [
            ("APPTAINERENV_HPCBENCH_LOG", "value of HPCBENCH_LOG"),
            ("APPTAINERENV_MY_KEY", "value of MY_KEY"),
            ("APPTAINERENV_HPCBENCH_RUN", "/runs/r"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(variables, expected);
    }
}
