//! When a usage limit ends, as its banner says it.
