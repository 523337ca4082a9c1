//! Reads what a start needs and writes its kickoff and launch file.
