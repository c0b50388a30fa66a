//! What a plan asks of its cluster.

use std::path::PathBuf;

use hpcbench_recipes::{Code, Plan};
use hpcbench_slurm::site::{DEFAULT_SITE, site_directories};
use hpcbench_slurm::{Layout, LayoutError, RecipePath, Site, SiteError, layout};

use crate::exit::Failure;
use crate::recipe_file::RecipeFile;

/// What a plan asks of its cluster, and what the cluster is like.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The cluster.
    pub site: Site,
    /// The job.
    pub layout: Layout,
}

/// Why a plan is no job of its cluster.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetError {
    /// Its site is not known.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// It asks for something that no job can be.
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

impl Target {
    /// What this plan asks for.
    ///
    /// # Errors
    /// Its site file is missing or wrong, or no job can be like that.
    pub(crate) fn of(plan: &Plan) -> Result<Self, TargetError> {
        let site = site_of(plan)?;
        let layout = layout(plan, &site)?;
        Ok(Self { site, layout })
    }

    /// The same for a recipe that was just read: what is wrong with it is shown where the recipe says it.
    ///
    /// # Errors
    /// As for [`Self::of`]; it counts as an invalid recipe.
    pub(crate) fn of_recipe(plan: &Plan, recipe: &RecipeFile) -> Result<Self, Failure> {
        Self::of(plan).map_err(|error| {
            let place = error.place();
            recipe.refuse(
                place.as_ref().map_or("launch", RecipePath::as_str),
                Code::Cluster,
                &error.to_string(),
            )
        })
    }
}

/// The site of a plan.
///
/// # Errors
/// Its site file is missing or wrong.
pub(super) fn site_of(plan: &Plan) -> Result<Site, SiteError> {
    site_named(plan.launch.site.as_deref())
}

/// The site of this name, or of none in particular.
///
/// # Errors
/// Its site file is missing or wrong.
pub(crate) fn site_named(name: Option<&str>) -> Result<Site, SiteError> {
    let config = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let home = std::env::home_dir();
    let directories = site_directories(config.as_deref(), home.as_deref());
    Site::load(name.unwrap_or(DEFAULT_SITE), &directories)
}

impl TargetError {
    /// The place in the recipe that has to be changed; none: it is the site file.
    fn place(&self) -> Option<RecipePath> {
        match self {
            Self::Site(_) => None,
            Self::Layout(error) => error.path(),
        }
    }
}
