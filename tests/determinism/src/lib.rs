//! Properties of whole runs: conservation, causality, equal journals for equal inputs.
