//! Golden cases of the fill rules: a folder each in `cases/`, with numbers computed by hand.
