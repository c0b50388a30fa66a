//! Models of the Hugging Face hub, by the hub's own command.

use anyhow::bail;
use hpcbench_recipes::ServicePlan;

use super::store::alone_in;
use super::{directory, option};
use crate::commands::programs::Programs;
use crate::exit::Failure;
use crate::terminal;

/// The hub's command, by its names: the former one is gone from new images, the latter not yet in old ones.
const COMMANDS: [&str; 2] = ["hf", "huggingface-cli"];

/// Fetches the service's model into the directory where vLLM looks for it.
pub(super) fn pull(service: &ServicePlan, programs: &Programs) -> anyhow::Result<()> {
    if let Some(path) = option(service, "model_path") {
        terminal::say(&format!(
            "nothing to fetch for {}: it is read from {path}",
            service.model
        ));
        return Ok(());
    }
    let model = service.model.as_str();
    if model.starts_with('/') {
        terminal::say(&format!("nothing to fetch: {model} is a directory"));
        return Ok(());
    }
    let home = directory(service, "hf_home")?;
    let revision = option(service, "revision");
    if revision.is_none() {
        terminal::say(&format!(
            "the recipe pins no revision of {model}: name a commit in `service.options.revision`, so that every run loads the \
             same files"
        ));
    }
    let variables = [
        ("HF_HOME", home.display().to_string()),
        ("HF_HUB_OFFLINE", "0".to_owned()),
        ("HF_HUB_DISABLE_TELEMETRY", "1".to_owned()),
    ];
    alone_in(&home, || {
        let mut found = None;
        for name in COMMANDS {
            if programs
                .run(&[name, "--help"], &home, &variables, false)?
                .success()
            {
                found = Some(name);
                break;
            }
        }
        let Some(name) = found else {
            return Err(Failure::Environment(format!(
                "there is neither `hf` nor `huggingface-cli` in {}: install huggingface_hub there, or fetch {model} into {} \
                 elsewhere",
                programs.place(),
                home.display()
            ))
            .into());
        };
        let words: Vec<&str> = [name, "download", model]
            .into_iter()
            .chain(revision.into_iter().flat_map(|revision| ["--revision", revision]))
            .collect();
        let status = programs.run(&words, &home, &variables, true)?;
        if !status.success() {
            bail!(
                "failed to fetch {model}: `{}` ended with {status}; a model that wants a login needs `service.secrets: {{HF_TOKEN: \
                 {{file: …}}}}`",
                words.join(" ")
            );
        }
        terminal::say(&format!("{model} is in {}", home.display()));
        Ok(())
    })
}
