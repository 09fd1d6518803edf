//! Tables of raw heads and what becomes of them.
