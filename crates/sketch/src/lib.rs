//! The latency histogram: exponential buckets of base 2^(1/32), mergeable, exact count, sum, min and max.
