//! The durable, bounded event log.
