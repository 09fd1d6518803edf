//! Options out of descriptors.
