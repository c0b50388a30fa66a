//! Texts that others wrote: services, operating systems, users.

/// Longest foreign text in a line, in characters.
const MAX_TEXT_CHARS: usize = 400;

/// The text in one line, without anything that a terminal would take for a command, cut where it is too long.
pub(crate) fn one_line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(MAX_TEXT_CHARS));
    for (count, c) in text.trim().chars().enumerate() {
        if count == MAX_TEXT_CHARS {
            shown.push('…');
            break;
        }
        match c {
            '\n' | '\r' | '\t' => shown.push(' '),
            c if c.is_control() || is_invisible(c) => shown.push('\u{fffd}'),
            c => shown.push(c),
        }
    }
    shown
}

/// Marks that change the direction of a text or take no place: they would let it pass for another one.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_to_a_terminal_and_line_ends_do_not_get_through() {
        assert_eq!(one_line("a\n\u{1b}[31mb\u{202e}\t"), "a \u{fffd}[31mb\u{fffd}");
    }

    #[test]
    fn a_long_text_is_cut() {
        let shown = one_line(&"ä".repeat(MAX_TEXT_CHARS + 5));
        assert_eq!(shown.chars().count(), MAX_TEXT_CHARS + 1);
        assert!(shown.ends_with('…'));
        assert_eq!(
            one_line(&"ä".repeat(MAX_TEXT_CHARS)).chars().count(),
            MAX_TEXT_CHARS
        );
    }
}
