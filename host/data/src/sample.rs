//! The bundled sample.
