//! What of the host is seen inside a container, and where.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// Places in the container that are hpcbench's to fill.
const RESERVED: [&str; 4] = ["/", "/tmp", "/var/tmp", "/dev/shm"];

/// A file or directory of the host and where the container sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    source: PathBuf,
    target: PathBuf,
    access: Access,
}

/// What the container may do with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Access {
    /// Read and write.
    #[default]
    ReadWrite,
    /// Read only.
    ReadOnly,
}

/// A bind that Apptainer could not be told, or that would hide what a service needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// It has no form that is known.
    #[error("the bind {0:?} is not of the form host:container or host:container:ro")]
    Form(String),
    /// It is relative, or leads up in the container, where nobody can tell what is there.
    #[error("the path {} of a bind must be absolute, and without `..` in the container", .0.display())]
    Relative(PathBuf),
    /// Apptainer separates binds by commas and their parts by colons, and knows no way to quote them.
    #[error(
        "Apptainer cannot bind {}: commas, colons, backslashes and control characters in paths would be taken for \
         something else; rename it, or bind a directory above it",
        .0.display()
    )]
    Separator(PathBuf),
    /// hpcbench puts something else there.
    #[error("nothing can be bound at {} of a container: the run's own directories are there", .0.display())]
    Reserved(PathBuf),
}

impl Bind {
    /// Shows `source` as `target`.
    ///
    /// # Errors
    /// A path is relative or cannot be passed to Apptainer.
    pub fn new(source: &Path, target: &Path, access: Access) -> Result<Self, BindError> {
        for path in [source, target] {
            check(path)?;
        }
        if target.components().any(|part| part == Component::ParentDir) {
            return Err(BindError::Relative(target.to_path_buf()));
        }
        Ok(Self {
            source: source.to_path_buf(),
            target: target.to_path_buf(),
            access,
        })
    }

    /// Shows a path where it is.
    ///
    /// # Errors
    /// As [`Bind::new`].
    pub fn same(path: &Path, access: Access) -> Result<Self, BindError> {
        Self::new(path, path, access)
    }

    /// Reads `host`, `host:container`, `host:container:ro` or `host:container:rw`, as recipes have it.
    ///
    /// # Errors
    /// It is none of these, or what the container's own directories need.
    pub fn parse(text: &str) -> Result<Self, BindError> {
        let parts: Vec<&str> = text.split(':').collect();
        let (source, target, access) = match parts.as_slice() {
            [source] => (*source, *source, Access::ReadWrite),
            [source, target] | [source, target, "rw"] => (*source, *target, Access::ReadWrite),
            [source, target, "ro"] => (*source, *target, Access::ReadOnly),
            _ => return Err(BindError::Form(text.to_owned())),
        };
        if source.is_empty() || target.is_empty() {
            return Err(BindError::Form(text.to_owned()));
        }
        let target = Path::new(target);
        // Compared by their components, so that `/tmp/` is `/tmp`.
        if RESERVED.iter().any(|reserved| Path::new(reserved) == target) {
            return Err(BindError::Reserved(target.to_path_buf()));
        }
        Self::new(Path::new(source), target, access)
    }

    /// What is shown.
    pub fn source(&self) -> &Path {
        &self.source
    }

    /// Where the container sees it.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// As an argument of `--bind`.
    pub(crate) fn argument(&self) -> OsString {
        let mut text = self.source.clone().into_os_string();
        text.push(":");
        text.push(&self.target);
        if self.access == Access::ReadOnly {
            text.push(":ro");
        }
        text
    }
}

fn check(path: &Path) -> Result<(), BindError> {
    if !path.is_absolute() {
        return Err(BindError::Relative(path.to_path_buf()));
    }
    let separates = |byte: u8| matches!(byte, b',' | b':' | b'\\') || byte.is_ascii_control();
    if path.as_os_str().as_encoded_bytes().iter().copied().any(separates) {
        return Err(BindError::Separator(path.to_path_buf()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_recipes_have() {
        let bind = |text| Bind::parse(text).map(|bind| bind.argument());
        assert_eq!(bind("/models").unwrap(), "/models:/models");
        assert_eq!(
            bind("/data/models:/models:ro").unwrap(),
            "/data/models:/models:ro"
        );
        assert_eq!(bind("/a:/b:rw").unwrap(), "/a:/b");
        for form in ["", ":/b", "/a:", "/a:/b:rx", "/a:/b:ro:x"] {
            assert_eq!(bind(form), Err(BindError::Form(form.to_owned())), "{form}");
        }
    }

    #[test]
    fn refuses_what_would_be_taken_for_something_else() {
        assert!(matches!(Bind::parse("/a,/etc:/b"), Err(BindError::Separator(_))));
        assert!(matches!(Bind::parse("/a:/b\n"), Err(BindError::Separator(_))));
        assert!(matches!(Bind::parse("a:/b"), Err(BindError::Relative(_))));
        assert!(matches!(Bind::parse("/a:/b/../etc"), Err(BindError::Relative(_))));
        assert!(matches!(
            Bind::same(Path::new("/a:b"), Access::ReadOnly),
            Err(BindError::Separator(_))
        ));
        for place in ["/", "/tmp", "/tmp/", "/var/tmp", "/dev/shm"] {
            assert!(
                matches!(Bind::parse(&format!("/a:{place}")), Err(BindError::Reserved(_))),
                "{place}"
            );
        }
    }

    proptest! {
        /// Whatever is accepted means to Apptainer, which splits at commas and colons, exactly one bind with these paths.
        #[test]
        fn what_is_accepted_is_one_bind(text in "[/a-c:,. \\\\]{0,24}") {
            if let Ok(bind) = Bind::parse(&text) {
                let argument = bind.argument().into_string().unwrap();
                prop_assert!(!argument.contains(','));
                let parts: Vec<&str> = argument.split(':').collect();
                prop_assert_eq!(Path::new(parts[0]), bind.source());
                prop_assert_eq!(Path::new(parts[1]), bind.target());
                prop_assert!(parts.len() == 2 || parts[2..] == ["ro"]);
                prop_assert!(bind.source().is_absolute() && bind.target().is_absolute());
            }
        }

        #[test]
        fn any_pair_of_paths_is_one_bind_or_an_error(source in any::<String>(), target in any::<String>()) {
            if let Ok(bind) = Bind::new(Path::new(&source), Path::new(&target), Access::ReadOnly) {
                let argument = bind.argument().into_string().unwrap();
                prop_assert_eq!(argument.matches(':').count(), 2);
                prop_assert!(!argument.contains([',', '\n', '\0']));
            }
        }
    }
}
