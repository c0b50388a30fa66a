//! What the measurements are worth.
