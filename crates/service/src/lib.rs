//! SDK: serve a gRPC service the Tenet way in a few lines.
