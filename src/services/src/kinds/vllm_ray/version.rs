//! Whether Ray's version keeps other users of the network away.

/// The first version that knows tokens.
const WITH_TOKENS: (u32, u32) = (2, 52);

/// What is wrong with the version that `ray --version` has printed.
pub(super) fn judge(printed: &str, insecure: bool) -> Result<(), String> {
    let found = printed.lines().find_map(version).ok_or_else(|| {
        let shown: String = printed.trim().chars().take(200).collect();
        format!("`ray --version` tells no version: {shown:?}")
    })?;
    if found >= WITH_TOKENS || insecure {
        return Ok(());
    }
    Err(format!(
        "Ray {}.{} lets everybody who reaches its port run programs as you: tokens need {}.{}; use a newer one, or accept that with \
         service.insecure: true",
        found.0, found.1, WITH_TOKENS.0, WITH_TOKENS.1
    ))
}

/// The version in `ray, version 2.60.0`.
fn version(line: &str) -> Option<(u32, u32)> {
    let (_, version) = line.split_once("ray, version ")?;
    let mut numbers = version.trim().split('.');
    let mut next = || numbers.next()?.parse().ok();
    Some((next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_without_tokens_have_to_be_accepted() {
        assert_eq!(judge("ray, version 2.60.0\n", false), Ok(()));
        assert_eq!(judge("a warning\nray, version 2.52.0\n", false), Ok(()));
        assert_eq!(judge("ray, version 3.0.0.dev0\n", false), Ok(()));
        for old in ["ray, version 2.51.1\n", "ray, version 1.99.0\n"] {
            assert!(judge(old, false).unwrap_err().contains("service.insecure: true"));
            assert_eq!(judge(old, true), Ok(()));
        }
    }

    #[test]
    fn what_is_no_version_is_shown() {
        for printed in ["", "ray, version unknown", "bash: ray: command not found"] {
            assert!(judge(printed, true).unwrap_err().contains("tells no version"));
        }
    }
}
