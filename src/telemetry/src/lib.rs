//! What nodes and services say of themselves while they are measured: samplers, scraping, and the table of samples.
