//! Command lines.

/// Words as a shell would take them.
pub(crate) fn shell_words(words: &[String]) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    let quoted = words.iter().map(|word| {
        if !word.is_empty() && word.chars().all(is_plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_can_be_pasted_into_a_shell() {
        let words = ["hpcbench", "run", "my recipe.yaml", "--set", "a=it's", ""].map(str::to_owned);
        assert_eq!(
            shell_words(&words),
            r"hpcbench run 'my recipe.yaml' --set 'a=it'\''s' ''"
        );
    }
}
