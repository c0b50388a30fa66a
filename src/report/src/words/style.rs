//! What the place that a text is shown at can show.

/// What the place that a text is shown at can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether colours are understood and wanted.
    pub colour: bool,
    /// Columns.
    pub width: usize,
}

impl Style {
    /// For files, pipes and whoever has no terminal: no colour, 120 columns.
    pub const PLAIN: Self = Self {
        colour: false,
        width: 120,
    };

    /// The text in a colour, where there are colours.
    pub(crate) fn paint(self, colour: Colour, text: &str) -> String {
        if self.colour {
            format!("\u{1b}[{}m{text}\u{1b}[0m", colour.code())
        } else {
            text.to_owned()
        }
    }
}

impl Default for Style {
    fn default() -> Self {
        Self::PLAIN
    }
}

/// Colours by what they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    /// As it should be.
    Good,
    /// Worth a look.
    Doubtful,
    /// Not as it should be.
    Bad,
    /// Less important than the rest.
    Dim,
}

impl Colour {
    const fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Doubtful => "33",
            Self::Bad => "31",
            Self::Dim => "2",
        }
    }
}
