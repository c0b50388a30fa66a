//! Lines that fit.

/// A line is never narrower than this, whatever its place and indentation leave.
const NARROWEST: usize = 20;

/// Adds the text to `out` in lines of at most `width` columns, broken between words. The first line begins with
/// `first`, further ones are indented as far.
pub(crate) fn push_wrapped(out: &mut String, first: &str, text: &str, width: usize) {
    let indent = first.chars().count();
    let room = width.saturating_sub(indent).max(NARROWEST);
    out.push_str(first);
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > room {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            used = 0;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += length;
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(first: &str, text: &str, width: usize) -> String {
        let mut out = String::new();
        push_wrapped(&mut out, first, text, width);
        out
    }

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(
            wrapped("- ", "a text of several words that goes on", 24),
            "- a text of several\n  words that goes on\n"
        );
        assert_eq!(wrapped("  ", "short", 80), "  short\n");
        assert_eq!(wrapped("", "", 80), "\n");
    }

    #[test]
    fn a_word_that_is_too_long_has_a_line_of_its_own() {
        let long = "x".repeat(30);
        assert_eq!(wrapped("", &format!("a {long} b"), 10), format!("a\n{long}\nb\n"));
    }
}
