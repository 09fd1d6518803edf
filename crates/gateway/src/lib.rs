//! The data plane: one request, phase by phase.
