//! A service's model on this node's own disk: hundreds of gigabytes that each node reads from a shared file system at every
//! start are slow, and in the way of others.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};
use std::time::Instant;

use hpcbench_apptainer::{Lock, LockTimes};
use hpcbench_recipes::ServicePlan;
use hpcbench_services::{StoredModel, find};
use nix::sys::statvfs::statvfs;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::agent::AgentContext;
use crate::shell::{describe, hex, private_dir};

/// Copies of models on this node, below the run's scratch directory.
const MODELS: &str = "models";
/// Most files of a model.
const MAX_FILES: usize = 100_000;
/// Largest manifest that is read, bytes.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;
/// Where Ollama's manifests of models without a registry of their own are.
const LIBRARY: &str = "registry.ollama.ai/library";

/// A model that cannot be copied to this node.
#[derive(Debug, thiserror::Error)]
pub(super) enum ModelError {
    /// It is not there.
    #[error("the model is not at {}: `hpcbench models pull RECIPE` fetches what can be fetched", .0.display())]
    Missing(PathBuf),
    /// Too little room.
    #[error("{} has {free_mib} MiB of free space, the model has {model_mib} MiB: leave `storage.stage_model` out, or name a roomier `storage.scratch`", folder.display())]
    Space {
        /// Where.
        folder: PathBuf,
        /// How much is free.
        free_mib: u64,
        /// How much is needed.
        model_mib: u64,
    },
    /// It has more files than any model.
    #[error("{} has more than {MAX_FILES} files: is it the model's own directory?", .0.display())]
    TooManyFiles(PathBuf),
    /// Ollama's description of it makes no sense.
    #[error("the manifest {} cannot be read: {problem}", path.display())]
    Manifest {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Another instance of this node copies it and does not come to an end.
    #[error(transparent)]
    Lock(#[from] hpcbench_apptainer::LockError),
    /// A disk refuses.
    #[error("failed to copy {} to {}", from.display(), to.display())]
    Copy {
        /// From where.
        from: PathBuf,
        /// Whereto.
        to: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
}

/// The plan of a service with its model on this node's own disk, if the recipe wants it there and the service has one that can be
/// copied.
pub(super) async fn staged(context: &AgentContext, plan: &ServicePlan) -> Result<ServicePlan, String> {
    let stored = find(&plan.kind).and_then(|service| service.stored_model(plan));
    let Some(stored) = stored.filter(|_| context.plan.storage.stage_model) else {
        return Ok(plan.clone());
    };
    // One folder a model: a sweep may have several.
    let digest = hex(&Sha256::digest(format!("{stored:?}")));
    let folder = context.scratch.dir(MODELS).and_then(|models| {
        let folder = models.join(digest.get(..16).unwrap_or(&digest));
        private_dir(&folder).map(|()| folder)
    });
    let folder = folder.map_err(|error| format!("failed to create the directory for models: {error}"))?;
    let began = Instant::now();
    let model = stored.clone();
    let work = tokio::task::spawn_blocking(move || stage_model(&model, &folder));
    let place = work
        .await
        .map_err(|error| format!("a thread is gone: {error}"))?
        .map_err(|error| describe(&error))?;
    let seconds = began.elapsed().as_secs_f64();
    tracing::info!(seconds, "the model is on this node, at {}", place.display());
    let place = place
        .to_str()
        .ok_or("the path of the model's copy is not UTF-8")?;
    Ok(stored.moved(plan.clone(), place))
}

/// What is copied: below `root`, these files and links, by their paths below it.
struct Parts {
    root: PathBuf,
    /// What the copy is called from then on, below the copy's root.
    name: PathBuf,
    files: Vec<(PathBuf, u64)>,
    links: Vec<(PathBuf, PathBuf)>,
}

/// Copies a model into `folder` on this node's disk, once for all instances, and returns what takes its place there.
///
/// # Errors
/// It is not there, or cannot be copied; what had been copied is removed.
pub(super) fn stage_model(model: &StoredModel, folder: &Path) -> Result<PathBuf, ModelError> {
    let parts = parts(model)?;
    let whole = folder.join("whole");
    let place = whole.join(&parts.name);
    // One model a folder: the caller has one for each.
    let _lock = Lock::take(&folder.join("model"), LockTimes::default(), |_, _| ())?;
    if whole.exists() {
        return Ok(place);
    }
    has_room(folder, &parts)?;
    let partial = folder.join("partial");
    let _ = fs::remove_dir_all(&partial);
    let copied =
        copy(&parts, &partial).and_then(|()| fs::rename(&partial, &whole).map_err(failed(&partial, &whole)));
    if copied.is_err() {
        let _ = fs::remove_dir_all(&partial);
    }
    copied.map(|()| place)
}

fn failed(from: &Path, to: &Path) -> impl FnOnce(io::Error) -> ModelError {
    let (from, to) = (from.to_path_buf(), to.to_path_buf());
    move |cause| ModelError::Copy { from, to, cause }
}

fn has_room(folder: &Path, parts: &Parts) -> Result<(), ModelError> {
    let needed = parts.files.iter().map(|(_, bytes)| bytes).sum::<u64>();
    let space = statvfs(folder).map_err(|error| failed(&parts.root, folder)(error.into()))?;
    let free = space.blocks_available().saturating_mul(space.fragment_size());
    if free >= needed {
        return Ok(());
    }
    Err(ModelError::Space {
        folder: folder.to_path_buf(),
        free_mib: free >> 20,
        model_mib: needed.div_ceil(1 << 20),
    })
}

fn copy(parts: &Parts, to: &Path) -> Result<(), ModelError> {
    let within = |path: &Path| -> Result<PathBuf, ModelError> {
        let target = to.join(path);
        let parent = target.parent().unwrap_or(to);
        private_dir(parent).map_err(failed(&parts.root, parent))?;
        Ok(target)
    };
    for (path, _) in &parts.files {
        let (from, target) = (parts.root.join(path), within(path)?);
        fs::copy(&from, &target).map_err(failed(&from, &target))?;
    }
    for (path, leads_to) in &parts.links {
        let target = within(path)?;
        symlink(leads_to, &target).map_err(failed(&parts.root.join(path), &target))?;
    }
    Ok(())
}

fn parts(model: &StoredModel) -> Result<Parts, ModelError> {
    match model {
        StoredModel::Path(path) => of_path(path),
        StoredModel::HuggingFace { home, model } => {
            let name = Path::new("hub").join(format!("models--{}", model.replace('/', "--")));
            let mut parts = Parts::new(home, Path::new(""));
            parts.walk(&name)?;
            Ok(parts)
        }
        StoredModel::Ollama { models, model } => of_ollama(models, model),
    }
}

/// A directory, or a file; of a model in several files all.
fn of_path(path: &Path) -> Result<Parts, ModelError> {
    let missing = || ModelError::Missing(path.to_path_buf());
    let (Some(root), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(missing());
    };
    let mut parts = Parts::new(root, Path::new(name));
    let Some(series) = series_of(&name.to_string_lossy()) else {
        parts.walk(Path::new(name))?;
        return Ok(parts);
    };
    let entries = fs::read_dir(root).map_err(|_| missing())?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        if series_of(&name.to_string_lossy()).as_ref() == Some(&series) {
            parts.walk(Path::new(&name))?;
        }
    }
    if parts.files.is_empty() {
        return Err(missing());
    }
    Ok(parts)
}

/// What the files of one model have in common: `a-00001-of-00003.gguf` is of the series `a-*-of-00003.gguf`.
fn series_of(name: &str) -> Option<(String, String)> {
    let (before, after) = name.split_once("-of-")?;
    let (stem, number) = before.rsplit_once('-')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| (stem.to_owned(), after.to_owned()))
}

impl Parts {
    fn new(root: &Path, name: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
            name: name.to_path_buf(),
            files: Vec::new(),
            links: Vec::new(),
        }
    }

    /// Adds what is at this path below the root, and below that. Links that stay within the root stay links; others are
    /// followed.
    fn walk(&mut self, path: &Path) -> Result<(), ModelError> {
        let at = self.root.join(path);
        let missing = |_| ModelError::Missing(at.clone());
        if self.files.len() + self.links.len() >= MAX_FILES {
            return Err(ModelError::TooManyFiles(self.root.join(&self.name)));
        }
        let found = fs::symlink_metadata(&at).map_err(missing)?;
        if found.is_symlink() {
            let leads_to = fs::read_link(&at).map_err(missing)?;
            if stays_within(path, &leads_to) {
                self.links.push((path.to_path_buf(), leads_to));
                return Ok(());
            }
        }
        let found = fs::metadata(&at).map_err(missing)?;
        if !found.is_dir() {
            self.files.push((path.to_path_buf(), found.len()));
            return Ok(());
        }
        for entry in fs::read_dir(&at).map_err(missing)? {
            let entry = entry.map_err(missing)?;
            self.walk(&path.join(entry.file_name()))?;
        }
        Ok(())
    }
}

/// Whether a link at this path below a directory with `top`-level entries leads to something of the same entry, which is copied,
/// too: the snapshots of a Hugging Face model are links to its blobs.
fn stays_within(path: &Path, leads_to: &Path) -> bool {
    if leads_to.is_absolute() {
        return false;
    }
    let mut depth: Vec<Component<'_>> = path.parent().into_iter().flat_map(Path::components).collect();
    let top: Vec<Component<'_>> = path.components().take(2).collect();
    for part in leads_to.components() {
        match part {
            Component::ParentDir => {
                if depth.pop().is_none() {
                    return false;
                }
            }
            Component::CurDir => {}
            part => depth.push(part),
        }
    }
    top.len() == 2 && depth.starts_with(&top)
}

/// What Ollama says of a model.
#[derive(Debug, Deserialize)]
struct Manifest {
    config: Layer,
    layers: Vec<Layer>,
}

/// A blob of Ollama's, by its digest: `sha256:0123…`.
#[derive(Debug, Deserialize)]
struct Layer {
    digest: String,
}

fn of_ollama(models: &Path, model: &str) -> Result<Parts, ModelError> {
    let (name, tag) = model.rsplit_once(':').unwrap_or((model, "latest"));
    let place = match name.matches('/').count() {
        0 => format!("{LIBRARY}/{name}"),
        1 => format!("registry.ollama.ai/{name}"),
        _ => name.to_owned(),
    };
    let path = Path::new("manifests").join(place).join(tag);
    let mut parts = Parts::new(models, Path::new(""));
    parts.walk(&path)?;
    let at = models.join(&path);
    let unreadable = |problem: String| ModelError::Manifest {
        path: at.clone(),
        problem,
    };
    let mut text = Vec::new();
    File::open(&at)
        .and_then(|file| file.take(MAX_MANIFEST_BYTES).read_to_end(&mut text))
        .map_err(|error| unreadable(error.to_string()))?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
    for layer in manifest.layers.iter().chain([&manifest.config]) {
        let name = layer.digest.replace(':', "-");
        if name.contains('/') || name.starts_with('.') {
            return Err(unreadable(format!("{:?} is no digest", layer.digest)));
        }
        let blob = Path::new("blobs").join(name);
        if !parts.files.iter().any(|(known, _)| *known == blob) {
            parts.walk(&blob)?;
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A folder to copy from and one to copy to.
    fn folders() -> (tempfile::TempDir, tempfile::TempDir) {
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap())
    }

    fn listed(folder: &Path) -> Vec<String> {
        let mut parts = Parts::new(folder, Path::new(""));
        parts.walk(Path::new("")).unwrap();
        let mut names: Vec<String> = parts
            .files
            .iter()
            .map(|(path, _)| path.display().to_string())
            .collect();
        names.extend(parts.links.iter().map(|(path, _)| path.display().to_string()));
        names.sort();
        names
    }

    #[test]
    fn a_file_is_copied_with_the_others_of_its_series_once_for_all() {
        let (shared, node) = folders();
        for name in [
            "m-00001-of-00002.gguf",
            "m-00002-of-00002.gguf",
            "n-00001-of-00002.gguf",
            "other",
        ] {
            write(shared.path(), name, name);
        }
        let model = StoredModel::Path(shared.path().join("m-00001-of-00002.gguf"));
        let places = std::thread::scope(|scope| {
            let stage = || stage_model(&model, node.path()).unwrap();
            [scope.spawn(stage), scope.spawn(stage)].map(|thread| thread.join().unwrap())
        });
        assert_eq!(places[0], places[1]);
        assert_eq!(fs::read_to_string(&places[0]).unwrap(), "m-00001-of-00002.gguf");
        assert_eq!(
            listed(places[0].parent().unwrap()),
            ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"]
        );
        assert_eq!(
            fs::read_dir(node.path()).unwrap().count(),
            1,
            "only the copy is left"
        );
    }

    #[test]
    fn of_a_home_only_the_model_is_copied_and_its_links_stay_links() {
        let (shared, node) = folders();
        let model = "hub/models--org--a";
        write(shared.path(), &format!("{model}/blobs/1"), "weights");
        write(shared.path(), &format!("{model}/refs/main"), "0123");
        write(shared.path(), "hub/models--org--b/blobs/2", "other weights");
        write(shared.path(), "token", "secret");
        let snapshot = shared.path().join(model).join("snapshots/0123");
        fs::create_dir_all(&snapshot).unwrap();
        symlink("../../blobs/1", snapshot.join("model.safetensors")).unwrap();
        symlink("/etc/hostname", snapshot.join("elsewhere")).unwrap();
        let stored = StoredModel::HuggingFace {
            home: shared.path().to_path_buf(),
            model: "org/a".to_owned(),
        };
        let home = stage_model(&stored, node.path()).unwrap();
        let copied = home.join(model).join("snapshots/0123");
        assert_eq!(
            fs::read_to_string(copied.join("model.safetensors")).unwrap(),
            "weights"
        );
        assert!(
            fs::symlink_metadata(copied.join("model.safetensors"))
                .unwrap()
                .is_symlink()
        );
        assert!(
            !fs::symlink_metadata(copied.join("elsewhere"))
                .unwrap()
                .is_symlink()
        );
        assert!(!home.join("token").exists() && !home.join("hub/models--org--b").exists());
    }

    #[test]
    fn of_ollamas_models_only_the_blobs_of_one_are_copied() {
        let (shared, node) = folders();
        let manifest = r#"{"config": {"digest": "sha256:c"}, "layers": [{"digest": "sha256:l"}]}"#;
        write(
            shared.path(),
            "manifests/registry.ollama.ai/library/tiny/1b",
            manifest,
        );
        for blob in ["sha256-c", "sha256-l", "sha256-x"] {
            write(shared.path(), &format!("blobs/{blob}"), blob);
        }
        let stored = |model: &str| StoredModel::Ollama {
            models: shared.path().to_path_buf(),
            model: model.to_owned(),
        };
        let place = stage_model(&stored("tiny:1b"), node.path()).unwrap();
        assert_eq!(
            listed(&place),
            [
                "blobs/sha256-c",
                "blobs/sha256-l",
                "manifests/registry.ollama.ai/library/tiny/1b"
            ]
        );
        let (_, other) = folders();
        let missing = stage_model(&stored("tiny:8b"), other.path()).unwrap_err();
        assert!(missing.to_string().contains("library/tiny/8b"), "{missing}");
        write(
            shared.path(),
            "manifests/registry.ollama.ai/library/bad/1",
            r#"{"config": {"digest": "../x"}, "layers": []}"#,
        );
        assert!(matches!(
            stage_model(&stored("bad:1"), other.path()),
            Err(ModelError::Manifest { .. })
        ));
    }

    #[test]
    fn links_of_another_entry_are_followed() {
        for (path, leads_to, stays) in [
            ("hub/m/snapshots/1/w", "../../blobs/1", true),
            ("hub/m/snapshots/1/w", "../../../other/blobs/1", false),
            ("hub/m/w", "../../../../etc/passwd", false),
            ("m.gguf", "blobs/1", false),
            ("hub/m/w", "/etc/passwd", false),
        ] {
            assert_eq!(
                stays_within(Path::new(path), Path::new(leads_to)),
                stays,
                "{path} -> {leads_to}"
            );
        }
    }
}
