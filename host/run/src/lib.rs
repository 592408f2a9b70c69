//! One run: configuration, wiring of data, plugins and engine, and the run folder.
