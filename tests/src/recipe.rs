//! Recipes for tests: short runs whose every part a test can change.

/// A recipe in the making. Values are YAML in flow style, as after a colon.
#[derive(Debug, Clone)]
pub struct Recipe {
    kind: String,
    service: Vec<(String, String)>,
    workload: Vec<(String, String)>,
    rest: Vec<(String, String)>,
}

impl Recipe {
    /// A simulated service with first tokens after 10 ms and gaps of 2 ms, under four clients for a second.
    pub fn simulated() -> Self {
        Self::of("simulator")
            .service("options", "{ttft: 10ms, itl: 2ms}")
            .service("health", "{timeout: 10s, interval: 50ms}")
            .service("restart", "{max: 0}")
    }

    /// A service that already runs at this base URL.
    pub fn external(url: &str, model: &str) -> Self {
        Self::of("openai")
            .service("endpoints", &format!("[\"{url}\"]"))
            .service("model", model)
    }

    /// A service of this kind, with the same load and nothing else.
    pub fn of(kind: &str) -> Self {
        let recipe = Self {
            kind: kind.to_owned(),
            service: Vec::new(),
            workload: Vec::new(),
            rest: Vec::new(),
        };
        recipe
            .workload("load", "{shape: closed, concurrency: 4}")
            .workload("duration", "1s")
            .workload("timeout", "10s")
            .workload(
                "prompts",
                "{source: synthetic, input_tokens: 16, output_tokens: 8}",
            )
    }

    /// Sets a key of `service`.
    #[must_use]
    pub fn service(mut self, key: &str, value: &str) -> Self {
        set(&mut self.service, key, value);
        self
    }

    /// Sets a key of `workload`.
    #[must_use]
    pub fn workload(mut self, key: &str, value: &str) -> Self {
        set(&mut self.workload, key, value);
        self
    }

    /// Sets a key at the top.
    #[must_use]
    pub fn top(mut self, key: &str, value: &str) -> Self {
        set(&mut self.rest, key, value);
        self
    }

    /// One trial for each of these numbers of clients.
    #[must_use]
    pub fn levels(self, concurrency: &[u32]) -> Self {
        self.top(
            "sweep",
            &format!("{{matrix: {{workload.load.concurrency: {concurrency:?}}}}}"),
        )
    }

    /// As a Slurm job of five nodes: two servers with a GPU each, two clients, and the orchestrator alone.
    #[must_use]
    pub fn on_five_nodes(self) -> Self {
        self.top("launch", "{mode: slurm, time_limit: \"00:05:00\"}").top(
            "nodes",
            "{servers: {count: 2, gpus: 1}, clients: {count: 2}, orchestrator: {placement: dedicated}}",
        )
    }

    /// The recipe's text.
    pub fn text(&self) -> String {
        let mut text = format!(
            "schema: hpcbench/v1\nname: test\nservice:\n  kind: {}\n",
            self.kind
        );
        let sections = [
            ("", "  ", &self.service),
            ("workload:\n", "  ", &self.workload),
            ("", "", &self.rest),
        ];
        for (head, indent, entries) in sections {
            text.push_str(head);
            for (key, value) in entries {
                text.extend([indent, key, ": ", value, "\n"]);
            }
        }
        text
    }
}

fn set(entries: &mut Vec<(String, String)>, key: &str, value: &str) {
    match entries.iter_mut().find(|(known, _)| known == key) {
        Some((_, old)) => value.clone_into(old),
        None => entries.push((key.to_owned(), value.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_value_replaces_the_former() {
        let text = Recipe::simulated()
            .workload("duration", "2s")
            .levels(&[1, 2])
            .text();
        assert!(
            text.contains("  duration: 2s\n") && !text.contains("duration: 1s"),
            "{text}"
        );
        assert!(
            text.ends_with("sweep: {matrix: {workload.load.concurrency: [1, 2]}}\n"),
            "{text}"
        );
    }
}
