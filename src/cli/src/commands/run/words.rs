//! The command line as the log keeps it: without secrets.

/// A word of a path that names a secret.
const SECRET_WORDS: [&str; 8] = [
    "secret",
    "secrets",
    "password",
    "passwd",
    "token",
    "key",
    "apikey",
    "credentials",
];

/// The command line with the values of overrides that may be secret replaced by `***`.
pub(super) fn without_secrets(words: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut is_override = false;
    let mut result = Vec::new();
    for word in words {
        let cleaned = match word.strip_prefix("--set=") {
            Some(text) => format!("--set={}", masked(text)),
            None if is_override => masked(&word),
            None => word.clone(),
        };
        is_override = word == "--set" && !is_override;
        result.push(cleaned);
    }
    result
}

fn masked(text: &str) -> String {
    match text.split_once('=') {
        Some((path, _)) if names_a_secret(path) => format!("{path}=***"),
        _ => text.to_owned(),
    }
}

fn names_a_secret(path: &str) -> bool {
    // Whole words: the number of output tokens is no secret.
    path.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| SECRET_WORDS.contains(&word.to_ascii_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secrets_are_masked() {
        let words = [
            "hpcbench",
            "run",
            "r.yaml",
            "--set",
            "service.environment.HF_TOKEN=hf_1",
            "--set=service.environment.API-KEY=a=b",
            "--set",
            "workload.prompts.output_tokens=8",
        ];
        let cleaned = without_secrets(words.map(str::to_owned));
        let expected = [
            "hpcbench",
            "run",
            "r.yaml",
            "--set",
            "service.environment.HF_TOKEN=***",
            "--set=service.environment.API-KEY=***",
            "--set",
            "workload.prompts.output_tokens=8",
        ];
        assert_eq!(cleaned, expected);
    }
}
