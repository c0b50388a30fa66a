//! The text that is generated: words in a circle. None of them needs escaping in JSON.

const WORDS: [&str; 16] = [
    " the", " quick", " brown", " fox", " jumps", " over", " a", " lazy", " dog", " while", " many",
    " clients", " wait", " for", " their", " tokens",
];

/// The text of token `index`.
pub(super) fn token(index: u32) -> &'static str {
    WORDS
        .get(index as usize % WORDS.len())
        .copied()
        .unwrap_or_default()
}

/// Appends the text of `count` tokens from `first` on.
pub(super) fn append(out: &mut Vec<u8>, first: u32, count: u32) {
    for index in first..first.saturating_add(count) {
        out.extend_from_slice(token(index).as_bytes());
    }
}

/// The text of the first `count` tokens.
pub(super) fn all(count: u32) -> String {
    (0..count).map(token).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_single_tokens_and_plain() {
        for word in WORDS {
            assert_eq!(word.split_ascii_whitespace().count(), 1);
            assert_eq!(serde_json::to_string(word).unwrap(), format!("\"{word}\""));
        }
        let mut out = Vec::new();
        append(&mut out, 15, 2);
        assert_eq!(out, b" tokens the");
        assert_eq!(all(2), " the quick");
    }
}
