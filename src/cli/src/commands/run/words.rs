//! The command line as the log keeps it: without secrets.

use hpcbench_recipes::without_secrets as masked;

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
            "--set=service.environment={HF_TOKEN: hf_1}",
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
            "--set=service.environment=***",
            "--set",
            "workload.prompts.output_tokens=8",
        ];
        assert_eq!(cleaned, expected);
    }
}
