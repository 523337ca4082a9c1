//! Which phase a loop is in, what ends it, what comes next.
