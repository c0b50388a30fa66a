//! Where a service's model is stored, for whoever copies it to a node's own disk.

use std::path::PathBuf;

use hpcbench_recipes::plan::ServicePlan;
use serde_json::Value;

/// A model in a file system that nodes share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredModel {
    /// A file or a directory of its own.
    Path(PathBuf),
    /// One of many in a Hugging Face home.
    HuggingFace {
        /// The home.
        home: PathBuf,
        /// `org/name`.
        model: String,
    },
    /// One of many in a directory of Ollama's.
    Ollama {
        /// The directory.
        models: PathBuf,
        /// `name:tag`.
        model: String,
    },
}

/// The option that says where a kind's model is, by the kind of its place.
const PATH_OPTION: &str = "model_path";
const HOME_OPTION: &str = "hf_home";
const MODELS_OPTION: &str = "models_dir";

impl StoredModel {
    /// The model of a service whose options name a path or a Hugging Face home.
    pub(crate) fn by_path_or_home(plan: &ServicePlan) -> Option<Self> {
        let named = plan.model.starts_with('/').then_some(plan.model.as_str());
        if let Some(path) = option(plan, PATH_OPTION).or(named) {
            return Some(Self::Path(path.into()));
        }
        Some(Self::HuggingFace {
            home: option(plan, HOME_OPTION)?.into(),
            model: plan.model.clone(),
        })
    }

    /// The model of an Ollama service.
    pub(crate) fn of_ollama(plan: &ServicePlan) -> Option<Self> {
        Some(Self::Ollama {
            models: option(plan, MODELS_OPTION)?.into(),
            model: plan.model.clone(),
        })
    }

    /// The plan with its model at `place`: what [`Self::Path`] was copied to, or the copy's home or directory.
    #[must_use]
    pub fn moved(&self, mut plan: ServicePlan, place: &str) -> ServicePlan {
        let option = match self {
            Self::Path(_) => PATH_OPTION,
            Self::HuggingFace { .. } => HOME_OPTION,
            Self::Ollama { .. } => MODELS_OPTION,
        };
        plan.options.insert(option.to_owned(), Value::from(place));
        plan
    }
}

fn option<'p>(plan: &'p ServicePlan, name: &str) -> Option<&'p str> {
    plan.options.get(name)?.as_str()
}
