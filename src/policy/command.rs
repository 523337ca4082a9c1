//! What is asked of the supervisor, and when it is answered.
