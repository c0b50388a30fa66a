//! Standard output and standard error: who may have colour, and how text gets there.

use std::io::{self, IsTerminal, Write};

use hpcbench_report::Style;

/// Whether what is printed on standard output may be coloured.
pub(crate) fn colour_on_stdout() -> bool {
    is_capable(&io::stdout()) && colour_is_wanted()
}

/// Whether what is printed on standard error may be coloured.
pub(crate) fn colour_on_stderr() -> bool {
    is_capable(&io::stderr()) && colour_is_wanted()
}

/// Whether lines on standard error can be drawn anew.
pub(crate) fn can_draw_on_stderr() -> bool {
    is_capable(&io::stderr())
}

fn is_capable(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
}

fn colour_is_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// How text is laid out on standard output.
pub(crate) fn style_of_stdout() -> Style {
    let width = terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0.into());
    Style {
        colour: colour_on_stdout(),
        width: width.unwrap_or(Style::PLAIN.width),
    }
}

/// What an error message begins with.
pub(crate) fn error_label() -> &'static str {
    if colour_on_stderr() {
        "\u{1b}[1;31merror:\u{1b}[0m"
    } else {
        "error:"
    }
}

/// Prints data on standard output.
///
/// # Errors
/// Nobody reads it, or the disk is full.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Prints a value as one JSON document on standard output.
///
/// # Errors
/// Nobody reads it, or the disk is full.
pub(crate) fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(print(&text)?)
}

/// Says something on standard error. Where nobody listens any more there is nobody to tell.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
