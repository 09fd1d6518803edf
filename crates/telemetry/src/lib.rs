//! Recording per thread, merging per second, series, events, alarms, OpenMetrics.
