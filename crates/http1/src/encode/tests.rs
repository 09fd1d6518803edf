//! What goes out, byte for byte.
