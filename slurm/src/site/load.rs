//! Finding and reading site files.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::Site;

/// The site of recipes that name none.
pub const DEFAULT_SITE: &str = "generic";

/// The sites that come with this program.
const SHIPPED: [(&str, &str); 2] = [
    ("meluxina", include_str!("../../sites/meluxina.yaml")),
    (DEFAULT_SITE, include_str!("../../sites/generic.yaml")),
];

/// Largest site file that is read, in bytes.
const MAX_BYTES: u64 = 64 << 10;

/// Longest name of a site.
const MAX_NAME: usize = 64;

/// Why there is no site.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// Nobody knows it.
    #[error(
        "there is no site {name:?}: shipped are {}; others are files such as {}",
        shipped(),
        .looked_at.first().map_or_else(|| "SITE.yaml".to_owned(), |path| path.display().to_string())
    )]
    Unknown {
        /// The name.
        name: String,
        /// Files that would have been taken.
        looked_at: Vec<PathBuf>,
    },
    /// Its file cannot be read.
    #[error("cannot read the site file {}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Its file is too large.
    #[error("the site file {} has more than {MAX_BYTES} bytes", .0.display())]
    TooLarge(PathBuf),
    /// Its file says something that no site file says.
    #[error("{place}: {message}")]
    Invalid {
        /// File, line and column, as far as they are known.
        place: String,
        /// What is wrong.
        message: String,
    },
}

fn shipped() -> String {
    SHIPPED.map(|(name, _)| name).join(" and ")
}

/// Where users keep site files: `$XDG_CONFIG_HOME/hpcbench/sites`, else `~/.config/hpcbench/sites`.
pub fn site_directories(config_home: Option<&Path>, home: Option<&Path>) -> Vec<PathBuf> {
    let config = config_home
        .filter(|path| path.is_absolute())
        .map(Path::to_owned)
        .or_else(|| home.map(|home| home.join(".config")));
    config
        .into_iter()
        .map(|config| config.join("hpcbench/sites"))
        .collect()
}

impl Site {
    /// The site with this name: `NAME.yaml` in the first of the directories that has it, else a shipped one. What has a
    /// `/` or ends in `.yaml` is the path of a file.
    ///
    /// # Errors
    /// There is no such site, or its file is no site file.
    pub fn load(name: &str, directories: &[PathBuf]) -> Result<Self, SiteError> {
        if name.contains('/') || has_yaml_extension(name) {
            let path = PathBuf::from(name);
            let text = read(&path).map_err(|source| SiteError::Unreadable {
                path: path.clone(),
                source,
            })?;
            return parse(&path.display().to_string(), &within_limit(&path, text)?);
        }
        let mut looked_at = Vec::new();
        if is_name(name) {
            for directory in directories {
                let path = directory.join(format!("{name}.yaml"));
                match read(&path) {
                    Ok(text) => return parse(&path.display().to_string(), &within_limit(&path, text)?),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => looked_at.push(path),
                    Err(source) => return Err(SiteError::Unreadable { path, source }),
                }
            }
        }
        match SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
            Some((_, text)) => parse(&format!("{name}.yaml (shipped)"), text),
            None => Err(SiteError::Unknown {
                name: name.to_owned(),
                looked_at,
            }),
        }
    }
}

fn has_yaml_extension(name: &str) -> bool {
    let extension = Path::new(name).extension();
    extension.is_some_and(|extension| extension == "yaml" || extension == "yml")
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(allowed)
}

/// The text of a file, up to one byte more than is allowed.
fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    Ok(text)
}

fn within_limit(path: &Path, text: String) -> Result<String, SiteError> {
    if text.len() as u64 > MAX_BYTES {
        return Err(SiteError::TooLarge(path.to_owned()));
    }
    Ok(text)
}

pub(super) fn parse(file: &str, text: &str) -> Result<Site, SiteError> {
    let options = serde_yaml::options! {
        strict_booleans: true,
        with_snippet: false,
    };
    serde_yaml::from_str_with_options(text, options).map_err(|error| {
        let place = match error.location() {
            Some(location) => format!("{file}:{}:{}", location.line(), location.column()),
            None => file.to_owned(),
        };
        SiteError::Invalid {
            place,
            message: error.to_string(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::{Exclusive, GpuRequest};

    #[test]
    fn shipped_sites_are_valid() {
        for (name, _) in SHIPPED {
            let site = Site::load(name, &[]).unwrap();
            assert!(!site.description.is_empty(), "{name}");
        }
        let meluxina = Site::load("meluxina", &[]).unwrap();
        assert!(meluxina.account_required);
        assert_eq!(meluxina.gpu_request, GpuRequest::GpusPerNode);
        assert_eq!(meluxina.exclusive, Exclusive::AsAsked);
    }

    #[test]
    fn a_users_file_comes_first() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("generic.yaml"), "qos: mine\n").unwrap();
        let site = Site::load("generic", &[directory.path().to_owned()]).unwrap();
        assert_eq!(site.qos.as_deref(), Some("mine"));
        let path = directory.path().join("generic.yaml");
        let by_path = Site::load(path.to_str().unwrap(), &[]).unwrap();
        assert_eq!(by_path, site);
    }

    #[test]
    fn an_error_names_its_place() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.yaml");
        for (text, place, word) in [
            ("qos: a\npartition: gpu\n", ":2:1:", "partition"),
            ("limits:\n  max_time: soon\n", ":2:", "time limit"),
            ("gpu_request: cuda\n", ":1:", "cuda"),
        ] {
            std::fs::write(&path, text).unwrap();
            let message = Site::load(path.to_str().unwrap(), &[]).unwrap_err().to_string();
            assert!(message.contains(place) && message.contains(word), "{message}");
        }
    }

    #[test]
    fn a_name_leads_nowhere_else() {
        for name in ["", "..", "a b", "nowhere"] {
            let error = Site::load(name, &[PathBuf::from("/etc")]).unwrap_err();
            assert!(matches!(error, SiteError::Unknown { .. }), "{name}: {error}");
        }
        let error = Site::load("../passwd", &[]).unwrap_err();
        assert!(matches!(error, SiteError::Unreadable { .. }), "{error}");
    }

    #[test]
    fn a_large_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.yaml");
        std::fs::write(&path, "#".repeat(MAX_BYTES as usize + 1)).unwrap();
        let error = Site::load(path.to_str().unwrap(), &[]).unwrap_err();
        assert!(matches!(error, SiteError::TooLarge(_)));
    }

    #[test]
    fn users_files_are_below_their_configuration() {
        let home = Path::new("/home/ada");
        assert_eq!(
            site_directories(None, Some(home)),
            [home.join(".config/hpcbench/sites")]
        );
        assert_eq!(
            site_directories(Some(Path::new("/cfg")), Some(home)),
            [PathBuf::from("/cfg/hpcbench/sites")]
        );
        assert!(site_directories(None, None).is_empty());
    }
}
