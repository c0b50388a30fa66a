//! A recipe that is left to Slurm, from outside.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::events::{events, history, of_type};
use crate::sound::expect_sound;
use crate::{Cluster, Hpcbench, Job, Recipe, Workdir, wait_until};

/// The states in which Slurm does nothing more for a job.
const ENDED: [&str; 5] = ["COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL"];

/// How long whatever is left of a run may take to go.
const SETTLE: Duration = Duration::from_secs(20);

/// A recipe in a world on the file system that all nodes of a cluster share, and the run that it becomes.
#[derive(Debug)]
pub struct Submission<'c> {
    cluster: &'c Cluster,
    workdir: Workdir,
    recipe: PathBuf,
}

impl<'c> Submission<'c> {
    /// Writes the recipe.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn of(cluster: &'c Cluster, recipe: &Recipe) -> Result<Self> {
        Self::of_text(cluster, &recipe.text())
    }

    /// The same with the recipe's text.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn of_text(cluster: &'c Cluster, text: &str) -> Result<Self> {
        let workdir = cluster.workdir()?;
        let recipe = workdir.write("recipe.yaml", text)?;
        Ok(Self {
            cluster,
            workdir,
            recipe,
        })
    }

    /// The cluster.
    pub const fn cluster(&self) -> &'c Cluster {
        self.cluster
    }

    /// Its world.
    pub fn workdir(&self) -> &Workdir {
        &self.workdir
    }

    /// The run's directory.
    pub fn run(&self) -> PathBuf {
        self.workdir.run()
    }

    /// `hpcbench COMMAND` with the recipe, on the login node. `run` and `submit` make [`Self::run`].
    ///
    /// # Errors
    ///
    /// The program has not been built.
    pub fn with_recipe(&self, command: &str) -> Result<Hpcbench> {
        let command = self.cluster.hpcbench(&self.workdir)?.arg(command);
        Ok(command.arg(&self.recipe))
    }

    /// `hpcbench submit` of the recipe, from the login node.
    ///
    /// # Errors
    ///
    /// The program has not been built.
    pub fn submitting(&self) -> Result<Hpcbench> {
        Ok(self.with_recipe("submit")?.arg("--run-dir").arg(self.run()))
    }

    /// Submits it and returns the job's id.
    ///
    /// # Errors
    ///
    /// It is refused.
    pub fn submit(&self) -> Result<String> {
        let submitted = self.submitting()?.run()?.expect_code(0)?;
        Ok(submitted.stdout.trim().to_owned())
    }

    /// `hpcbench COMMAND` with the run, on the login node.
    ///
    /// # Errors
    ///
    /// The program has not been built.
    pub fn with_run(&self, command: &str) -> Result<Hpcbench> {
        let command = self.cluster.hpcbench(&self.workdir)?.arg(command);
        Ok(command.arg(self.run()))
    }

    /// What `hpcbench status` says, as scripts read it.
    ///
    /// # Errors
    ///
    /// It says nothing, or no JSON.
    pub fn status(&self) -> Result<Value> {
        let status = self.with_run("status")?.args(["--format", "json"]);
        status.run()?.expect_code(0)?.json()
    }

    /// The run's events so far.
    ///
    /// # Errors
    ///
    /// There is no log, or a line of it is no event.
    pub fn events(&self) -> Result<Vec<Value>> {
        events(&self.run())
    }

    /// Waits until the log has so many events of this type, and returns all its events.
    ///
    /// # Errors
    ///
    /// It has not, within the limit; the error has the types that it has, and the job's own output.
    pub fn wait_events(&self, count: usize, kind: &str, limit: Duration) -> Result<Vec<Value>> {
        let what = format!("{count} events {kind}");
        let found = wait_until(limit, &what, || {
            let events = self.events().unwrap_or_default();
            Ok((of_type(&events, kind).len() >= count).then_some(events))
        });
        found.with_context(|| self.diagnosis())
    }

    /// Waits until the job has ended in whatever way.
    ///
    /// # Errors
    ///
    /// It has not, within the limit.
    pub fn wait_end(&self, job: &str, limit: Duration) -> Result<Job> {
        let ended = self.cluster.wait_job(job, &ENDED, limit);
        ended.with_context(|| self.diagnosis())
    }

    /// What the jobs of the run have written.
    pub fn output(&self) -> String {
        let mut logs: Vec<PathBuf> = fs::read_dir(self.run().join("job"))
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|ending| ending == "log"))
            .collect();
        logs.sort();
        let texts = logs.iter().filter_map(|path| fs::read(path).ok());
        texts
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .collect()
    }

    /// Expects that no process of the run is left on any node, and nothing on their disks.
    ///
    /// # Errors
    ///
    /// Something is.
    pub fn expect_nothing_left(&self) -> Result<()> {
        self.workdir.expect_no_process(SETTLE)?;
        for node in ["ctl", "node1", "node2", "node3", "node4", "node5"] {
            let tmp = fs::read_dir(self.cluster.local_tmp(node))?;
            let left: Vec<PathBuf> = tmp
                .map(|entry| Ok(entry?.path()))
                .collect::<Result<_, std::io::Error>>()?;
            ensure!(left.is_empty(), "left on the disk of {node}: {left:?}");
        }
        let greetings = fs::read_dir(self.run().join("job/greetings"));
        let greetings = greetings.into_iter().flatten().count();
        ensure!(
            greetings == 0,
            "{greetings} passwords are left in the run directory"
        );
        ensure!(!self.run().join("bus.json").exists(), "bus.json outlives its bus");
        Ok(())
    }

    /// Expects that the run has ended with each of its trials completed once, whatever happened to its jobs, and that nothing is
    /// left of it.
    ///
    /// # Errors
    ///
    /// Something of it does not hold.
    pub fn expect_sound(&self, trials: usize) -> Result<()> {
        expect_sound(&self.workdir, trials, &history(&self.run())?).with_context(|| self.diagnosis())?;
        self.expect_nothing_left()
    }

    /// What somebody wants to see when a test fails.
    pub fn diagnosis(&self) -> String {
        let events = self.events().unwrap_or_default();
        format!(
            "events: {}\nthe job wrote:\n{}",
            kinds(&events).join(" "),
            self.output()
        )
    }
}

/// The types of events, in order.
pub fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["type"].as_str()).collect()
}
