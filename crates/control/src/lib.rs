//! The control plane: the console and its API.
