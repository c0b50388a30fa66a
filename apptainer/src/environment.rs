//! Which variables a program inside a container gets, and how.
//!
//! `--cleanenv` keeps the host's variables out; `APPTAINERENV_NAME` in Apptainer's own environment becomes `NAME` inside. So
//! no value is ever an argument, which every user of the node could read.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

/// What makes a variable one of the container.
const PREFIX: &str = "APPTAINERENV_";
/// Variables of the node that a service's libraries need: which GPUs, which network.
const ALLOWED: [&str; 3] = ["CUDA_VISIBLE_DEVICES", "FI_PROVIDER", "OMP_NUM_THREADS"];
/// Beginnings of such variables.
const ALLOWED_PREFIXES: [&str; 3] = ["NCCL_", "UCX_", "GLOO_"];
/// Variables of the agent that Apptainer itself needs; none of them gets into the container.
pub(crate) const FOR_APPTAINER: [&str; 7] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "APPTAINER_CONFIGDIR",
];
/// Where libraries keep what they have compiled or fetched: variables, and directories below the home.
const CACHES: [(&str, &str); 5] = [
    ("HF_HOME", ".cache/huggingface"),
    ("TORCHINDUCTOR_CACHE_DIR", ".cache/torchinductor"),
    ("TRITON_CACHE_DIR", ".cache/triton"),
    ("VLLM_CACHE_ROOT", ".cache/vllm"),
    ("XDG_CACHE_HOME", ".cache"),
];

/// The variables of an environment that a container gets without being asked to.
pub fn allowed_variables(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> BTreeMap<String, OsString> {
    let is_allowed = |name: &str| {
        ALLOWED.contains(&name) || ALLOWED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    };
    environment
        .into_iter()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| is_allowed(name))
        .collect()
}

/// The name by which Apptainer hands it on.
pub fn inside(name: &str) -> String {
    format!("{PREFIX}{name}")
}

/// What every container gets, unless the service says otherwise.
pub(crate) fn defaults(home: &Path) -> BTreeMap<String, OsString> {
    let caches = CACHES.map(|(name, path)| (name.to_owned(), home.join(path).into_os_string()));
    let fixed = [
        // Packages below the user's home would hide those of the image.
        ("PYTHONNOUSERSITE", "1"),
        ("TMPDIR", "/tmp"),
        // The host's proxies are not passed on; neither should an image's own stand between service and clients.
        ("no_proxy", "*"),
        ("NO_PROXY", "*"),
    ];
    let fixed = fixed.map(|(name, value)| (name.to_owned(), OsString::from(value)));
    caches.into_iter().chain(fixed).collect()
}

/// Whether a variable is about proxies: a service that sets one wants it used.
pub(crate) fn is_about_proxies(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with("_proxy")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_on_the_list_gets_through() {
        let host = [
            ("CUDA_VISIBLE_DEVICES", "0,1"),
            ("NCCL_IB_HCA", "mlx5_0"),
            ("UCX_NET_DEVICES", "x"),
            ("GLOO_SOCKET_IFNAME", "ib0"),
            ("OMP_NUM_THREADS", "4"),
            ("HF_TOKEN", "secret"),
            ("https_proxy", "http://proxy"),
            ("PYTHONPATH", "/home/me"),
            ("XNCCL_A", "no"),
        ];
        let names: Vec<String> = allowed_variables(host.map(|(name, value)| (name.into(), value.into())))
            .into_keys()
            .collect();
        let expected = [
            "CUDA_VISIBLE_DEVICES",
            "GLOO_SOCKET_IFNAME",
            "NCCL_IB_HCA",
            "OMP_NUM_THREADS",
            "UCX_NET_DEVICES",
        ];
        assert_eq!(names, expected);
    }
}
