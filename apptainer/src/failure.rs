//! What Apptainer's words mean when an image cannot be fetched.

use std::fmt;

/// Why an image cannot be fetched, as far as Apptainer's words tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The disk or the quota is full.
    NoSpace,
    /// The registry cannot be reached.
    NoNetwork,
    /// The registry wants to know who asks, or says no.
    Refused,
    /// There is no such image.
    NotFound,
    /// Files cannot be unpacked with the user's rights.
    NoRights,
    /// Something else.
    Other,
}

/// Words, in lower case, by which each kind is known. The first that fits counts.
const WORDS: [(FailureKind, &[&str]); 5] = [
    (
        FailureKind::NoSpace,
        &[
            "no space left on device",
            "disk quota exceeded",
            "enospc",
            "edquot",
        ],
    ),
    (
        FailureKind::NoNetwork,
        &[
            "no such host",
            "dial tcp",
            "network is unreachable",
            "connection refused",
            "connection reset",
            "i/o timeout",
            "tls handshake timeout",
            "temporary failure in name resolution",
            "proxyconnect",
        ],
    ),
    (
        FailureKind::Refused,
        &[
            "unauthorized",
            "authentication required",
            "access to the resource is denied",
            "requested access",
            "403 forbidden",
            "401 ",
            "toomanyrequests",
        ],
    ),
    (
        FailureKind::NotFound,
        &[
            "manifest unknown",
            "name unknown",
            "404",
            "not found",
            "no such file or directory",
        ],
    ),
    (
        FailureKind::NoRights,
        &[
            "operation not permitted",
            "permission denied",
            "no subuid",
            "user namespace",
        ],
    ),
];

impl FailureKind {
    /// Reads what Apptainer wrote before it gave up.
    pub(crate) fn of(output: &str) -> Self {
        let output = output.to_lowercase();
        let found = WORDS
            .iter()
            .find(|(_, words)| words.iter().any(|word| output.contains(word)));
        found.map_or(Self::Other, |(kind, _)| *kind)
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSpace => {
                "the disk or the quota is full: name a roomier directory in `storage.scratch` or APPTAINER_TMPDIR, or \
                 another place for the image"
            }
            Self::NoNetwork => {
                "the registry cannot be reached: compute nodes often have no internet, so fetch images on a login node, \
                 with https_proxy set where the site needs it"
            }
            Self::Refused => {
                "the registry refuses: log in with `apptainer registry login`, or set APPTAINER_DOCKER_USERNAME and \
                 APPTAINER_DOCKER_PASSWORD; some registries also refuse who asks too often"
            }
            Self::NotFound => "there is no such image: check the name and the tag in `service.image.source`",
            Self::NoRights => {
                "this user may not unpack it: Apptainer needs user namespaces or entries in /etc/subuid for that"
            }
            Self::Other => "Apptainer failed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apptainers_words_are_understood() {
        let cases = [
            (
                "FATAL:   While making image from oci registry: error fetching image to cache: failed to get checksum \
                 for docker://ollama/ollama:0.12.6: pinging container registry registry-1.docker.io: Get \
                 \"https://registry-1.docker.io/v2/\": dial tcp: lookup registry-1.docker.io: no such host",
                FailureKind::NoNetwork,
            ),
            (
                "FATAL: while extracting: write /x/rootfs: no space left on device",
                FailureKind::NoSpace,
            ),
            (
                "mksquashfs: Write failed because Disk quota exceeded",
                FailureKind::NoSpace,
            ),
            (
                "reading manifest 9 in docker.io/a/b: manifest unknown",
                FailureKind::NotFound,
            ),
            (
                "Unable to build from /x.def: unable to open file /x.def: open /x.def: no such file or directory",
                FailureKind::NotFound,
            ),
            (
                "errors:\ndenied: requested access to the resource is denied\nunauthorized: authentication required",
                FailureKind::Refused,
            ),
            ("FATAL: could not parse reference", FailureKind::Other),
        ];
        for (output, kind) in cases {
            assert_eq!(FailureKind::of(output), kind, "{output}");
        }
    }
}
