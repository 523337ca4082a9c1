//! From the file's tables to a resolved fleet.
