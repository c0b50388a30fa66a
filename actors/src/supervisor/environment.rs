//! A service's environment: what is allowed through, what the recipe sets, and secrets, read at the last moment.

use std::collections::BTreeMap;
use std::env;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use hpcbench_recipes::plan::SecretSource;
use hpcbench_services::LaunchCommand;

/// Longest secret.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// A secret that cannot be had. Its value is never part of a message.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Its file cannot be read.
    #[error("failed to read the secret {name} from {}", path.display())]
    File {
        /// The secret's name.
        name: String,
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// Its variable is not set.
    #[error("the secret {name} should be in the environment variable {variable}, which is not set")]
    Variable {
        /// The secret's name.
        name: String,
        /// The variable.
        variable: String,
    },
}

/// The values of secrets, by name.
pub(crate) fn secrets(
    sources: &BTreeMap<String, SecretSource>,
) -> Result<BTreeMap<String, String>, SecretError> {
    sources
        .iter()
        .map(|(name, source)| Ok((name.clone(), secret(name, source)?)))
        .collect()
}

fn secret(name: &str, source: &SecretSource) -> Result<String, SecretError> {
    match source {
        SecretSource::File(path) => {
            let mut text = String::new();
            File::open(path)
                .and_then(|file| file.take(MAX_SECRET_BYTES).read_to_string(&mut text))
                .map_err(|cause| SecretError::File {
                    name: name.to_owned(),
                    path: path.clone(),
                    cause,
                })?;
            Ok(text.trim_end_matches(['\r', '\n']).to_owned())
        }
        SecretSource::Variable(variable) => env::var(variable).map_err(|_| SecretError::Variable {
            name: name.to_owned(),
            variable: variable.clone(),
        }),
    }
}

/// The environment of a command, complete: what it inherits, what is set, and its secrets.
///
/// # Errors
/// A secret is not where it should be.
pub fn environment(command: &LaunchCommand) -> Result<Vec<(String, String)>, SecretError> {
    let inherited = command.inherited.iter();
    let inherited = inherited.filter_map(|name| Some(((*name).to_owned(), env::var(name).ok()?)));
    let set = command.environment.iter();
    let set = set.map(|(name, value)| (name.clone(), value.to_string_lossy().into_owned()));
    Ok(inherited.chain(set).chain(secrets(&command.secrets)?).collect())
}
