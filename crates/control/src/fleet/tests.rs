//! Tests of the fleet over snapshots made by collectors.
