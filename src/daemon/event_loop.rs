//! One turn after the other: collect, decide, save, perform.
