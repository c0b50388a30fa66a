//! Programs in place of `vllm`, for services on several nodes: real vLLM takes minutes to start, and refuses Ray on CPUs.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{Recipe, Workdir, binary};

/// `vllm serve` over Ray: what it would ask of Ray it asks: a worker with a GPU on each node.
const VLLM_OVER_RAY: &str = r#"
import json, os, sys
import ray
ray.init(log_to_driver=False)
@ray.remote(num_cpus=0, num_gpus=1)
class Worker:
    def where(self):
        return [ray.get_runtime_context().get_node_id(), os.environ["VLLM_HOST_IP"], os.environ["CUDA_VISIBLE_DEVICES"]]
workers = [Worker.remote() for _ in range(2)]
seen = {"nodes": len(ray.nodes()), "workers": ray.get([worker.where.remote() for worker in workers], timeout=60),
        "token": os.environ["RAY_AUTH_TOKEN"], "key": os.environ["VLLM_API_KEY"], "arguments": sys.argv[1:]}
with open(os.path.join(os.environ["NOTES"], "seen"), "w") as file:
    json.dump(seen, file)
value = lambda name: sys.argv[sys.argv.index(name) + 1]
simulator = os.environ["SIMULATOR"]
os.execv(simulator, [simulator, "simulate", "--host", value("--host"), "--port", value("--port"), "--model", "org/model"])
"#;

/// A program in place of `vllm`, and a directory for what it notes, which it is told in `NOTES`.
#[derive(Debug)]
pub struct VllmStandIn {
    /// The program.
    pub program: PathBuf,
    /// The directory.
    pub notes: PathBuf,
    models: PathBuf,
}

impl VllmStandIn {
    /// Writes it.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn new(workdir: &Workdir, text: &str) -> Result<Self> {
        let program = workdir.write("vllm", text)?;
        fs::set_permissions(&program, Permissions::from_mode(0o755)).context("cannot make it executable")?;
        let [notes, models] = ["notes", "models"].map(|name| workdir.path().join(name));
        for folder in [&notes, &models] {
            fs::create_dir(folder).context("cannot make a directory")?;
        }
        Ok(Self {
            program,
            notes,
            models,
        })
    }

    /// One that asks real Ray, which [`ray`](crate::ray) found, for a worker on each of two nodes.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn over_ray(workdir: &Workdir, ray: &Path) -> Result<Self> {
        let python = ray.with_file_name("python");
        Self::new(workdir, &format!("#!{}{VLLM_OVER_RAY}", python.display()))
    }

    /// A load on it that two levels make, with these options besides.
    ///
    /// # Errors
    ///
    /// The program under test, whose simulator answers, has not been built.
    pub fn recipe(&self, kind: &str, options: &str) -> Result<Recipe> {
        let options = format!(
            "{{program: {}, hf_home: {}, tensor_parallel_size: 2, {options}}}",
            self.program.display(),
            self.models.display()
        );
        let environment = format!(
            "{{SIMULATOR: {}, NOTES: {}}}",
            binary()?.display(),
            self.notes.display()
        );
        Ok(Recipe::of(kind)
            .service("model", "org/model")
            .service("options", &options)
            .service("environment", &environment)
            .service("health", "{timeout: 120s, interval: 200ms}")
            .workload("duration", "4s")
            .top("nodes", "{servers: {count: 2}}")
            .levels(&[2, 4]))
    }

    /// The same over Ray.
    ///
    /// # Errors
    ///
    /// As [`Self::recipe`].
    pub fn recipe_over_ray(&self, ray: &Path) -> Result<Recipe> {
        let options = format!(
            "ray: {{program: {}, gpus: 1, cpus: 1, object_store_memory: 100MiB, client_server: false}}",
            ray.display()
        );
        self.recipe("vllm-ray", &options)
    }

    /// The same in containers of this image, whose programs are those of this machine.
    ///
    /// # Errors
    ///
    /// As [`Self::recipe`]; or Ray's Python does not tell where it is.
    pub fn recipe_over_ray_in(&self, image: &Path, ray: &Path) -> Result<Recipe> {
        let python = ray.with_file_name("python");
        let mut told = Command::new(&python);
        let told = told
            .args(["-c", "import sys; print(sys.prefix); print(sys.base_prefix)"])
            .output()?;
        ensure!(told.status.success(), "{} does not run", python.display());
        let told = String::from_utf8(told.stdout)?;
        let programs = [self.program.as_path(), &binary()?].map(|path| format!("{}:ro", bound(path)));
        let folders = told.lines().chain(["/usr"]);
        let binds: Vec<String> = folders
            .map(|folder| format!("{}:ro", bound(Path::new(folder))))
            .chain(programs)
            .chain([bound(&self.notes)])
            .collect();
        Ok(self
            .recipe_over_ray(ray)?
            .service("image", &format!("{{path: {}}}", image.display()))
            .service("binds", &format!("{binds:?}")))
    }

    /// What [`Self::over_ray`] found.
    ///
    /// # Errors
    ///
    /// It was not started, or is not that one.
    pub fn seen(&self) -> Result<Value> {
        let text = fs::read_to_string(self.notes.join("seen")).context("it noted nothing")?;
        Ok(serde_json::from_str(&text)?)
    }
}

/// A path that is the same inside.
fn bound(path: &Path) -> String {
    format!("{0}:{0}", path.display())
}
