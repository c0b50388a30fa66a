//! The run directory, before anything else is in it.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use hpcbench_actors::shell::private_dir;
use hpcbench_recipes::Plan;

use crate::exit::Failure;
use crate::program::private_options;

/// The recipe, as given.
const RECIPE: &str = "recipe.yaml";
/// The resolved plan, and what it is called until all of it is on the disk: a directory without it is no run.
const PLAN: &str = "plan.json";
const UNFINISHED_PLAN: &str = ".plan.json.new";

/// Creates the run directory with the recipe and the plan in it, all of it on the disk for good.
///
/// # Errors
/// It exists and is not empty, or the file system refuses. Nothing that was there is changed.
pub(in crate::commands) fn create(path: &Path, recipe: &[u8], plan: &Plan) -> anyhow::Result<()> {
    let failed = || Failure::Environment(format!("failed to create the run directory {}", path.display()));
    refuse_used(path).with_context(failed)?;
    private_dir(path).with_context(failed)?;
    let mut text = serde_json::to_vec_pretty(plan)?;
    text.push(b'\n');
    let write = || -> io::Result<()> {
        write(&path.join(RECIPE), recipe)?;
        write(&path.join(UNFINISHED_PLAN), &text)?;
        fs::rename(path.join(UNFINISHED_PLAN), path.join(PLAN))?;
        sync_dir(path)?;
        sync_dir(&parent(path))
    };
    write().with_context(failed)
}

fn refuse_used(path: &Path) -> io::Result<()> {
    match fs::read_dir(path).map(Iterator::count) {
        Ok(0) => Ok(()),
        Ok(_) => Err(io::Error::other(
            "it exists and is not empty; name another one with --run-dir",
        )),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Anew: a second run that was given the same directory fails here.
    let mut file = private_options().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn parent(path: &Path) -> PathBuf {
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    parent.map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}
