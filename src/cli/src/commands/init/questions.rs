//! The questions, each with a default, and each answer checked at once.

use std::path::Path;

use hpcbench_recipes::recipe::{Endpoint, ServiceKind};
use hpcbench_recipes::{Diagnostic, Draft, KindDescription, RecipeChecker, ServiceCatalog};
use hpcbench_services::REGISTRY;
use serde_json::{Value, json};

use super::answers;
use crate::prompt::Prompt;
use crate::recipe_file::RecipeFile;

/// What is to be benchmarked.
struct Chosen {
    kind: ServiceKind,
    about: KindDescription,
}

impl Chosen {
    /// Whether somebody has to say which model it has.
    fn needs_model(&self) -> bool {
        self.about.default_model.is_none()
    }
}

/// Load shapes, and the key that says how much of it there is.
const SHAPES: [(&str, &str, &str); 3] = [
    (
        "closed",
        "concurrency",
        "each client waits for its answer before it asks again",
    ),
    (
        "poisson",
        "rate",
        "requests come as from independent users, whether the service keeps up or not",
    ),
    ("constant", "rate", "requests come in equal distances"),
];

/// One conversation with a user.
pub(super) struct Interview<'a> {
    prompt: &'a Prompt,
    checker: &'a RecipeChecker<'static>,
    path: &'a Path,
    draft: &'a mut Draft,
}

impl<'a> Interview<'a> {
    pub(super) fn new(
        prompt: &'a Prompt,
        checker: &'a RecipeChecker<'static>,
        path: &'a Path,
        draft: &'a mut Draft,
    ) -> Self {
        Self {
            prompt,
            checker,
            path,
            draft,
        }
    }

    /// Asks everything.
    ///
    /// # Errors
    /// The terminal is gone, or nobody wants to answer.
    pub(super) fn ask(&mut self) -> anyhow::Result<()> {
        self.draft.put("schema", "hpcbench/v1");
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        self.text("name", "Name of the benchmark", &answers::name(&stem), None)?;
        let chosen = self.kind()?;
        let on_cluster = self.place(&chosen)?;
        self.service(&chosen, on_cluster)?;
        self.load(&chosen)?;
        self.window()
    }

    /// Asks for the value at a path until it is none that is wrong there; an empty answer leaves it out.
    fn text(
        &mut self,
        path: &str,
        question: &str,
        default: &str,
        remark: Option<&str>,
    ) -> anyhow::Result<()> {
        let answer = {
            let (draft, checker, file) = (&*self.draft, self.checker, self.path);
            let check = |answer: &str| wrong(draft, checker, file, path, answers::value(answer));
            let or_nothing = |answer: &str| if answer.is_empty() { Ok(()) } else { check(answer) };
            self.prompt.text(question, default, &or_nothing)?
        };
        if !answer.is_empty() {
            self.put(path, answers::value(&answer), remark);
        }
        Ok(())
    }

    /// The same for a value that there must be.
    fn needed(
        &mut self,
        path: &str,
        question: &str,
        default: &str,
        remark: Option<&str>,
    ) -> anyhow::Result<()> {
        let answer = {
            let (draft, checker, file) = (&*self.draft, self.checker, self.path);
            let check = |answer: &str| match answer {
                "" => Err("there must be an answer".to_owned()),
                answer => wrong(draft, checker, file, path, json!(answer)),
            };
            self.prompt.text(question, default, &check)?
        };
        self.put(path, json!(answer), remark);
        Ok(())
    }

    /// One value or several: the sweep goes through them.
    fn levels(&mut self, path: &str, question: &str, default: &str) -> anyhow::Result<()> {
        let answer = {
            let (draft, checker, file) = (&*self.draft, self.checker, self.path);
            let check = |answer: &str| match answers::values(answer).as_slice() {
                [] => Err("there must be an answer".to_owned()),
                values => values
                    .iter()
                    .try_for_each(|value| wrong(draft, checker, file, path, value.clone())),
            };
            self.prompt.text(question, default, &check)?
        };
        self.draft.put_levels(path, &answers::values(&answer));
        Ok(())
    }

    fn put(&mut self, path: &str, value: Value, remark: Option<&str>) {
        match remark {
            Some(remark) => self.draft.put_with(path, value, remark),
            None => self.draft.put(path, value),
        }
    }

    fn kind(&mut self) -> anyhow::Result<Chosen> {
        let kinds = REGISTRY.kinds().into_iter();
        let mut known: Vec<Chosen> = kinds
            .filter_map(|kind| {
                let about = REGISTRY.describe(&kind)?;
                Some(Chosen { kind, about })
            })
            .collect();
        let choices: Vec<String> = known
            .iter()
            .map(|Chosen { kind, about }| format!("{kind}: {}", about.summary.trim_end_matches('.')))
            .collect();
        let index = self.prompt.choose("What is to be benchmarked?", &choices)?;
        anyhow::ensure!(index < known.len(), "this build has no kinds of services");
        Ok(known.swap_remove(index))
    }

    /// Where the run happens; true: as a Slurm job.
    fn place(&mut self, chosen: &Chosen) -> anyhow::Result<bool> {
        let choices = ["on this machine".to_owned(), "as a Slurm job".to_owned()];
        if self.prompt.choose("Where?", &choices)? == 0 {
            return Ok(false);
        }
        self.draft.put("launch.mode", "slurm");
        self.text(
            "launch.site",
            "Site file (meluxina, generic, or one of your own)",
            "generic",
            Some("partitions, modules, network and scratch of the cluster"),
        )?;
        self.text("launch.account", "Project account (none: your default)", "", None)?;
        self.text("launch.partition", "Partition (none: the site's)", "", None)?;
        self.needed("launch.time_limit", "Time limit of the job", "01:00:00", None)?;
        if chosen.about.launches {
            self.text("nodes.servers.count", "Server nodes", "1", None)?;
            if chosen.needs_model() {
                self.text("nodes.servers.gpus", "GPUs of each server node", "1", None)?;
            }
        }
        self.text("nodes.clients.count", "Client nodes", "1", None)?;
        Ok(true)
    }

    /// What is asked of a service. Kinds that need more than a model have questions of their own.
    fn service(&mut self, chosen: &Chosen, on_cluster: bool) -> anyhow::Result<()> {
        let Chosen { kind, about } = chosen;
        self.draft.put("service.kind", kind.as_str());
        if !about.launches {
            self.endpoint()?;
        }
        match kind.as_str() {
            "ollama" => self.ollama()?,
            "vllm" | "vllm-ray" => self.vllm(on_cluster)?,
            "llama-cpp" => self.llama_cpp()?,
            "custom" => self.custom()?,
            _ if chosen.needs_model() => {
                self.needed("service.model", "Model, as the server lists it", "default", None)?;
            }
            _ => {}
        }
        if !about.launches || !chosen.needs_model() {
            return Ok(());
        }
        let default = if on_cluster {
            format!("images/{kind}.sif")
        } else {
            String::new()
        };
        self.text(
            "service.image.path",
            "Container image (none: the program on PATH)",
            &default,
            Some("fetched before the run: `hpcbench images pull`"),
        )
    }

    fn ollama(&mut self) -> anyhow::Result<()> {
        self.needed("service.model", "Model, with its tag", "llama3.1:8b", None)?;
        self.needed(
            "service.options.models_dir",
            "Directory with Ollama's models",
            "/path/to/ollama/models",
            Some("seen by all server nodes; servers only read it"),
        )?;
        self.text(
            "service.options.num_parallel",
            "Requests that an instance serves at once",
            "32",
            Some("further ones wait in its queue"),
        )
    }

    fn vllm(&mut self, on_cluster: bool) -> anyhow::Result<()> {
        self.needed("service.model", "Model", "meta-llama/Llama-3.1-8B-Instruct", None)?;
        self.text(
            "service.options.hf_home",
            "Hugging Face's directory (none: the user's own)",
            if on_cluster { "/path/to/huggingface" } else { "" },
            Some("seen by all server nodes; nothing is fetched"),
        )?;
        self.text(
            "service.options.tensor_parallel_size",
            "GPUs that share each layer",
            "1",
            Some("tensor × pipeline × data parallel = an instance's GPUs"),
        )
    }

    fn llama_cpp(&mut self) -> anyhow::Result<()> {
        self.needed("service.model", "Name that requests carry", "local", None)?;
        self.needed(
            "service.options.model_path",
            "The model's GGUF file",
            "/path/to/model.gguf",
            None,
        )?;
        self.text(
            "service.options.slots",
            "Requests served at once",
            "4",
            Some("the others wait"),
        )
    }

    fn custom(&mut self) -> anyhow::Result<()> {
        self.needed("service.model", "Model, as requests name it", "default", None)?;
        let path = "service.options.command";
        let answer = {
            let (draft, checker, file) = (&*self.draft, self.checker, self.path);
            let check = |answer: &str| wrong(draft, checker, file, path, answers::words(answer));
            self.prompt.text(
                "Its command, with {host}, {port} and {model} where they belong",
                "server --host {host} --port {port} --model {model}",
                &check,
            )?
        };
        let remark = "no shell reads it: a word with spaces in it is one text of this list";
        self.draft.put_with(path, answers::words(&answer), remark);
        self.needed(
            "service.options.health_path",
            "Path that answers once it is ready",
            "/health",
            None,
        )
    }

    fn endpoint(&mut self) -> anyhow::Result<()> {
        let answer = {
            let (draft, checker, file) = (&*self.draft, self.checker, self.path);
            let check = |answer: &str| wrong(draft, checker, file, "service.endpoints", json!([answer]));
            self.prompt
                .text("The server's URL", "http://127.0.0.1:8000/v1", &check)?
        };
        self.draft
            .put_with("service.endpoints", json!([answer]), "several are used in turn");
        Ok(())
    }

    fn load(&mut self, chosen: &Chosen) -> anyhow::Result<()> {
        let answered = chosen.about.endpoints;
        let endpoint = match chosen.kind.as_str() {
            "ollama" => Endpoint::OllamaChat,
            _ if answered.contains(&Endpoint::Chat) => Endpoint::Chat,
            _ => answered.first().copied().unwrap_or(Endpoint::Chat),
        };
        self.draft.put("workload.endpoint", endpoint.as_str());
        let choices: Vec<String> = SHAPES
            .iter()
            .map(|(shape, _, words)| format!("{shape}: {words}"))
            .collect();
        let chosen = self.prompt.choose("What kind of load?", &choices)?;
        let (shape, key, remark) = SHAPES.get(chosen).copied().unwrap_or(SHAPES[0]);
        self.draft.put_with("workload.load.shape", shape, remark);
        let question = match key {
            "concurrency" => "Clients at once, over all client nodes; several numbers make a sweep",
            _ => "Requests a second, over all client nodes; several numbers make a sweep",
        };
        self.levels(&format!("workload.load.{key}"), question, "1, 8, 32")
    }

    fn window(&mut self) -> anyhow::Result<()> {
        self.needed("workload.warmup", "Warm-up", "30s", Some("not measured"))?;
        self.needed(
            "workload.duration",
            "Measured for",
            "2m",
            Some("after the warm-up"),
        )?;
        self.draft.put("workload.prompts.source", "synthetic");
        self.text("workload.prompts.input_tokens", "Tokens of a prompt", "256", None)?;
        self.text(
            "workload.prompts.output_tokens",
            "Tokens of an answer",
            "128",
            None,
        )?;
        self.text(
            "sweep.repetitions",
            "How often each point is measured",
            "3",
            Some("comparisons need three or more"),
        )
    }
}

/// What is wrong with a value at a path, if anything is; what is not answered yet does not count.
fn wrong(
    draft: &Draft,
    checker: &RecipeChecker<'static>,
    file: &Path,
    path: &str,
    value: Value,
) -> Result<(), String> {
    let mut draft = draft.clone();
    draft.put(path, value);
    let pointer = format!("/{}", path.replace('.', "/"));
    let recipe = RecipeFile::of_text(file, draft.text()).map_err(|error| error.to_string())?;
    let checked = recipe.check(checker);
    let is_here = |found: &&Diagnostic| found.is_error() && found.pointer.starts_with(&pointer);
    match checked.diagnostics.iter().find(is_here) {
        None => Ok(()),
        Some(found) => Err(match &found.help {
            Some(help) => format!("{}; {help}", found.message),
            None => found.message.clone(),
        }),
    }
}
