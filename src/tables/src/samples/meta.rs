//! What a file of samples says about itself.

use parquet::file::metadata::KeyValue;

/// Version of the table's columns; written into every file of samples.
const SAMPLES_VERSION: u32 = 1;

/// What a file of samples says about itself; kept as the file's key-value metadata, under names that begin with `hpcbench.`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SamplesMeta {
    /// The node's token.
    pub node: String,
    /// When `t_ns` is 0, on the real-time clock, nanoseconds since 1970.
    pub t0_realtime_ns: i64,
    /// How far that may be off, nanoseconds.
    pub t0_error_ns: u64,
    /// Samples that there was no room for.
    pub dropped: u64,
    /// Why samples of GPUs are missing; `None` where there are some.
    pub gpu_absent: Option<String>,
}

impl SamplesMeta {
    pub(super) fn to_key_values(&self) -> Vec<KeyValue> {
        [
            ("samples_version", Some(SAMPLES_VERSION.to_string())),
            ("node", Some(self.node.clone())),
            ("t0_realtime_ns", Some(self.t0_realtime_ns.to_string())),
            ("t0_error_ns", Some(self.t0_error_ns.to_string())),
            ("dropped", Some(self.dropped.to_string())),
            ("gpu_absent", self.gpu_absent.clone()),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some(KeyValue::new(format!("hpcbench.{key}"), Some(value?))))
        .collect()
    }
}
