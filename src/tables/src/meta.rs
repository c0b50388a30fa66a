//! What a file of records says about the trial.

use std::collections::HashMap;

use hpcbench_records::{SCHEMA_VERSION, StampSource};
use parquet::file::metadata::KeyValue;

/// What a file of records says about the trial and the client; kept as the file's key-value metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordsMeta {
    /// T0 on the real-time clock, nanoseconds since 1970.
    pub t0_realtime_ns: i64,
    /// How far that may be off, nanoseconds.
    pub t0_error_ns: u64,
    /// Start of the window, nanoseconds since T0.
    pub t1_ns: i64,
    /// End of the window, nanoseconds since T0.
    pub t2_ns: i64,
    /// Where arrival times come from.
    pub stamps: StampSource,
    /// The seed that prompts and arrivals were drawn with: the trial's, and another for each further attempt.
    pub seed: u64,
    /// Version of the load engine.
    pub engine_version: String,
    /// SHA-256 of the tokenizer that prompts were made with; `None` if their lengths are estimates.
    pub tokenizer_hash: Option<String>,
    /// Whether requests shared connections, in words; `None` in files from before it was recorded.
    pub connections: Option<String>,
    /// The engine's threads and the cores they were bound to, in words; `None` in files from before it was recorded.
    pub engine_threads: Option<String>,
}

const SCHEMA: &str = "hpcbench.schema_version";
const T0_REALTIME: &str = "hpcbench.t0_realtime_ns";
const T0_ERROR: &str = "hpcbench.t0_error_ns";
const T1: &str = "hpcbench.t1_ns";
const T2: &str = "hpcbench.t2_ns";
const STAMPS: &str = "hpcbench.stamp_source";
const SEED: &str = "hpcbench.seed";
const ENGINE: &str = "hpcbench.engine_version";
const TOKENIZER: &str = "hpcbench.tokenizer_hash";
const CONNECTIONS: &str = "hpcbench.connections";
const ENGINE_THREADS: &str = "hpcbench.engine_threads";

impl RecordsMeta {
    pub(crate) fn to_key_values(&self) -> Vec<KeyValue> {
        [
            (SCHEMA, Some(SCHEMA_VERSION.to_string())),
            (T0_REALTIME, Some(self.t0_realtime_ns.to_string())),
            (T0_ERROR, Some(self.t0_error_ns.to_string())),
            (T1, Some(self.t1_ns.to_string())),
            (T2, Some(self.t2_ns.to_string())),
            (STAMPS, Some(self.stamps.as_str().to_owned())),
            (SEED, Some(self.seed.to_string())),
            (ENGINE, Some(self.engine_version.clone())),
            (TOKENIZER, self.tokenizer_hash.clone()),
            (CONNECTIONS, self.connections.clone()),
            (ENGINE_THREADS, self.engine_threads.clone()),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some(KeyValue::new(key.to_owned(), Some(value?))))
        .collect()
    }

    /// Reads the metadata back; the error says which key is missing or wrong.
    pub(crate) fn from_key_values(pairs: &[KeyValue]) -> Result<Self, String> {
        let values: HashMap<&str, &str> = pairs
            .iter()
            .filter_map(|pair| Some((pair.key.as_str(), pair.value.as_deref()?)))
            .collect();
        let schema: u32 = parse(&values, SCHEMA)?;
        if schema != SCHEMA_VERSION {
            return Err(format!(
                "it has record schema {schema}, this program reads {SCHEMA_VERSION}"
            ));
        }
        let stamps = match *values.get(STAMPS).unwrap_or(&"") {
            "kernel" => StampSource::Kernel,
            "user" => StampSource::User,
            other => return Err(format!("{STAMPS} is {other:?}")),
        };
        Ok(Self {
            t0_realtime_ns: parse(&values, T0_REALTIME)?,
            t0_error_ns: parse(&values, T0_ERROR)?,
            t1_ns: parse(&values, T1)?,
            t2_ns: parse(&values, T2)?,
            stamps,
            seed: parse(&values, SEED)?,
            engine_version: parse(&values, ENGINE)?,
            tokenizer_hash: values.get(TOKENIZER).map(|&hash| hash.to_owned()),
            connections: values.get(CONNECTIONS).map(|&text| text.to_owned()),
            engine_threads: values.get(ENGINE_THREADS).map(|&text| text.to_owned()),
        })
    }
}

fn parse<T: std::str::FromStr>(values: &HashMap<&str, &str>, key: &str) -> Result<T, String> {
    let value = values.get(key).ok_or_else(|| format!("{key} is missing"))?;
    value.parse().map_err(|_| format!("{key} is {value:?}"))
}
