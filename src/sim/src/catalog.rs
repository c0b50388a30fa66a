//! The models that the service has, and which of them is loaded; the lists that both dialects show.

use hpcbench_timing::{Monotonic, Realtime};
use serde_json::{Value, json};

use crate::api::ApiError;
use crate::render::rfc3339;

/// Most models that can be there; a pull beyond it is refused.
const MAX_MODELS: usize = 64;
/// How long a model claims to stay loaded.
const EXPIRES_AFTER_NANOS: i64 = 300_000_000_000;
/// Size of every model, in bytes.
const MODEL_BYTES: u64 = 4_000_000_000;

/// The models of one service.
#[derive(Debug)]
pub(crate) struct Catalog {
    models: Vec<Model>,
    started: Realtime,
    load_nanos: i64,
}

#[derive(Debug)]
struct Model {
    name: String,
    /// When it is, or was, loaded.
    loaded: Option<Monotonic>,
}

impl Catalog {
    pub(crate) fn new(name: &str, load_nanos: i64, started: Realtime) -> Self {
        Self {
            models: vec![Model {
                name: name.to_owned(),
                loaded: None,
            }],
            started,
            load_nanos,
        }
    }

    /// Whether a model of this name is there. Ollama's names may leave out the tag `latest`.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.models.iter().any(|model| same(&model.name, name))
    }

    /// Loads a model unless it is loaded; nanoseconds from `now` until it is.
    pub(crate) fn load(&mut self, name: &str, now: Monotonic) -> i64 {
        let load_nanos = self.load_nanos;
        let Some(model) = self.models.iter_mut().find(|model| same(&model.name, name)) else {
            return 0;
        };
        let loaded = *model.loaded.get_or_insert(now.plus_nanos(load_nanos));
        loaded.nanos_since(now).max(0)
    }

    pub(crate) fn unload(&mut self, name: &str) {
        for model in self.models.iter_mut().filter(|model| same(&model.name, name)) {
            model.loaded = None;
        }
    }

    /// Adds a model that was pulled.
    pub(crate) fn add(&mut self, name: &str) -> Result<(), ApiError> {
        if self.contains(name) {
            return Ok(());
        }
        if self.models.len() >= MAX_MODELS {
            return Err(ApiError::new(
                500,
                format!("no room for another model: there are {MAX_MODELS}"),
            ));
        }
        self.models.push(Model {
            name: name.to_owned(),
            loaded: None,
        });
        Ok(())
    }

    /// OpenAI's list.
    pub(crate) fn openai_list(&self) -> Value {
        let created = self.started.0 / 1_000_000_000;
        let entry = |model: &Model| json!({ "id": model.name, "object": "model", "created": created, "owned_by": "hpcbench" });
        json!({ "object": "list", "data": self.models.iter().map(entry).collect::<Vec<_>>() })
    }

    /// Ollama's list of what is there.
    pub(crate) fn tags(&self) -> Value {
        let entry = |model: &Model| {
            json!({ "name": model.name, "model": model.name, "modified_at": rfc3339(self.started), "size": MODEL_BYTES,
                    "digest": digest(&model.name), "details": details() })
        };
        json!({ "models": self.models.iter().map(entry).collect::<Vec<_>>() })
    }

    /// Ollama's list of what is loaded.
    pub(crate) fn loaded(&self, now: Monotonic, wall: Realtime) -> Value {
        let expires = rfc3339(Realtime(wall.0 + EXPIRES_AFTER_NANOS));
        let loaded = self
            .models
            .iter()
            .filter(|model| model.loaded.is_some_and(|at| at <= now));
        let entry = |model: &Model| {
            json!({ "name": model.name, "model": model.name, "size": MODEL_BYTES, "digest": digest(&model.name),
                    "details": details(), "expires_at": expires, "size_vram": MODEL_BYTES })
        };
        json!({ "models": loaded.map(entry).collect::<Vec<_>>() })
    }
}

/// A digest that is always the same for one name (FNV-1a, repeated to the length of a SHA-256).
pub(crate) fn digest(name: &str) -> String {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("sha256:{}", format!("{hash:016x}").repeat(4))
}

fn details() -> Value {
    json!({ "parent_model": "", "format": "gguf", "family": "simulated", "families": ["simulated"],
            "parameter_size": "8.0B", "quantization_level": "Q4_K_M" })
}

fn same(have: &str, wanted: &str) -> bool {
    plain(have) == plain(wanted)
}

fn plain(name: &str) -> &str {
    name.strip_suffix(":latest").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Catalog {
        Catalog::new("llama3.1", 100, Realtime(0))
    }

    #[test]
    fn loads_once() {
        let mut catalog = catalog();
        let listed = |catalog: &Catalog, now| catalog.loaded(Monotonic(now), Realtime(0))["models"].clone();
        assert_eq!(listed(&catalog, 0), json!([]));
        assert_eq!(catalog.load("llama3.1", Monotonic(50)), 100);
        assert_eq!(catalog.load("llama3.1:latest", Monotonic(90)), 60);
        assert_eq!(catalog.load("llama3.1", Monotonic(900)), 0);
        assert_eq!(listed(&catalog, 149), json!([]));
        assert_eq!(listed(&catalog, 150)[0]["name"], "llama3.1");
        catalog.unload("llama3.1");
        assert_eq!(listed(&catalog, 900), json!([]));
    }

    #[test]
    fn pulled_models_are_there_up_to_the_limit() {
        let mut catalog = catalog();
        assert!(!catalog.contains("other:7b"));
        catalog.add("other:7b").unwrap();
        catalog.add("other:7b").unwrap();
        assert!(catalog.contains("other:7b"));
        let ids: Vec<_> = catalog.openai_list()["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["id"].clone())
            .collect();
        assert_eq!(ids, ["llama3.1", "other:7b"]);
        let refused = (0..MAX_MODELS)
            .find_map(|n| catalog.add(&format!("m{n}")).err())
            .unwrap();
        assert_eq!(refused.status, 500);
    }

    #[test]
    fn digests_look_like_sha256() {
        assert_eq!(digest("a").len(), "sha256:".len() + 64);
        assert_ne!(digest("a"), digest("b"));
        assert_eq!(catalog().tags()["models"][0]["digest"], digest("llama3.1"));
    }
}
