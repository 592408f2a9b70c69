//! Plugin files: finding, building, checking and describing them.
