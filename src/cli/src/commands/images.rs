//! `hpcbench images`: the images of a recipe's services.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use hpcbench_apptainer::{
    Apptainer, Image, ImageForm, LockTimes, PullError, PullEvent, PullOptions, Pulled, pull,
};
use hpcbench_journal::LOOKUP_CACHE_WAIT;
use hpcbench_recipes::Plan;

use crate::cluster::{self, ErrandOptions};
use crate::commands::{home, run};
use crate::exit::Failure;
use crate::recipe_file::{Overrides, RecipeFile};
use crate::{program, terminal};

/// The user's own choice of where Apptainer unpacks layers.
const TMPDIR_VARIABLE: &str = "APPTAINER_TMPDIR";
/// The user's own choice of where it keeps them.
const CACHE_VARIABLE: &str = "APPTAINER_CACHEDIR";

/// Seconds that Apptainer has to end once this process has.
const GRACE_SECONDS: &str = "5";
/// How often an image is looked for that a job has fetched.
const LOOK: Duration = Duration::from_millis(500);

/// Fetch the container images of a recipe
#[derive(Debug, clap::Args)]
pub(crate) struct ImagesArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Fetch the images of a recipe from their `service.image.source` to their `service.image.path`
    ///
    /// An image that is there is left alone. Of several that fetch the same image one does, the others wait. To be called where
    /// there is internet: compute nodes often have none. Prints path, SHA-256 and size of each image.
    Pull(PullArgs),
}

#[derive(Debug, clap::Args)]
struct PullArgs {
    /// The recipe
    recipe: PathBuf,
    #[command(flatten)]
    overrides: Overrides,
    /// Replace images that are there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    job: ErrandOptions,
}

/// Fetches images.
///
/// # Errors
/// The recipe is invalid, or an image cannot be fetched.
pub(crate) fn run(args: &ImagesArgs, runs_dir: &Path) -> anyhow::Result<ExitCode> {
    let Action::Pull(args) = &args.action;
    let plan = RecipeFile::read(&args.recipe, &args.overrides)?.plan()?;
    let wanted = images_of(&plan)?;
    if wanted.is_empty() {
        terminal::say("the recipe names no image (service.image): nothing to fetch");
    }
    if args.job.submit {
        return by_a_job(args, &plan, &wanted, runs_dir);
    }
    for (path, source) in wanted {
        let image = match source {
            Some(source) => fetch(&plan, args, &path, &source)?,
            None => here(&path)?,
        };
        terminal::print(&described(&image))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Has them fetched where they are missing, and says what is there then.
fn by_a_job(
    args: &PullArgs,
    plan: &Plan,
    wanted: &BTreeMap<PathBuf, Option<String>>,
    runs_dir: &Path,
) -> anyhow::Result<ExitCode> {
    let mut words = vec!["images", "pull"];
    words.extend(args.force.then_some("--force"));
    if args.force || wanted.keys().any(|path| Image::look(path).is_err()) {
        cluster::by_job(&words, &args.recipe, &args.overrides, plan, &args.job, runs_dir)?;
    }
    for path in wanted.keys() {
        terminal::print(&described(&seen_late(path)?))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// An image that another node has put there: a network file system may show it late.
fn seen_late(path: &Path) -> anyhow::Result<Image> {
    let until = Instant::now() + LOOKUP_CACHE_WAIT;
    while Image::look(path).is_err() && Instant::now() < until {
        std::thread::sleep(LOOK);
    }
    Ok(Image::read(path)?)
}

/// Each image of a plan once, with its source.
fn images_of(plan: &Plan) -> Result<BTreeMap<PathBuf, Option<String>>, Failure> {
    let mut images: BTreeMap<PathBuf, Option<String>> = BTreeMap::new();
    for image in plan.services.iter().filter_map(|service| service.image.as_ref()) {
        let known = images.entry(image.path.clone().into()).or_default();
        match (&known, &image.source) {
            (Some(one), Some(other)) if one != other => {
                return Err(Failure::Usage(format!(
                    "the image {} has two sources, {one} and {other}",
                    image.path
                )));
            }
            (None, Some(source)) => *known = Some(source.clone()),
            _ => {}
        }
    }
    Ok(images)
}

/// An image that cannot be fetched, but may be there.
fn here(path: &Path) -> anyhow::Result<Image> {
    if Image::look(path).is_err() {
        let path = path.display();
        return Err(Failure::Environment(format!(
            "there is no image {path}, and the recipe does not say where it can be fetched: add `service.image.source`, such as \
             \"docker://ollama/ollama:0.12.6\""
        ))
        .into());
    }
    Ok(Image::read(path)?)
}

fn fetch(plan: &Plan, args: &PullArgs, path: &Path, source: &str) -> anyhow::Result<Image> {
    home::warn_below("the image", path, plan);
    if let Some(cache) = std::env::var_os(CACHE_VARIABLE) {
        home::warn_below("Apptainer's cache (APPTAINER_CACHEDIR)", Path::new(&cache), plan);
    }
    let recipe = std::path::absolute(&args.recipe)?;
    let scratch = unpacked_in(plan, path);
    let options = PullOptions {
        force: args.force,
        guard: guard(&scratch)?,
        scratch,
        directory: recipe.parent().unwrap_or(Path::new("/")).to_path_buf(),
        times: LockTimes::default(),
    };
    let apptainer = Apptainer::find()?;
    let mut is_waiting = false;
    let pulled = pull(&apptainer, source, path, &options, |event| match event {
        PullEvent::Waiting { host, pid } if !is_waiting => {
            is_waiting = true;
            terminal::say(&format!(
                "{} is being fetched by process {pid} on {host}: waiting",
                path.display()
            ));
        }
        PullEvent::Waiting { .. } => {}
        PullEvent::Line(line) => terminal::say(line),
        PullEvent::Bytes(bytes) => terminal::say(&format!("{} MiB of the image written", bytes >> 20)),
    });
    match pulled {
        Ok(Pulled::Fetched(image)) => Ok(image),
        Ok(Pulled::Present(image)) => {
            terminal::say(&format!("{} is there already", path.display()));
            Ok(image)
        }
        Err(error @ (PullError::Source(_) | PullError::Sandbox(_))) => {
            Err(Failure::Usage(error.to_string()).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// What ends Apptainer with this process.
fn guard(directory: &Path) -> anyhow::Result<Vec<OsString>> {
    let words = ["guard", "--grace", GRACE_SECONDS, "--run-dir"].map(OsString::from);
    let own = std::iter::once(program::executable()?.into_os_string());
    let place = [directory.as_os_str().to_owned(), "--".into()];
    Ok(own.chain(words).chain(place).collect())
}

/// Where layers are unpacked: where the user says, else in the recipe's scratch directory if it is on this node, else beside the
/// image, where there has to be room anyway.
fn unpacked_in(plan: &Plan, image: &Path) -> PathBuf {
    if let Some(chosen) = std::env::var_os(TMPDIR_VARIABLE).filter(|path| !path.is_empty()) {
        return chosen.into();
    }
    let scratch = run::chosen_scratch(plan).filter(|path| path.is_dir());
    scratch.unwrap_or_else(|| image.parent().unwrap_or(Path::new("/tmp")).to_path_buf())
}

fn described(image: &Image) -> String {
    let mut text = image.path.display().to_string();
    let _ = match &image.form {
        ImageForm::File { bytes, sha256 } => {
            writeln!(text, "  sha256:{sha256}  {} MiB", bytes.div_ceil(1 << 20))
        }
        ImageForm::Sandbox => writeln!(text, "  a sandbox directory, without a digest"),
    };
    text
}
